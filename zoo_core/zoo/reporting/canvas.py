"""What all drawings of Zoo share: a figure that needs no display, its headline, its colours, and its PNG."""

from __future__ import annotations

import functools
import io
import textwrap
import warnings

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

TRAINING, VALIDATION = "#1f6fb4", "#e07b1a"
RIGHT, WRONG = "#222222", "#c01818"
FAINT = "#777777"

#: Fonts to look for on the system, for scripts that matplotlib's own font (the first one) lacks.
_FONTS = (
    "DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo",
    "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS",
    "Noto Sans Devanagari", "Nirmala UI", "Noto Sans Thai", "Leelawadee UI",
)  # fmt: skip


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, without pyplot, which would keep it and look for a display."""
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_headline(figure: Figure, text: str) -> Text:
    """Write ``text`` at the top left of a figure, wrapped to the width of the figure, and return it."""
    headline = figure.suptitle(text, x=0.01, ha="left", fontsize=11, parse_math=False)
    room, letters = figure.bbox.width - 0.11 * figure.dpi, len(text)
    while headline.get_window_extent().width > room and letters > 1:
        letters = int(0.95 * letters)
        headline.set_text(textwrap.fill(text, letters))
    return headline


def png_of(figure: Figure) -> bytes:
    """Return the figure as a PNG; the same figure always gives the same bytes."""
    for text in figure.findobj(Text):
        words = text.get_text()
        if not words.isascii():
            text.set_fontfamily(_fonts())
        # A dollar sign in a name does not start a formula; only the labels of a logarithmic axis are formulas.
        if "$" in words and "mathdefault" not in words:
            text.set_parse_math(False)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # If no font of the system has a letter, the drawing shows a box; the report has the name in words.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        # Without the version that matplotlib adds, equal runs leave equal files. For photographs, compression level 3
        # takes a third of the time of level 6 and 6 % more bytes.
        figure.savefig(stream, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    return stream.getvalue()


def shortened(text: str, length: int = 28) -> str:
    """Return ``text``, cut to this many characters if it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def plain_number(value: float, _: object) -> str:
    """Return the label of a tick of an axis: plain digits up to a million."""
    return f"{value:,g}" if abs(value) < 1e6 else f"{value:.3g}"


@functools.lru_cache(maxsize=1)
def _fonts() -> list[str]:
    """Return the fonts of the list that are installed."""
    installed = set(fontManager.get_font_names())
    return [name for name in _FONTS if name in installed]
