"""On which line of a TOML text each key stands, which tomllib does not say."""

from __future__ import annotations

import re
import tomllib
from typing import Any

Path = tuple[str, ...]


def line_numbers(text: str) -> dict[Path, int]:
    """First line (from 1) of every table and key.

    A statement is one line, or, with a multi-line string or array, the fewest lines that parse by themselves; so each is read
    alone, under the table whose header came last.

    Args:
        text: TOML that tomllib accepts as a whole.
    """
    found: dict[Path, int] = {}
    table: Path = ()
    waiting: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        waiting.append(line)
        statement = "\n".join(waiting)
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        first, waiting = number - len(waiting) + 1, []
        is_header = statement.lstrip().startswith("[")
        if is_header:
            table = _header(parsed)
        for path in _paths(parsed, () if is_header else table):
            found.setdefault(path, first)
    return found


def syntax_error_line(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, str]:
    """Line of a syntax error and tomllib's words without the position."""
    words = str(error)
    at = re.search(r" \(at line (\d+), column \d+\)$", words)
    if at is None:  # "at end of document"
        return len(text.rstrip("\n").split("\n")), words.removesuffix(" (at end of document)")
    return int(at[1]), words[: at.start()]


def _header(parsed: dict[str, Any]) -> Path:
    path: list[str] = []
    node: Any = parsed
    while isinstance(node, dict) and node:
        key = next(iter(node))
        path.append(key)
        node = node[key]
    return tuple(path)


def _paths(node: dict[str, Any], above: Path) -> list[Path]:
    paths: list[Path] = []
    for key, value in node.items():
        here = (*above, key)
        paths.append(here)
        if isinstance(value, dict):
            paths.extend(_paths(value, here))
    return paths
