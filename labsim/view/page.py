"""What is on the page of a report, in order and without a look.

Picture a museum's label before it is set in type: what one sees, what was turned, what came out,
where every number is from, and how to make it again.
"""

from dataclasses import dataclass

from labsim.declare.describe import as_code, changed, in_full
from labsim.text import format_value, said
from labsim.version import __version__
from labsim.view import figure
from labsim.view.compare import Comparison, change, from_to
from labsim.view.style import Style

LONGEST = 60        # characters of a value; the line of code has all of it
MOST_NOTES = 4
AGAIN, FACTS = "To make it again", "Facts used, and where they are from"


@dataclass(frozen=True)
class Card:
    """A headline metric: what it was before, or what it means, stands below in small."""

    name: str
    value: str
    unit: str
    small: str


@dataclass(frozen=True)
class Page:
    """What is on the page. `grids` are {heading: rows of (name, value, remark)}; `sources`
    {source: facts from it}."""

    title: str
    subtitle: str
    stamp: str
    cards: tuple[Card, ...]
    grids: dict[str, list[tuple[str, str, str]]]
    notes: tuple[str, ...]
    code: str
    sources: dict[str, list[str]]
    panels: tuple[str, ...]
    runs: tuple         # the run drawn, and the one behind it or None

    def draw(self, style: Style):
        """The lab's figure for this page."""
        return figure.draw(*self.runs, style)


def page(shown) -> Page:
    """What is on the page about a `Result`, or about a `Comparison`."""
    two = isinstance(shown, Comparison)
    before, run = (shown.first, shown.second) if two else (None, shown)
    lab = run.lab
    seeds = dict.fromkeys([before.seed, run.seed] if two else [run.seed])
    notes = dict.fromkeys([*(before.notes if two else ()), *run.notes])
    code = as_code(lab, run)
    if two:
        code = (f"first = {as_code(lab, before)}\nsecond = {code}\n"
                "labsim.compare(first, second)")
    return Page(
        title=f"{lab.title}: two runs compared" if two else lab.title, subtitle=lab.summary,
        stamp=f"labsim {__version__}, lab {lab.slug}, "
              f"seed {' and '.join(map(str, seeds))}, {_sides(before or run, run)}"
              + (", the first run is dotted" if two else ""),
        cards=tuple(_card(lab.metric(name), run, before)
                    for name in lab.headline or [m.name for m in lab.metrics[:4]]
                    if before is None or name in before.summary),
        grids=_grids(lab, run, before), notes=tuple(notes)[:MOST_NOTES], code=code,
        sources=_sources(lab, run), panels=tuple(panel.title for panel in lab.panels),
        runs=(run, before))


def more_sources(count: int) -> str:
    """What is said where not all facts fit."""
    return f"and facts of {count} more sources: labsim.lab(...).facts has their ids"


def _card(metric, run, before) -> Card:
    now = run.summary[metric.name]
    small = metric.meaning
    if before is not None:
        was = before.summary[metric.name]
        small = f"was {format_value(was, metric.unit)}: {change(metric, now, was)}"
    return Card(metric.label, *said(now, metric.unit), small)


def _grids(lab, run, before) -> dict[str, list[tuple[str, str, str]]]:
    specs, mine = lab.Params.specs(), changed(lab, run.params)
    idle = run.params.idle()

    def said(name, value):
        text = in_full(specs[name], value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST - 3]}..."
    metrics = [(m.label, format_value(run.summary[m.name], m.unit), "") for m in lab.metrics]
    if before is None:
        rows = [(name, said(name, value), "no effect, " * (name in idle)
                 + f"default {said(name, specs[name].default)}")
                for name, value in mine.items()]
        bill = [(line, format_value(usd, "USD"), "") for line, usd in run.cost.items()]
        return {"Changed from the default" if rows else "Everything as default": rows,
                "All metrics": metrics, **({"The bill": bill} if len(bill) > 1 else {})}
    other = {name: (getattr(before.params, name), getattr(run.params, name)) for name in specs}
    differ = [(name, f"{said(name, a)} \u2192 {said(name, b)}", "")
              for name, (a, b) in other.items() if a != b]
    if before.seed != run.seed:
        differ.append(("seed", f"{before.seed} \u2192 {run.seed}", ""))
    both = [(name, said(name, value), "no effect" * (name in idle)) for name, value in mine.items()
            if other[name][0] == other[name][1]]
    metrics = [(m.label, from_to(m, before.summary[m.name], run.summary[m.name]),
                change(m, run.summary[m.name], before.summary[m.name])) for m in lab.metrics
               if m.name in before.summary]
    return {"What differs" if differ else "No parameter differs": differ,
            **({"Changed from the default in both": both} if both else {}),
            "All metrics": metrics}


def _sides(*runs) -> str:
    sides = dict.fromkeys(run.params.facts for run in runs)
    return "facts " + " and ".join({"today": "as of today", "notes": "as in the notes"}[side]
                                   for side in sides)


def _sources(lab, run) -> dict[str, list[str]]:
    """{source: facts from it} of every fact of the lab, with the value of this run's side."""
    found: dict[str, list[str]] = {}
    own = [spec.fact for spec in lab.Params.specs().values() if spec.fact]
    for f in map(lab.Params.book().fact, dict.fromkeys([*own, *lab.facts])):
        sides = ("notes", "today") if run.params.facts == "notes" else ("today", "notes")
        value = f.told(next((side for side in sides if getattr(f, side)), "today"))
        unsure = "" if f.confidence == "verified" else f" ({f.confidence})"
        found.setdefault(f.source, []).append(
            f"{f.quantity}: {value}{unsure}")
    return found
