"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_MAX_LINES = 250
FUNCTION_MAX_LINES = 40
BANNED_NAMES = {"utils", "helpers", "common", "managers", "signals", "misc"}
DOCUMENTED_FLOORS = {"services", "selectors", "runtime", "agents", "access.py"}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@functools.cache
def _modules() -> dict[str, str]:
    """Path and text of every module that is not empty; migrations are generated."""
    files = [ROOT / "manage.py", *(ROOT / "controlui").rglob("*.py"), *(ROOT / "sessions_app").rglob("*.py")]
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in sorted(files)}
    return {name: text for name, text in texts.items() if text.strip() and "/migrations/" not in name}


def _definitions(tree: ast.AST) -> Iterator[Definition]:
    return (node for node in ast.walk(tree) if isinstance(node, Definition))


def _body_lines(definition: Definition) -> int:
    """Lines of the body without the docstring: naming the parameters and telling what it does must not count against it."""
    body = definition.body[1:] if ast.get_docstring(definition) else definition.body
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1 if body else 0


def test_a_module_says_what_it_is():
    assert [name for name, text in _modules().items() if not ast.get_docstring(ast.parse(text))] == []


def test_a_file_holds_one_thing():
    sizes = {name: text.count("\n") for name, text in _modules().items()}
    assert {name: lines for name, lines in sizes.items() if lines > FILE_MAX_LINES} == {}


def test_a_function_fits_on_a_screen():
    sizes = {
        f"{name}:{definition.lineno} {definition.name}": _body_lines(definition)
        for name, text in _modules().items()
        for definition in _definitions(ast.parse(text))
        if not isinstance(definition, ast.ClassDef)
    }
    assert {name: lines for name, lines in sizes.items() if lines > FUNCTION_MAX_LINES} == {}


def test_a_module_name_says_what_is_inside():
    assert [name for name in _modules() if BANNED_NAMES & set(Path(name).with_suffix("").parts)] == []


def test_public_definitions_of_the_inner_floors_have_docstrings():
    silent = [
        f"{name}:{node.lineno} {node.name}"
        for name, text in _modules().items()
        if DOCUMENTED_FLOORS & set(Path(name).parts)
        for node in ast.parse(text).body
        if isinstance(node, Definition) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_nothing_listens_to_signals():
    # what a signal does happens where nobody looks; verbs say what they do
    assert [name for name, text in _modules().items() if "django.db.models.signals" in text] == []
