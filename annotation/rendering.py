"""Text that a model wrote → HTML that can do nothing.

Markdown without raw HTML, then an allow-list of elements, attributes and classes (nh3). No image
is loaded and no link can be followed: both would tell a stranger who is reading, and when. The
address of a link is shown as text. Very long text is shown as it was written, unformatted.

This is the only module whose output counts as safe HTML.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import monotonic
from typing import Any

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight as highlight_tokens
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

MAX_MARKDOWN_CHARS = 40_000  # what lies above is shown as it was written
MAX_CODE_CHARS = 4_000  # a longer block is shown in one colour: some lexers are quadratic
MAX_CACHED_CHARS = 20_000
HIGHLIGHT_SECONDS = 0.5  # for all blocks of one text together
MAX_URL_CHARS = 200
HEADING_SHIFT = 3  # the page's own headings are h1 … h3

# Named, so that no obscure lexer with a slow expression can be called up by a response.
LANGUAGES = {
    "bash", "c", "cpp", "csharp", "css", "diff", "dockerfile", "go", "html", "ini", "java",
    "javascript", "js", "json", "kotlin", "lua", "make", "perl", "php", "powershell", "py",
    "python", "python3", "r", "ruby", "rust", "scala", "sh", "shell", "sql", "swift", "toml",
    "ts", "typescript", "xml", "yaml", "yml",
}  # fmt: skip

CODE_PREFIX = "tok-"
CODE_CLASSES = {CODE_PREFIX + name for name in STANDARD_TYPES.values() if name}
ALIGN_CLASSES = {"align-left", "align-center", "align-right"}

CLEANER = nh3.Cleaner(
    tags={
        "p", "br", "hr", "h4", "h5", "h6", "strong", "em", "s", "blockquote", "ul", "ol", "li",
        "pre", "code", "span", "div", "table", "thead", "tbody", "tr", "th", "td",
    },
    attributes={"ol": {"start"}, "span": {"title"}},
    tag_attribute_values={
        "pre": {"tabindex": {"0"}},
        "div": {"tabindex": {"0"}},
    },
    allowed_classes={
        "span": CODE_CLASSES | {"link", "link-url", "picture"},
        "pre": {"code"},
        "div": {"table-scroll", "as-written"},
        "th": ALIGN_CLASSES,
        "td": ALIGN_CLASSES,
    },
    link_rel=None,
    url_schemes=set(),
)  # fmt: skip


def render(text: str, *, markdown: bool = True) -> SafeString:
    """The text as HTML: formatted, or exactly as written."""
    if not markdown or len(text) > MAX_MARKDOWN_CHARS:
        return as_written(text)
    if len(text) > MAX_CACHED_CHARS:
        return _formatted(text)
    return _formatted_cached(text)


def as_written(text: str) -> SafeString:
    """Every character of the text, with its line breaks, and nothing read into it."""
    return format_html('<div class="as-written">{}</div>', text.replace("\x00", "\ufffd"))


def _formatted(text: str) -> SafeString:
    html = MARKDOWN.render(text, {"deadline": monotonic() + HIGHLIGHT_SECONDS})
    return mark_safe(CLEANER.clean(html))  # noqa: S308  # just cleaned by the allow-list


_formatted_cached = lru_cache(maxsize=1024)(_formatted)


class Renderer(RendererHTML):
    """The HTML of markdown-it with links and pictures as inert text, and code in colours."""

    def link_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return f'<span class="link" title="{escape(_short(tokens[idx].attrGet("href")))}">'

    def link_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        start = _opening(tokens, idx)
        address = _short(tokens[start].attrGet("href"))
        shown = "".join(token.content for token in tokens[start + 1 : idx])
        if address in (shown, f"mailto:{shown}"):
            return "</span>"
        return f'</span> <span class="link-url">({escape(address)})</span>'

    def image(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        label = tokens[idx].content or "picture"
        address = _short(tokens[idx].attrGet("src"))
        return (
            f'<span class="picture">[{escape(label)}]</span>'
            f' <span class="link-url">({escape(address)})</span>'
        )

    def heading_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return f"<{_lower_heading(tokens[idx].tag)}>"

    def heading_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return f"</{_lower_heading(tokens[idx].tag)}>\n"

    def table_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        # What scrolls sideways must be reachable by keyboard.
        return '<div class="table-scroll" tabindex="0"><table>\n'

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return "</table></div>\n"

    def th_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return _aligned(tokens[idx])

    td_open = th_open

    def fence(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        language = tokens[idx].info.strip().split(maxsplit=1)[0:1]
        code = tokens[idx].content
        return _code_block(code, language[0] if language else "", env["deadline"])

    def code_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return _code_block(tokens[idx].content, "", env["deadline"])


MARKDOWN = MarkdownIt("commonmark", {"html": False}, renderer_cls=Renderer).enable(
    ["table", "strikethrough"]
)
FORMATTER = HtmlFormatter(nowrap=True, classprefix=CODE_PREFIX)


def _code_block(code: str, language: str, deadline: float) -> str:
    inner = escape(code)
    if language.lower() in LANGUAGES and len(code) <= MAX_CODE_CHARS and monotonic() < deadline:
        inner = highlight_tokens(code, get_lexer_by_name(language.lower()), FORMATTER)
    return f'<pre class="code" tabindex="0"><code>{inner}</code></pre>\n'


def _opening(tokens: Sequence[Token], closing: int) -> int:
    """Links do not nest, so the nearest opening before is the one."""
    return next(i for i in range(closing, -1, -1) if tokens[i].type == "link_open")


def _short(address: str | int | float | None) -> str:
    address = str(address or "")
    return address if len(address) <= MAX_URL_CHARS else address[:MAX_URL_CHARS] + "…"


def _lower_heading(tag: str) -> str:
    return f"h{min(int(tag[1:]) + HEADING_SHIFT, 6)}"


def _aligned(cell: Token) -> str:
    style = str(cell.attrGet("style") or "")
    align = style.removeprefix("text-align:")
    return f'<{cell.tag} class="align-{align}">' if align else f"<{cell.tag}>"
