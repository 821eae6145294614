"""One page about a run, or about two: to print, to mail, to hang up.

Picture a museum's label beside the exhibit. `labsim.view.page` says what is on it; here it becomes
HTML, one file that needs no other (light and dark, one A4 sheet when printed), and in
`labsim.view.pdf_layout` a PDF. The same run gives the same bytes.
"""

import base64
import io
import os
from html import escape

from PIL import Image

from labsim.errors import ends_in
from labsim.view import still
from labsim.view.page import AGAIN, FACTS, Page, more_sources, page
from labsim.view.pdf_layout import INNER, as_pdf, curves, fit, place
from labsim.view.style import Style

FORMATS = (".html", ".pdf")
# Nothing from a network: the script that plays the run is in the page.
POLICY = ("default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
          "script-src 'unsafe-inline'")
COLOURS = 96        # of a figure: half of the bytes, and nobody sees it
ROOM = 120_000      # characters of recordings: as many of the lab's own steps as fit
DPI = 200
AS_SHOWN = "Changed from the defaults:"
BROWSERS = 0.97     # of a PDF's type: they set lines a little farther apart


def save(shown, file: str | os.PathLike) -> None:
    """Write the page about a run or a comparison into `file`, in the format of its name."""
    name = ends_in("report", file, *FORMATS)
    data = pdf(shown) if name.lower().endswith(".pdf") else html(shown).encode()
    with open(name, "wb") as out:
        out.write(data)


def pdf(shown) -> bytes:
    """The page about a `Result` or a `Comparison` as a PDF of one A4 sheet."""
    return as_pdf(page(shown))


def html(shown) -> str:
    """The page about a `Result` or a `Comparison` as HTML in one file."""
    p = page(shown)
    scale, sources = fit(p)
    scale *= BROWSERS
    dark, light = (_png(p, Style(dark=dark, dpi=DPI)) for dark in (True, False))
    alt = escape(f"Curves of {', '.join(p.panels)}; the table below has the metrics")
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in p.notes)
    played = still.piece(still.plan_of(_scenes(p), room=ROOM, gone=AS_SHOWN),
                         step=len(_scenes(p)) - 1)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(p.title)}</title>
