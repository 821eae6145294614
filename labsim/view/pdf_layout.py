"""A page of a report on one sheet of A4: measured, made smaller until it fits, drawn as a PDF.

Picture a compositor who sets a page in lead: tries it with the largest type, goes a size down
while the last line falls off the sheet, and only then begins to leave out footnotes.

Sizes are in points; y is measured from the top of the sheet.
"""

import functools
import io

import matplotlib
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path

from labsim.version import __version__
from labsim.view.page import AGAIN, FACTS, Page, more_sources
from labsim.view.style import LINES, Style

WIDTH, HEIGHT, MARGIN = 595.3, 841.9, 36.0
INNER = WIDTH - 2 * MARGIN
SCALES = [1 - 0.05 * step for step in range(10)]
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"
FAINT, TINT, RULE, MARK = "#5f5f5f", "#f4f7fa", "#dddddd", LINES[0]
INK = Style().ink


def fit(page: Page) -> tuple[float, list[str]]:
    """The largest scale at which the page fits, and the sources that are on it."""
    sources = list(page.sources)
    for scale in SCALES:
        if PdfLayout(page, scale, sources).bottom <= HEIGHT - MARGIN:
            return scale, sources
    while sources and PdfLayout(page, scale, sources).bottom > HEIGHT - MARGIN:
        sources.pop()
    return scale, sources


def as_pdf(page: Page) -> bytes:
    """The sheet as a PDF, the same bytes for the same page."""
    figure = page.draw(Style())
    PdfLayout(page, *fit(page), figure)
    buffer = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42}):       # text that can be copied
        figure.savefig(buffer, format="pdf", metadata={
            "Title": page.title, "Creator": f"labsim {__version__}", "CreationDate": None})
    return buffer.getvalue()


