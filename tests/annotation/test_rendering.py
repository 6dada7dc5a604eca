"""What a model writes is shown, and does nothing."""

from html.parser import HTMLParser
from time import thread_time

import pytest

from annotation.rendering import CLEANER, CODE_PREFIX, MAX_MARKDOWN_CHARS, as_written, render

HOSTILE = {
    "script": "<script>document.title='owned'</script>",
    "script split": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "event handler": '<img src=x onerror="alert(1)">',
    "htmx get": '<div hx-get="/projects/demo/settings/" hx-trigger="load">x</div>',
    "htmx data": '<p data-hx-post="/undo/" data-hx-trigger="load">x</p>',
    "javascript link": "[click](javascript:alert(1))",
    "javascript link, masked": "[click](java\tscript:alert(1)) [c](JaVaScRiPt:alert(1))",
    "entity link": "[x](&#106;avascript:alert(1)) <javascript:alert(1)>",
    "data link": "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "vbscript": "[x](vbscript:msgbox(1))",
    "remote picture": "![p](https://evil.example/pixel.png)",
    "remote picture, reference": "![p][1]\n\n[1]: https://evil.example/pixel.png",
    "svg": '<svg onload="alert(1)"><a xlink:href="javascript:alert(1)">x</a></svg>',
    "style": "<style>@import url(https://evil.example/a.css)</style>",
    "style attribute": '<p style="position:fixed;inset:0">over everything</p>',
    "iframe": '<iframe src="https://evil.example"></iframe>',
    "object": '<object data="evil.swf"></object><embed src="evil.swf">',
    "form": '<form action="https://evil.example"><input name=password></form>',
    "base": '<base href="https://evil.example/"><meta http-equiv=refresh content=0>',
    "title breakout": '[x](https://e.example "a\\" onmouseover=alert(1) x=\\"")',
    "fence info": '```"><script>alert(1)</script>\ncode\n```',
    "fence class": "```button--primary hidden\ncode\n```",
    "picture alt": '![" onload="alert(1)](https://e.example/x.png)',
    "mutation": "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;<img src=1>'>",
    "comment": "<!-- <img src=x onerror=alert(1)> -->",
    "template": "{{ settings.SECRET_KEY }} {% load static %}",
    "nul": "a\x00<script\x00>alert(1)</script>",
}

ATTRIBUTES = {"class", "title", "start", "tabindex"}


class Inspector(HTMLParser):
    """Every element and attribute that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("markdown", [True, False])
def test_hostile_text_is_inert(name: str, markdown: bool) -> None:
    seen = Inspector(render(HOSTILE[name], markdown=markdown))
    active = {"script", "style", "img", "svg", "a", "iframe", "object", "embed", "form", "input"}
    assert not seen.elements & (active | {"base", "meta", "link", "math", "button"})
    assert set(seen.attributes) <= ATTRIBUTES
    classes = {c for value in seen.attributes.get("class", ()) for c in value.split()}
    known = {"link", "link-url", "picture", "code", "as-written", "table-scroll"}
    assert all(c in known or c.startswith(CODE_PREFIX) for c in classes)


def test_the_cleaner_alone_would_hold() -> None:
    """Even if Markdown let raw HTML through one day, the allow-list takes everything out."""
    seen = Inspector(CLEANER.clean("".join(HOSTILE.values())))
    assert not seen.elements & {"script", "img", "svg", "a", "iframe", "form", "input", "style"}
    assert set(seen.attributes) <= {"class", "title"}


@pytest.mark.parametrize(
    "text",
    [
        "*" * 20_000,
        "[" * 20_000,
        "](" * 10_000,
        "[a](" * 5_000,
        "![" * 10_000,
        ">" * 20_000,
        "> " * 5_000,
        "`" * 20_000,
        "`a" * 10_000,
        "_a " * 10_000,
        "**a *b " * 4_000,
        "~~" * 10_000,
        "<" * 20_000,
        "&" * 20_000,
        "\\" * 20_000,
        "- " * 8_000,
        "|" * 20_000,
        ("|a" * 100 + "\n") * 100,
        "|a|\n|-|\n" + "|" * 20_000,
        "[a]: /x\n" * 5_000,
        "[a]\n" * 5_000,
        "a\u0301" * 20_000,
        "![" * 20_000,
        "```python\n" + "\n " * 1_990 + "\n```",
        "```make\n" + "(" * 3_990 + "\n```",
        "```cpp\n" + "\n " * 1_990 + "\n```",
        "```js\n" + '\\"' * 1_990 + "\n```\n```js\n" + '\\"' * 1_990 + "\n```\n",
        "```python\n" + "(" * 9_000 + "\n```",
        "```html\n" + "<a " * 3_000 + "\n```",
        "```python\n" + '"""' * 3_000 + "\n```\n" * 5,
        "```js\n" + "/" * 9_000 + "\n```",
        "x" * 1_000_000,
        "1. " * 8_000,
        "http://a" * 5_000,
        "\n" * 50_000,
    ],
    ids=lambda text: f"{len(text)} of {text[:8]!r}",
)
def test_no_text_takes_long(text: str) -> None:
    start = thread_time()  # other processes are not counted
    html = render(text)
    assert thread_time() - start < 2.0
    assert len(html) < 60 * len(text) + 1_000


def test_markdown_is_formatted() -> None:
    html = render("# Title\n\n**bold** ~~gone~~ `code`\n\n- one\n- two\n\n3. three")
    for part in (
        "<h4>Title</h4>",
        "<strong>bold</strong>",
        "<s>gone</s>",
        "<code>code</code>",
        "<li>one</li>",
        '<ol start="3">',
    ):
        assert part in html


def test_a_table_scrolls_in_itself_and_keeps_its_alignment() -> None:
    html = render("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<div class="table-scroll" tabindex="0"><table>' in html
    assert '<td class="align-right">2</td>' in html


def test_code_is_coloured_by_classes() -> None:
    html = render("```python\nif x:\n    return '<b>'\n```")
    assert f'<span class="{CODE_PREFIX}k">if</span>' in html
    assert "&lt;b&gt;" in html
    assert "style=" not in html


def test_code_in_an_unknown_language_is_shown_plainly() -> None:
    assert "<code>a &lt; b\n</code>" in render("```nonsense\na < b\n```")


def test_a_link_shows_its_address_and_cannot_be_followed() -> None:
    html = render("[the bank](https://evil.example/login)")
    assert "href" not in html
    assert '<span class="link" title="https://evil.example/login">the bank</span>' in html
    assert '<span class="link-url">(https://evil.example/login)</span>' in html


def test_a_bare_address_is_shown_once() -> None:
    assert render("<https://a.example/x>").count("https://a.example/x</span>") == 1


def test_a_picture_is_named_and_not_loaded() -> None:
    html = render("![a cat](https://evil.example/cat.png)")
    assert "[a cat]" in html
    assert "src=" not in html


def test_text_as_written_keeps_every_character() -> None:
    assert as_written("**a**\n <b>") == '<div class="as-written">**a**\n &lt;b&gt;</div>'


def test_very_long_text_is_shown_as_written() -> None:
    assert render("**a** " * MAX_MARKDOWN_CHARS).startswith('<div class="as-written">**a** ')


def test_the_same_text_gives_the_same_html() -> None:
    assert render("**a**") is render("**a**")
