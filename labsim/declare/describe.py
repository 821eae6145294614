"""A lab and its results as text for a terminal or a file. Each function returns the text."""

import shutil
import textwrap

from labsim import text
from labsim.text import format_value, said

EVENTS = 10     # rows of the event log that a report shows


def describe(lab) -> str:
    """What a lab asks, its parameters with unit and range, its presets and metrics."""
    lines = [lab.title, wrapped(lab.summary), f"Topics: {', '.join(lab.topics)}", "", "Parameters"]
    group = None
    for name, spec in lab.Params.specs().items():
        if spec.group != group:
            group = spec.group
            lines += ["", f"  {group}"]
        lines += [f"    {name} = {in_full(spec, spec.default)}   ({spec.allowed})",
                  wrapped(spec.help + condition(spec), 8)]
    lines += ["", "Presets", ""]
    for preset in lab.presets:
        lines += [f"  {preset.title}", wrapped(preset.say, 8)]
    lines += ["", "Metrics", ""]
    for m in lab.metrics:
        better = f" ({m.better} is better)" if m.better else ""
        lines.append(f"  {m.name:18} {m.unit:10} {m.meaning}{better}")
    return "\n".join(lines)


def report(lab, result) -> str:
    """A run: what was changed (what has no effect is in a note), every metric, the cost, and the
    first events."""
    idle = result.params.idle()
    told = [f"{name} {in_full(spec, value)}" for name, spec in lab.Params.specs().items()
            if (value := getattr(result.params, name)) != spec.default and name not in idle]
    lines = [wrapped(f"{lab.title}. " + ", ".join([f"Seed {result.seed}", *told])
                     + "; everything else as default.")]
    lines += [wrapped(f"Note: {note}") for note in result.notes]
    lines.append("")
    for m in lab.metrics:
        value, unit = said(result.summary[m.name], m.unit)
        lines.append(f"{m.name:18} {value:>12} {unit:10} {m.meaning}")
    if result.cost:
        lines += ["", "Cost"]
        lines += [f"  {item:16} {format_value(usd):>12} USD" for item, usd in result.cost.items()]
    if result.spans:
        rows = timeline(result).splitlines()
        lines += ["", "Timeline", *(wrapped(row, 2) for row in rows[:EVENTS])]
        if len(rows) > EVENTS:
            lines.append(f"  and {len(rows) - EVENTS:,} more rows (--json has them all)")
    if result.events:
        lines += ["", "Events"]
        lines += [f"{e.t:10,.0f} s  {e.text}" for e in result.events[:EVENTS]]
    if len(result.events) > EVENTS:
        lines.append(f"{'':13} and {len(result.events) - EVENTS:,} more (--json has them all)")
    return "\n".join(lines)


def timeline(result, *rows: str) -> str:
    """The spans in words, a line per row of the timeline: all of them, or those named."""
    told: dict[str, list[str]] = {}
    for span in sorted(result.spans, key=lambda span: (span.start, span.end)):
        when = f"{format_value(span.start)} s" if span.start == span.end else (
            f"{format_value(span.start)} to {format_value(span.end)} s")
        told.setdefault(span.row, []).append(f"{span.kind} {when}")
    order = rows or dict.fromkeys(span.row for span in result.spans)
    return "\n".join(f"{row}: {', '.join(told.get(row, []))}" for row in order)


def csv_text(result) -> str:
    """The series as CSV, what `Result.to_frame` holds: t (s), and one column each."""
    names = list(result.series)
    columns = [result.series[names[0]].t.tolist(),
               *(result.series[name].value.tolist() for name in names)]
    lines = [",".join(["t", *names]), *(",".join(map(repr, row)) for row in zip(*columns))]
    return "\n".join(lines) + "\n"


def changed(lab, params) -> dict:
    """{name: value} of the parameters that are not as they come, the side of the facts first."""
    base = lab.Params(facts=params.facts)       # "notes" brings values of its own
    own = {"facts": params.facts} if params.facts != lab.Params().facts else {}
    return own | {name: getattr(params, name) for name in lab.Params.specs()
                  if getattr(params, name) != getattr(base, name)}


def without_effect(lab, params) -> tuple[str, ...]:
    """A note for each parameter that is not as it comes and has no effect beside the others, and
    for each fault that would strike when the run has ended."""
    from labsim.declare.faults import checked  # it wants NumPy; a link has to do without

    idle = params.idle()
    return (*(f"{name} has no effect while {idle[name]} is "
              f"{in_full(lab.Params.specs()[idle[name]], getattr(params, idle[name]))}"
              for name in changed(lab, params) if name in idle),
            *(f'the fault "{fault.text}" has no effect: the run ends at {params.duration:,g} s'
              for fault in checked(params.faults) if fault.at >= params.duration))


def to_say(lab, params) -> dict:
    """{name: value} of what has to be said to have these parameters, whether the lab is as it is
    or as a course has it."""
    return (changed(lab.original, params) if lab.original else {}) | changed(lab, params)


def as_code(lab, result) -> str:
    """The line of Python that makes a run."""
    words = [f"seed={result.seed}", *(f"{name}={value!r}"
                                      for name, value in to_say(lab, result.params).items())]
    return f"{lab.call}, {', '.join(words)})"


def in_full(spec, value) -> str:
    """A parameter's value, unrounded, with its unit, as people say it."""
    if isinstance(value, (bool, str)):
        return str(value) or "none"
    return text.in_full(value, spec.unit)


def condition(spec) -> str:
    """When a parameter counts, in words; empty for always."""
    if not spec.when:
        return ""
    name, values = spec.when
    return f" Only with {name} {', '.join(map(str, values))}."


def wrapped(text: str, indent: int = 0) -> str:
    """`text` in lines as wide as the terminal, each indented."""
    width = max(shutil.get_terminal_size((96, 24)).columns - 1, indent + 30)
    return textwrap.fill(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent,
                         break_long_words=False, break_on_hyphens=False)
