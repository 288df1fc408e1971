"""A document in blocks, written as Markdown or as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Code:
    """Text in the font of code, such as a command or a file name."""

    text: str


@dataclass(frozen=True)
class Strong:
    """Text in bold."""

    text: str


#: A line of text: plain strings, in which nothing is markup, and pieces of code or bold text.
Words: TypeAlias = str | Code | Strong | tuple[str | Code | Strong, ...]


@dataclass(frozen=True)
class Heading:
    """A heading: of level 1 for the title of the document, or of level 2 for a section."""

    words: Words
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    words: Words


@dataclass(frozen=True)
class Items:
    """A list with bullets."""

    items: tuple[Words, ...]


@dataclass(frozen=True)
class Grid:
    """A table of text; HTML leaves out a header that is all empty, and Markdown cannot."""

    header: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]


@dataclass(frozen=True)
class Snippet:
    """Lines of code to copy, and the language that they are in."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Figure:
    """The image in ``file``; ``caption`` says in words what it shows."""

    file: str
    caption: str


Block: TypeAlias = Heading | Paragraph | Items | Grid | Snippet | Figure

#: The characters that Markdown, or HTML inside it, would read as markup.
_MARKUP = re.compile(r"([\\`*<>\[\]|])")

_STYLE = """\
:root { color-scheme: light dark; --line: #8884; --faint: #8881; }
body { margin: 0 auto; padding: 1rem; max-width: 52rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
figure { margin: 1rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
code, pre { font: .875em/1.5 ui-monospace, monospace; background: var(--faint); border-radius: 4px; }
code { padding: .1em .3em; overflow-wrap: anywhere; }
pre { padding: .7rem; overflow-x: auto; }
"""


def markdown(blocks: Iterable[Block]) -> str:
    """Return the document as Markdown, with tables as on GitHub."""
    return "\n\n".join(map(_markdown_block, blocks)) + "\n"


def page(title: str, blocks: Iterable[Block], pictures: Mapping[str, bytes]) -> str:
    """Return the document as one HTML file without scripts; ``pictures`` are PNGs by file name, to be embedded."""
    body = "\n".join(_html_block(each, pictures) for each in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


# -- inside


def _pieces(words: Words) -> tuple[str | Code | Strong, ...]:
    return words if isinstance(words, tuple) else (words,)


def _joined(words: Words, write: Callable[[str | Code | Strong], str]) -> str:
    return "".join(map(write, _pieces(words)))


def _markdown(words: Words) -> str:
    def write(piece: str | Code | Strong) -> str:
        if isinstance(piece, Code):
            # The fence is longer than any in the text. A bar is escaped, because it ends a table cell even in code.
            fence = "`" * (1 + max(map(len, re.findall("`+", piece.text)), default=0))
            space = " " if len(fence) > 1 else ""
            return f"{fence}{space}{_one_line(piece.text)}{space}{fence}".replace("|", "\\|")
        text = _MARKUP.sub(r"\\\1", _one_line(piece.text if isinstance(piece, Strong) else piece))
        return f"**{text}**" if isinstance(piece, Strong) else text

    return _joined(words, write)


def _markdown_block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {_markdown(block.words)}"
    if isinstance(block, Paragraph):
        return _markdown(block.words)
    if isinstance(block, Items):
        return "\n".join(f"- {_markdown(each)}" for each in block.items)
    if isinstance(block, Grid):
        lines: list[Sequence[str]] = [block.header, ["---"] * len(block.header)]
        lines += [[_markdown(cell) for cell in row] for row in block.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    if isinstance(block, Snippet):
        return f"```{block.language}\n{block.text}\n```"
    return f"![{_markdown(block.caption)}]({block.file})"


def _html(words: Words) -> str:
    def write(piece: str | Code | Strong) -> str:
        if isinstance(piece, Code):
            return f"<code>{html.escape(piece.text)}</code>"
        if isinstance(piece, Strong):
            return f"<strong>{html.escape(piece.text)}</strong>"
        return html.escape(piece)

    return _joined(words, write)


def _html_block(block: Block, pictures: Mapping[str, bytes]) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_html(block.words)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{_html(block.words)}</p>"
    if isinstance(block, Items):
        return "<ul>\n" + "\n".join(f"<li>{_html(each)}</li>" for each in block.items) + "\n</ul>"
    if isinstance(block, Grid):
        header = "".join(f"<th>{html.escape(cell)}</th>" for cell in block.header)
        head = f"<thead><tr>{header}</tr></thead>\n" if any(block.header) else ""
        rows = ("<tr>" + "".join(f"<td>{_html(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
        return f'<div class="wide"><table>\n{head}<tbody>\n' + "\n".join(rows) + "\n</tbody>\n</table></div>"
    if isinstance(block, Snippet):
        return f"<pre>{html.escape(block.text)}</pre>"
    data = base64.b64encode(pictures[block.file]).decode()
    return f'<figure><img src="data:image/png;base64,{data}" alt="{html.escape(block.caption)}"></figure>'


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
