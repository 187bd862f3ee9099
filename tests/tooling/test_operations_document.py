"""docs/operations.md says what the code does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.core.checks import registry

from sessions_app.runtime import checks
from sessions_app.runtime import process as processes
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.runtime.metrics import REGISTRY
from sessions_app.runtime.readiness import NotReady
from sessions_app.runtime.status import metrics_text
from sessions_app.runtime.thread_writer import WriterStats

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SETTINGS = ROOT / "controlui" / "settings.py"


def rows(first_head: str) -> dict[str, list[str]]:
    """The table whose first column has this head: cells by the first one."""
    lines = TEXT.split(f"\n| {first_head} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def environment() -> dict[str, str]:
    """Every variable the settings read, with its default where that is a plain value, as Python writes it."""
    found = {}
    for node in ast.walk(ast.parse(SETTINGS.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[0] == "env":
            name, *rest = [*node.args, *(keyword.value for keyword in node.keywords)]
            found[ast.literal_eval(name)] = _plain(rest[0]) if rest else "-"
    return found


def _plain(node: ast.expr) -> str:
    if isinstance(node, ast.BinOp):  # 256 * 1024
        left, right = _plain(node.left), _plain(node.right)
        return str(int(left) * int(right)) if left.isdigit() and right.isdigit() else "-"
    value = node.value if isinstance(node, ast.Constant) else ""
    return "-" if value == "" else str(value)


def test_every_variable_is_documented_with_its_default():
    assert {name: cells[0].strip("`") for name, cells in rows("variable").items()} == environment()


def test_the_readme_names_no_variable_that_is_not_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    words = {
        word.strip("`,.|()") for word in readme.replace("=", " ").split() if word.strip("`,.|()")[:9] == "HOLDFAST_"
    }
    assert words <= set(environment())


def test_every_exit_code_is_documented():
    assert set(map(int, rows("exit code"))) == set(map(int, ExitCode))


def test_every_reason_is_documented():
    assert list(rows("reason")) == [str(reason) for reason in NotReady]


def test_every_check_of_ours_is_documented():
    ours = [check for check in registry.registry.registered_checks if check.__module__ == checks.__name__]
    assert len(ours) == 5
    for number in ("E001", "E002", "W003", "E004", "E005"):
        assert f"`holdfast.{number}`" in TEXT


class _Serving:
    """As much of a process as the numbers ask for."""

    instance_id, is_draining = "i", False

    class hub:  # noqa: N801
        open_sockets = 0

    class writer:  # noqa: N801
        stats = WriterStats()
        queue_length = 0


@pytest.mark.django_db
def test_every_metric_is_documented_with_its_labels(monkeypatch):
    monkeypatch.setattr(processes, "_current", _Serving())
    assert metrics_text.__name__, "its module adds what is read when somebody asks"
    found = {}
    for family in REGISTRY.collect():
        if family.name.startswith("holdfast_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            declared = REGISTRY._names_to_collectors.get(family.name)
            labels = getattr(declared, "_labelnames", ()) or getattr(family, "_labelnames", ())
            labels = labels or tuple(family.samples[0].labels if family.samples else ())
            found[name] = ", ".join(label for label in labels if label != "le")
    assert {name: cells[0] for name, cells in rows("metric").items()} == found