def curves(page: Page, scale: float = 1.0) -> float:
    """Height of the figure on the page."""
    rows = len(page.panels) if len(page.panels) < 3 else -(-len(page.panels) // 2)
    return (420 if rows > 2 else 280) * (0.6 + 0.4 * scale)


def place(figure, sheet: tuple[float, float], box: tuple[float, float, float, float]) -> None:
    """Put a lab's panels into the box (left, top, right, bottom) of a sheet (width, height)."""
    (width, height), (left, top, right, bottom) = sheet, box
    top, bottom, between = top + 32, bottom - 24, 52.0      # titles above, numbers below
    rows = figure.axes[0].get_subplotspec().get_gridspec().nrows
    each = (bottom - top - between * (rows - 1)) / rows
    figure.set_size_inches(width / 72, height / 72)
    figure.subplots_adjust(left=(left + 34) / width, right=(right - 8) / width, wspace=0.22,
                           top=1 - top / height, bottom=1 - bottom / height,
                           hspace=between / each)


class PdfLayout:
    """The page at a scale, drawn onto `figure` (None: measured only); `bottom` is where it ends."""

    def __init__(self, page: Page, scale: float, sources: list[str], figure=None):
        self.scale, self.figure, self.y = scale, figure, MARGIN
        self._head(page)
        self._cards(page.cards)
        self._curves(page)
        for heading, rows in page.grids.items():
            self._heading(heading)
            self._grid(rows, 2 if page.runs[1] is not None else 3)
        for note in page.notes:
            self.y += 3 * scale
            self._lines(note, 7, color=FAINT)
        self._heading(AGAIN)
        self._code(page.code)
        if page.sources:
            self._heading(FACTS)
            self._facts(page, sources)
        self.bottom = self.y

    # -- parts -----------------------------------------------------------------------------------

    def _head(self, page: Page) -> None:
        self._lines(page.stamp, 7, color=FAINT)
        self.y += 2 * self.scale
        self._lines(page.title, 15, weight="bold", lead=1.2)
        self.y += 1 * self.scale
        self._lines(page.subtitle, 8.5)
        self.y += 6 * self.scale

    def _cards(self, cards) -> None:
        s, gap = self.scale, 7.0
        width = (INNER - 3 * gap) / 4
        for row in range(0, len(cards), 4):
            part = cards[row:row + 4]
            texts = [(wrapped(c.name, 7 * s, width - 16, MONO),
                      wrapped(c.small, 6.5 * s, width - 16)) for c in part]
            height = max(9.5 * s * len(a) + 8.5 * s * len(b) for a, b in texts) + 24 * s
            for i, (card, (name, small)) in enumerate(zip(part, texts)):
                x, y = MARGIN + i * (width + gap), self.y + 17 * s
                self._box(x, self.y, width, height, TINT)
                self._box(x, self.y, 2.2, height, MARK)
                self._value(x + 9, y, card, width - 16)
                for lines, size, lead, how in ((name, 7, 9.5, {"family": MONO}),
                                               (small, 6.5, 8.5, {"color": FAINT})):
                    for line in lines:
                        y += lead * s
                        self._write(x + 9, y, line, size * s, **how)
            self.y += height + gap * s

    def _value(self, x: float, y: float, card, width: float) -> None:
        """The value large, its unit beside it; both smaller where they are long."""
        big, small = 13 * self.scale, 8 * self.scale
        taken = measured(card.value, big, weight="bold") + measured(f" {card.unit}", small)
        shrink = min(1.0, width / taken)
        self._write(x, y, card.value, big * shrink, weight="bold")
        self._write(x + shrink * (taken - measured(card.unit, small)), y, card.unit,
                    small * shrink)

    def _curves(self, page: Page) -> None:
        height = curves(page, self.scale)
        if self.figure is not None:
            place(self.figure, (WIDTH, HEIGHT), (MARGIN, self.y, WIDTH - MARGIN, self.y + height))
        self.y += height

    def _heading(self, text: str) -> None:
        s = self.scale
        self.y += 7 * s
        self._lines(text, 8.5, weight="bold", color=MARK)
        self._rule(self.y + 1.5 * s)
        self.y += 4 * s

    def _grid(self, rows, columns: int) -> None:
        gap = 16.0
        width = (INNER - gap * (columns - 1)) / columns
        each = -(-len(rows) // columns)
        top, lowest = self.y, self.y
        for column in range(columns):
            self.y, x = top, MARGIN + column * (width + gap)
            for name, value, remark in rows[column * each:(column + 1) * each]:
                self._row(x, width, name, value, remark)
            lowest = max(lowest, self.y)
        self.y = lowest

    def _row(self, x: float, width: float, name: str, value: str, remark: str) -> None:
        """The name on the left, the value on the right, on as many lines as it needs."""
        s, size = self.scale, 7 * self.scale
        room = width - measured(name, 6.6 * s, MONO) - 8
        whole = f"{value}  {remark}".rstrip()
        lines = [whole] if measured(whole, size) <= room else [
            line for text in (value, remark) for line in wrapped(text, size, max(room, 60))]
        self._write(x, self.y + 8 * s, name, 6.6 * s, family=MONO)
        for line in lines:
            self.y += 9.4 * s
            right = x + width
            if line == whole and remark:
                self._write(right, self.y - 1.4 * s, remark, size, color=FAINT, ha="right")
                right -= measured(f"  {remark}", size)
                line = value
            self._write(right, self.y - 1.4 * s, line, size, ha="right",
                        color=FAINT if line == remark else INK)

    def _code(self, code: str) -> None:
        s = self.scale
        lines = [line for text in code.split("\n")
                 for line in wrapped(text, 7 * s, INNER - 14, MONO)]
        height = 9.6 * s * len(lines) + 7 * s
        self._box(MARGIN, self.y, INNER, height, TINT)
        for number, line in enumerate(lines, 1):
            self._write(MARGIN + 7, self.y + 1.5 * s + 9.6 * s * number, line, 7 * s, family=MONO)
        self.y += height

    def _facts(self, page: Page, sources: list[str]) -> None:
        """In two columns of about the same length."""
        s, gap = self.scale, 16.0
        width, size = (INNER - gap) / 2, 6 * self.scale
        blocks = [(wrapped("; ".join(page.sources[source]), size, width),
                   wrapped(source, size, width)) for source in sources]
        lines = [len(a) + len(b) + 0.5 for a, b in blocks]
        split = next((i for i in range(len(blocks) + 1) if sum(lines[:i]) >= sum(lines[i:])), 0)
        top, lowest = self.y, self.y
        for x, part in ((MARGIN, blocks[:split]), (MARGIN + width + gap, blocks[split:])):
            self.y = top
            for facts, source in part:
                for line, color in [*((t, INK) for t in facts), *((t, FAINT) for t in source)]:
                    self.y += 7.6 * s
                    self._write(x, self.y - 1.2 * s, line, size, color=color)
                self.y += 3 * s
            lowest = max(lowest, self.y)
        self.y = lowest
        if left_out := len(page.sources) - len(sources):
            self._lines(more_sources(left_out), 6, color=FAINT)

    # -- lead ------------------------------------------------------------------------------------

    def _lines(self, text: str, size: float, lead: float = 1.3, **how) -> None:
        """A paragraph across the sheet."""
        for line in wrapped(text, size * self.scale, INNER, weight=how.get("weight", "normal")):
            self.y += lead * size * self.scale
            self._write(MARGIN, self.y - 0.25 * size * self.scale, line, size * self.scale, **how)

    def _write(self, x: float, y: float, text: str, size: float, *, family=SANS, color=INK,
               **how) -> None:
        if self.figure is not None:
            self.figure.text(x / WIDTH, 1 - y / HEIGHT, text, fontsize=size, family=family,
                             color=color, parse_math=False, va="baseline", **how)

    def _box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        if self.figure is not None:
            self.figure.add_artist(Rectangle(
                (x / WIDTH, 1 - (y + height) / HEIGHT), width / WIDTH, height / HEIGHT,
                transform=self.figure.transFigure, color=color, linewidth=0, zorder=-1))

    def _rule(self, y: float) -> None:
        if self.figure is not None:
            self.figure.add_artist(Line2D((MARGIN / WIDTH, 1 - MARGIN / WIDTH),
                                          (1 - y / HEIGHT,) * 2, color=RULE, linewidth=0.7))


def wrapped(text: str, size: float, width: float, family: str = SANS,
            weight: str = "normal") -> list[str]:
    """`text` in lines of at most `width`; a word that is too long is cut."""
    lines, line = [], ""
    for word in printable(text, family).split(" "):
        if measured(f"{line} {word}" if line else word, size, family, weight) <= width:
            line = f"{line} {word}" if line else word
            continue
        if line:
            lines.append(line)
        while measured(word, size, family, weight) > width:
            fits = next(n for n in range(len(word), 0, -1)
                        if n == 1 or measured(word[:n], size, family, weight) <= width)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines


def printable(text: str, family: str = SANS) -> str:
    """Characters that the font has; a question mark for others."""
    return "".join(c if c.isprintable() and _glyphs(family).get_char_index(ord(c)) else "?"
                   for c in text)


@functools.cache
def _glyphs(family: str):
    return get_font(findfont(FontProperties(family=family)))


@functools.cache
def _advance(letter: str, family: str, weight: str) -> float:
    font = FontProperties(family=family, weight=weight, size=100)
    return text_to_path.get_text_width_height_descent(letter, font, ismath=False)[0] / 100


def measured(text: str, size: float, family: str = SANS, weight: str = "normal") -> float:
    """Width of a line in points, letter by letter (kerning would make it a little narrower)."""
    return size * sum(_advance(letter, family, weight) for letter in text)
