"""Documents in blocks, as Markdown and as HTML."""

from __future__ import annotations

from zoo.reporting.documents import Code, Figure, Grid, Heading, Items, Paragraph, Snippet, Strong, markdown, page


def test_blocks_are_written_as_markdown_and_as_html() -> None:
    blocks = [
        Heading("A *title*", 1),
        Paragraph(("see ", Code("a`b|c"), " and ", Strong("this"))),
        Items(("one", Code("two"))),
        Grid(("", "n"), (("x|y", Code("p|q")),)),
        Snippet("if a < b:\n    pass", "python"),
        Figure("plot.png", "a [plot]"),
    ]
    assert markdown(blocks) == (
        "# A \\*title\\*\n\n"
        "see `` a`b\\|c `` and **this**\n\n"
        "- one\n- `two`\n\n"
        "|  | n |\n| --- | --- |\n| x\\|y | `p\\|q` |\n\n"
        "```python\nif a < b:\n    pass\n```\n\n"
        "![a \\[plot\\]](plot.png)\n"
    )
    text = page("<t>", blocks, {"plot.png": b"PNG"})
    assert "<title>&lt;t&gt;</title>" in text
    assert "<h1>A *title*</h1>\n<p>see <code>a`b|c</code> and <strong>this</strong></p>" in text
    assert "<pre>if a &lt; b:\n    pass</pre>" in text
    assert "<tr><td>x|y</td><td><code>p|q</code></td></tr>" in text
    assert '<figure><img src="data:image/png;base64,UE5H" alt="a [plot]"></figure>' in text


def test_a_header_of_empty_words_is_left_out_of_a_page() -> None:
    rows = (("model", "small_convnet"),)
    assert "<th>" not in page("t", [Grid(("", ""), rows)], {})
    assert "<thead><tr><th>what</th><th></th></tr></thead>" in page("t", [Grid(("what", ""), rows)], {})
