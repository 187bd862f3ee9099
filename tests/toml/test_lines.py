from __future__ import annotations

import tomllib

import pytest

from sessions_app.toml.lines import line_numbers, syntax_error_line

TEXT = '''\
# agents.main on line 1 is only a comment
top = 1

[agents.main]   # a header
backend = "openai"
system_prompt = """
[agents.fake]
backend = "no key, but a line of a string"
"""
list = [
  "a", # model = 1
]
nested.deep = 2
inline = { a = 1, b = { c = 2 } }

  [ agents . "odd.name" ]
  model = 'x'
[[many]]
x = 1
'''


def test_every_key_has_its_line() -> None:
    tomllib.loads(TEXT)
    assert line_numbers(TEXT) == {
        ("top",): 2,
        ("agents",): 4,
        ("agents", "main"): 4,
        ("agents", "main", "backend"): 5,
        ("agents", "main", "system_prompt"): 6,
        ("agents", "main", "list"): 10,
        ("agents", "main", "nested"): 13,
        ("agents", "main", "nested", "deep"): 13,
        ("agents", "main", "inline"): 14,
        ("agents", "main", "inline", "a"): 14,
        ("agents", "main", "inline", "b"): 14,
        ("agents", "main", "inline", "b", "c"): 14,
        ("agents", "odd.name"): 16,
        ("agents", "odd.name", "model"): 17,
        ("many",): 18,
        ("many", "x"): 19,
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = \n", 1), ("a = 1\nb\n", 2), ("a = 1\na = 2\n", 2), ('a = """\nx\n', 2), ("a = [\n1,\n2\n", 3)],
)
def test_a_syntax_error_has_its_line(text: str, line: int) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as wrong:
        tomllib.loads(text)
    found, words = syntax_error_line(wrong.value, text)
    assert found == line
    assert "(at" not in words