<style>{CSS}</style></head>
<body class="{"one" if p.runs[1] is None else "two"}" style="--scale:{scale:.3f}; \
--curves:{curves(p, scale):.1f}pt"><main>
<header><p class="stamp">{escape(p.stamp)}</p>
<h1>{escape(p.title)}</h1><p>{escape(p.subtitle)}</p></header>
<div class="cards">{"".join(map(_card, p.cards))}</div>
{played}
<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">
<img alt="{alt}" src="{light}"></picture>
{"".join(_grid(*grid) for grid in p.grids.items())}
{notes}
<h2>{AGAIN}</h2><pre>{escape(p.code)}</pre>
{_facts(p, sources)}
</main>{still.alone()}</body></html>
"""


def _scenes(p: Page) -> list[still.Scene]:
    """The runs as steps of the stage: of two, the first stands behind the second."""
    run, before = p.runs
    if before is None:
        return [still.Scene(run, "This run", p.subtitle)]
    lines = p.grids.get("What differs", ())
    return [still.Scene(before, "The first run", p.subtitle),
            still.Scene(run, "The second run, the first behind it", "; ".join(
                f"{name}: {value}" for name, value, _ in lines) or "No parameter differs.")]


def _card(card) -> str:
    return (f'<div class="card"><div class="value">{escape(card.value)} '
            f'<span>{escape(card.unit)}</span></div><div class="name">{escape(card.name)}</div>'
            f'<div class="small">{escape(card.small)}</div></div>')


def _grid(heading: str, rows: list[tuple[str, str, str]]) -> str:
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)} "
                    f"<span>{escape(remark)}</span></dd></div>" for name, value, remark in rows)
    return f"<h2>{escape(heading)}</h2>" + (f"<dl>{cells}</dl>\n" if rows else "")


def _facts(p: Page, printed: list[str]) -> str:
    """Every source on the screen; on paper those for which there is room."""
    if not p.sources:
        return ""
    blocks = "".join(f'<p{"" if source in printed else " class=screen"}>{escape("; ".join(rows))}'
                     f"<br><cite>{escape(source)}</cite></p>" for source, rows in p.sources.items())
    left_out = len(p.sources) - len(printed)
    more = f'<p class="print">{escape(more_sources(left_out))}</p>' if left_out else ""
    return f'<h2>{FACTS}</h2><div class="facts">{blocks}</div>{more}'


def _png(p: Page, style: Style) -> str:
    drawn, buffer, size = p.draw(style), io.BytesIO(), (INNER, curves(p))
    place(drawn, size, (0, 0, *size))
    drawn.savefig(buffer, format="png", dpi=DPI)
    with Image.open(buffer) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    few.save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


CSS = """
:root { color-scheme: light dark; --ink: #222; --faint: #5f5f5f; --line: #ddd; --tint: #f4f7fa;
  --mark: #0072B2; --paper: #fff }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --faint: #a8a8a8;
  --line: #3a3a3a; --tint: #222a31; --mark: #56B4E9; --paper: #181818 } }
* { box-sizing: border-box; margin: 0 }
body { background: var(--paper); color: var(--ink); line-height: 1.4;
  font: 15px system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
main { max-width: 900px; margin: 0 auto; padding: 24px 20px 40px }
h1 { font-size: 1.7em; line-height: 1.2; margin: .1em 0 .25em }
h2 { font-size: 1em; margin: 1.3em 0 .4em; padding-bottom: .15em; color: var(--mark);
  border-bottom: 1px solid var(--line) }
.stamp, .small, dd span, cite, .note { color: var(--faint) }
.stamp { font-size: .85em }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: .7em; margin: 1.1em 0 }
.card { background: var(--tint); border-left: 3px solid var(--mark); padding: .5em .7em;
  min-width: 0; overflow-wrap: anywhere }
.value { font-size: 1.35em; font-weight: 700; line-height: 1.2 }
.value span { font-size: .62em; font-weight: 400 }
.name { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .85em }
.small { font-size: .8em }
.labsim-stage { margin: 1.1em 0 }
img { display: block; width: 100%; height: auto }
dl { columns: 3 250px; column-gap: 2em; font-size: .87em }
.two dl { columns: 2 340px }
dl div { break-inside: avoid; display: flex; justify-content: space-between; gap: 1em;
  padding: .1em 0 }
dt { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .93em }
dd { text-align: right; overflow-wrap: anywhere }
dd span { display: inline-block }
.note { font-size: .87em; margin-top: .6em; overflow-wrap: anywhere }
pre { background: var(--tint); padding: .6em .8em; white-space: pre-wrap; overflow-wrap: anywhere;
  font: .85em/1.45 ui-monospace, "DejaVu Sans Mono", monospace }
.facts { columns: 2 300px; column-gap: 2em; font-size: .8em }
.facts p { break-inside: avoid; margin-bottom: .45em; overflow-wrap: anywhere }
.print { display: none }
@media (max-width: 640px) { .cards { grid-template-columns: repeat(2, 1fr) } }
@page { size: A4; margin: 12mm }
@media print {
  :root { color-scheme: light }
  body { font-size: calc(8pt * var(--scale)); line-height: 1.25; print-color-adjust: exact;
    -webkit-print-color-adjust: exact }
  main { max-width: none; padding: 0 }
  h2 { margin: .8em 0 .3em }
  .cards { margin: .8em 0; grid-template-columns: repeat(4, 1fr) }
  img { height: var(--curves); object-fit: contain }
  dl { columns: 3 } .two dl { columns: 2 } .facts { columns: 2; font-size: .75em }
  .screen, .labsim-stage { display: none } .print { display: block; font-size: .8em }
}
"""
