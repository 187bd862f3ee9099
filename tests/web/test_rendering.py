"""Text to HTML: what agents and people write can be read, and can do nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from sessions_app.web.rendering import MARKDOWN_MAX_CHARS, agent_html, user_html

ALLOWED = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span", "div"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
    *("figure", "figcaption", "button", "svg", "use"),  # a code block and its own head
}


class Tags(HTMLParser):
    """The tags and attributes a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one tag."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href" and tag == "a"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://elsewhere.example/track.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        '<a href="javascript:alert(1)">x</a>',
        "<svg/onload=alert(1)>",
        "```html\n</code></pre></figure><script>alert(1)</script>\n```",
        "```</figcaption><script>\nx\n```",
        "<style>body{display:none}</style>",
        "<iframe src=//elsewhere.example>",
        "a\x00b <b onclick=x>",
        "[x](https://a.example/' onclick='alert(1))",
    ],
)
@pytest.mark.parametrize("render", [agent_html, user_html])
def test_hostile_text_becomes_text(render: Callable[[str], str], text: str) -> None:
    found = Tags()
    found.feed(render(text))
    assert found.names <= ALLOWED
    assert not {name for name in found.attributes if name.startswith("on") or name in {"style", "src", "srcdoc"}}
    assert all(link.startswith(("https://", "http://", "mailto:")) for link in found.links)


def test_links_lead_away_without_a_trace() -> None:
    html = agent_html("[notes](https://example.org/a?b=1)")
    assert 'href="https://example.org/a?b=1"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_a_code_block_has_its_language_a_copy_button_and_colours() -> None:
    html = agent_html("```python\nfor a in b:\n    pass\n```")
    assert '<figure class="code"><figcaption class="code-head">Python' in html
    assert "data-copy-code" in html
    assert '<span class="k">for</span>' in html


def test_an_unknown_language_is_shown_plain() -> None:
    assert "x &lt; y" in agent_html("```nosuchlanguage\nx < y\n```")


def test_headings_stand_below_the_heading_of_the_message() -> None:
    assert "<h3>One</h3>" in agent_html("# One")
    assert "<h3>Deep</h3>" in agent_html("##### Deep")


def test_headings_that_leap_or_begin_deep_leave_no_gap_in_the_outline() -> None:
    html = agent_html("## a\n\n##### b\n\n### c\n\n## d\n\n# e\n\nf\n===\n\n> # g")
    assert re.findall(r"<h\d>\w", html) == ["<h3>a", "<h4>b", "<h4>c", "<h3>d", "<h3>e", "<h3>f", "<h3>g"]
    steps = agent_html("\n\n".join("#" * level + " x" for level in range(1, 7)))
    assert re.findall(r"<h(\d)>x</h\1>", steps) == ["3", "4", "5", "6", "6", "6"]


def test_tables_scroll_inside_themselves_and_carry_no_style() -> None:
    html = agent_html("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<div class="wide"' in html
    assert "style=" not in html
    assert '<td class="num">2</td>' in html


def test_text_of_people_is_shown_as_typed() -> None:
    html = user_html("# not a heading\n  *stars*\n\n- no list")
    assert "<h" not in html
    assert "<em>" not in html
    assert "  *stars*" in html
    assert "- no list" in html


def test_fenced_code_of_people_is_set_as_code() -> None:
    assert '<figure class="code">' in user_html("look:\n\n```sh\nls\n```")


def test_a_very_long_text_is_shown_plain() -> None:
    html = agent_html("# " + "x" * MARKDOWN_MAX_CHARS)
    assert html.startswith('<div class="plain"># xxx')
