"""docs/architecture.md names files and functions that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_file_it_names_is_there():
    named = set(re.findall(r"`((?:sessions_app|controlui|templates|tests)/[\w/.]*)`", TEXT))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_function_it_names_in_a_file_is_in_it():
    pairs = re.findall(r"`(sessions_app/[\w/]+\.py)`\)? `(\w+)`", TEXT)
    assert len(pairs) >= 5
    assert [pair for pair in pairs if f"def {pair[1]}(" not in (ROOT / pair[0]).read_text(encoding="utf-8")] == []


def test_every_document_it_names_is_there():
    assert [name for name in set(re.findall(r"docs/\w+\.md", TEXT)) if not (ROOT / name).exists()] == []


def test_only_one_module_moves_the_pointer():
    writers = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "sessions_app").rglob("*.py")
        if re.search(r"\bupdate\(\s*current_session=|SET current_session|\.current_session = ", path.read_text("utf-8"))
        and "/migrations/" not in str(path)
    ]
    assert writers == ["sessions_app/services/_pointer.py"]
