"""A TOML file of the data directory, and everything that is wrong with it.

A file with a mistake is refused whole, with every mistake named; so whoever reads one gathers them here and looks at the end.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from sessions_app.toml.lines import line_numbers, syntax_error_line

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


class TomlUnreadableError(Exception):
    """The file cannot be read, or is no TOML; the words name file and line."""


@dataclass
class TomlDocument:
    """A parsed file, and what was found wrong with it so far.

    Attributes:
        file: its name, for the words.
        data: what tomllib made of it.
        lines: first line of every table and key.
        problems: each like `agents.toml line 7: agents.main.base_url: missing`.
    """

    file: str
    data: dict[str, Any]
    lines: dict[tuple[str, ...], int]
    problems: list[str] = field(default_factory=list)

    def wrong(self, path: tuple[str, ...], words: str) -> None:
        """Note a mistake at a key, or at the nearest one above it that stands in the file."""
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)
        where = self.file if line is None else f"{self.file} line {line}"
        self.problems.append(f"{where}: {'.'.join(map(toml_key, path))}: {words}")

    def section(
        self,
        model: type[M],
        table: object,
        here: tuple[str, ...],
        *,
        unknown: Callable[[str], str | None] = lambda _key: None,
    ) -> M | None:
        """One table as its model; None when something is wrong with it, which is noted.

        Args:
            model: what it must be.
            table: the parsed table.
            here: where it stands.
            unknown: words for an unknown key that deserves its own; None for the usual ones.
        """
        try:
            return model.model_validate(table)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                words = unknown(str(detail["loc"][-1])) if detail["type"] == "extra_forbidden" else None
                self.wrong((*here, *map(str, detail["loc"])), words or _words(detail, model))
            return None


def document_read(path: Path) -> TomlDocument:
    """Read and parse a file.

    Raises:
        FileNotFoundError: there is none.
        TomlUnreadableError: it cannot be read, is not UTF-8, or is no TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise TomlUnreadableError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TomlUnreadableError(f"{path.name} line {line}: is not UTF-8 text") from error
    try:
        return TomlDocument(path.name, tomllib.loads(text), line_numbers(text))
    except tomllib.TOMLDecodeError as error:
        line, words = syntax_error_line(error, text)
        raise TomlUnreadableError(f"{path.name} line {line}: is no valid TOML: {words}") from error


def toml_key(name: str) -> str:
    """A key as it stands in TOML: quoted when it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def _words(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with a value, never quoting it: people paste keys into the wrong places."""
    if detail["type"] == "missing":
        return "missing"
    if detail["type"] == "extra_forbidden":
        return f"unknown; known here: {', '.join(model.model_fields)}"
    words = detail["msg"].removeprefix("Value error, ")
    return words[0].lower() + words[1:]
