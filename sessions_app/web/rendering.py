"""Text of transcripts to safe HTML.

Three walls: the markdown parser passes no HTML through, the sanitiser keeps an allow-list of tags without images, and the page's
Content-Security-Policy runs no inline script. Agents write markdown; people's text is shown as typed, with code set as code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import nh3
from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from sessions_app.web.words import CODE_LANGUAGES

HIGHLIGHT_MAX_CHARS: Final = 50_000
CACHE_MAX_CHARS: Final = 32_768
MARKDOWN_MAX_CHARS: Final = 131_072

_TAGS: Final = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span", "div"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption"),
}
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "ol": {"start"},
    "span": {"class"},
    "figure": {"class"},
    "figcaption": {"class"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "pre": {"tabindex", "role", "aria-label"},
    "th": {"class"},
    "td": {"class"},
}
_COPY: Final = (
    '<button class="button button-plain button-small" type="button" data-copy-code>'
    '<svg class="icon" aria-hidden="true"><use href="#i-copy"/></svg>Copy</button></figcaption>'
)
_FORMATTER: Final = HtmlFormatter(nowrap=True)


def agent_html(text: str) -> str:
    """Markdown of an agent as HTML: tables, code with colours, no images, headings below the message's own.

    Args:
        text: as stored; above MARKDOWN_MAX_CHARS it is shown plain, because parsing it would hold up the page.
    """
    return _cached("agent", text) if len(text) <= CACHE_MAX_CHARS else _render("agent", text)


def user_html(text: str) -> str:
    """Text of a person as HTML: as typed, only fenced blocks and back-ticks are set as code."""
    return _cached("user", text) if len(text) <= CACHE_MAX_CHARS else _render("user", text)


@lru_cache(maxsize=512)
def _cached(whose: str, text: str) -> str:
    return _render(whose, text)


def _render(whose: str, text: str) -> str:
    if len(text) > MARKDOWN_MAX_CHARS:
        return f'<div class="plain">{escape(text)}</div>'
    raw = _PARSERS[whose].render(text)
    clean = nh3.clean(
        raw,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    # Text can hold no such tag, it is escaped: every one is of a code block's own head.
    return clean.replace("</figcaption>", _COPY)


def without_buttons(html: str) -> str:
    """What `agent_html` and `user_html` made, for a document where no script runs."""
    return html.replace(_COPY, "</figcaption>")


def _code(content: str, info: str) -> str:
    language = info.split(maxsplit=1)[0].lower()[:30] if info.strip() else ""
    name = escape(CODE_LANGUAGES.get(language, language.capitalize()))
    return (
        f'<figure class="code"><figcaption class="code-head">{name}</figcaption>'
        f'<pre tabindex="0" role="group" aria-label="Code, {name}"><code>{_coloured(content, language)}</code></pre></figure>\n'
    )


def _coloured(content: str, language: str) -> str:
    if not language or len(content) > HIGHLIGHT_MAX_CHARS:
        return escape(content)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(content)
    return str(highlight(content, lexer, _FORMATTER))


class _Renderer(RendererHTML):
    """Code blocks as figures, tables that scroll inside themselves, headings from level three."""

    def render(self, tokens: Sequence[Token], options: Any, env: Any) -> str:
        """A whole text, its headings set into the page's outline."""
        _outline(tokens)
        return super().render(tokens, options, env)

    def fence(self, tokens: Sequence[Token], idx: int, *_rest: Any) -> str:
        return _code(tokens[idx].content, tokens[idx].info)

    def code_block(self, tokens: Sequence[Token], idx: int, *_rest: Any) -> str:
        return _code(tokens[idx].content, "")

    def table_open(self, *_rest: Any) -> str:
        return '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>\n'

    def table_close(self, *_rest: Any) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, *_rest: Any) -> str:
        return _cell("th", tokens[idx])

    def td_open(self, tokens: Sequence[Token], idx: int, *_rest: Any) -> str:
        return _cell("td", tokens[idx])


def _outline(tokens: Sequence[Token]) -> None:
    """Give headings the level of their depth, from three on: a text that begins with "##", or leaps, leaves no gap."""
    open_levels: list[int] = []
    for token in tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
            open_levels = [*(above for above in open_levels if above < level), level]
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(len(open_levels) + 2, 6)}"


def _cell(tag: str, token: Token) -> str:
    # The parser says alignment as an inline style, which the page's policy would refuse.
    return f'<{tag} class="num">' if "right" in str(token.attrGet("style") or "") else f"<{tag}>"


_PARSERS: Final = {
    "agent": MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    .enable(["table", "strikethrough"])
    .disable(["image", "html_block", "html_inline"]),
    "user": MarkdownIt("zero", {"html": False}, renderer_cls=_Renderer).enable(["fence", "backticks"]),
}
