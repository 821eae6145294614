"""The explorer's tables, as HTML: metrics, event log, and the look of it all."""

from html import escape
from importlib.resources import files
from math import isnan

from labsim.text import format_value
from labsim.view.compare import change

CSS = """
.labsim-error{color:#a40000;font-weight:bold;font-size:11.5px;line-height:1.3;white-space:normal}
.labsim-group{margin:8px 0 2px;font-size:13px;border-bottom:1px solid #9a9a9a}
.labsim-row{flex:0 0 auto}
.labsim-row .widget-label{font-size:12.5px}
.labsim-controls .widget-text.widget-text input[type=number]{padding:4px 2px;font-size:12px}
.labsim-reset{padding:0}
.labsim-picture .widget-html-content,.labsim-picture{overflow:hidden}
.labsim-cards{display:flex;gap:8px;margin:2px 0}
.labsim-figure{max-width:calc(100% - 6px);height:auto!important}
.labsim-card{border:1px solid #9a9a9a;border-radius:6px;padding:4px 10px;flex:1 1 auto}
.labsim-card b{font-size:17px;display:block;line-height:1.25;white-space:nowrap}
.labsim-card span{font-size:11.5px}
.labsim-card small{font-size:.8em}
.labsim-table{border-collapse:collapse;font-size:12.5px;line-height:1.45;width:100%}
.labsim-table th,.labsim-table td{text-align:left;padding:1px 10px 1px 0;white-space:nowrap}
.labsim-table td.n{text-align:right;font-variant-numeric:tabular-nums}
.labsim-log{font-size:12px;line-height:1.5}
.labsim-log .now{font-weight:bold;border-left:4px solid #0072B2;padding-left:6px}
.labsim-log .later{opacity:.55}
.labsim-log time{display:inline-block;min-width:58px;margin-right:8px;
font-variant-numeric:tabular-nums}
.labsim-say{font-size:14px}
.labsim-explorer .lm-TabBar-tabLabel{color:var(--jp-ui-font-color1)}
.labsim-theory{font-size:12px;line-height:1.4}
.labsim-large .labsim-card b{font-size:21px}
.labsim-large .labsim-card span,.labsim-large .labsim-say{font-size:17px}
.labsim-large .labsim-theory{font-size:15px}
.labsim-large .labsim-table,.labsim-large .labsim-log{font-size:16px}
.labsim-dark{background:#181818;color:#e8e8e8;--jp-layout-color1:#181818;
--jp-layout-color2:#333;--jp-layout-color3:#5a5a5a;--jp-ui-font-color0:#fff;--jp-ui-font-color1:#e8e8e8;
--jp-ui-font-color2:#c8c8c8;--jp-border-color1:#777;--jp-widgets-input-color:#e8e8e8;
--jp-widgets-input-background-color:#2a2a2a;--jp-widgets-label-color:#e8e8e8}
.labsim-dark .labsim-table,.labsim-dark .labsim-log,.labsim-dark .labsim-card,
.labsim-dark .labsim-say,.labsim-dark .labsim-theory,.labsim-dark .widget-label,
.labsim-dark h4{color:#e8e8e8}
.labsim-dark .labsim-error{color:#ffb3b3}
"""
# The look, and a script that gives every slider and field the name that stands beside it.
NAMES = files("labsim.view").joinpath("names.js").read_text(encoding="utf-8")
HEAD = f'<style onload="{escape(NAMES)}">{CSS}</style>'
LONG = 8        # characters of a number that fit on a card in large type
BEFORE = 5      # events of the log in sight before the moment shown


def clock(t: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(int(t), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def give_or_take(lab, name: str, replications) -> str:
    """The mean of a metric over the replications, with its interval; empty before two runs."""
    known = replications and replications.interval(name)
    if not known:
        return ""
    return format_value(known[0]) + ("" if isnan(known[1]) else f" \u00b1 {format_value(known[1])}")


def cards(lab, result, pinned, replications=None) -> str:
    """The headline metrics, large, with their interval or their change against the pinned run."""
    out = []
    for name in lab.headline:
        metric, value = lab.metric(name), result.summary[name]
        note = f"<span>{change(metric, value, pinned.summary[name])}</span>" if pinned else ""
        if spread := give_or_take(lab, name, replications):
            note += f"<span>{' ' if note else ''}mean {spread}</span>"
        out.append(f'<div class="labsim-card" title="{name}: {escape(metric.meaning)}">'
                   f"<span>{escape(metric.label)}</span>"
                   f"{_large(format_value(value), metric.unit)}{note}</div>")
    return f'<div class="labsim-cards">{"".join(out)}</div>'


def _large(number: str, unit: str) -> str:
    long = ' class="labsim-long"' if len(number) > LONG else ""
    return f"<b{long}>{number} <small>{escape(unit)}</small></b>"


def metrics(lab, result, pinned, replications=None) -> str:
    """All metrics; beside them their mean over the replications with its 95% interval, the pinned
    run's, and the change in words."""
    many = bool(replications and replications.runs > 1)
    head = "<th>metric</th><th></th><th>unit</th>" + (
        f"<th>mean of {replications.runs} runs</th>" if many else "") + (
        "<th>pinned</th><th>change</th>" if pinned else "<th>meaning</th>")
    rows = []
    for metric in lab.metrics:
        value = result.summary[metric.name]
        if pinned:
            before = pinned.summary[metric.name]
            rest = (f'<td class="n">{format_value(before)}</td>'
                    f"<td>{change(metric, value, before)}</td>")
        else:
            rest = f"<td>{escape(metric.meaning)}</td>"
        if many:
            rest = f'<td class="n">{give_or_take(lab, metric.name, replications)}</td>{rest}'
        rows.append(f'<tr title="{escape(metric.meaning)}"><td>{metric.name}</td>'
                    f'<td class="n">{format_value(value)}</td><td>{escape(metric.unit)}</td>'
                    f"{rest}</tr>")
    return f'<table class="labsim-table"><tr>{head}</tr>{"".join(rows)}</table>'


def theory(lab, result) -> str:
    """What the closed forms say about these parameters, or why they don't."""
    rows = []
    for panel in lab.panels:
        if panel.theory:
            value, why = panel.theory.applied(result.params)
            told = (f"{format_value(value, panel.unit_in(result))}, the dashed line in "
                    f"<i>{escape(panel.title)}</i>" if value is not None
                    else f"does not apply: {escape(why)}")
            rows.append(f"Theory, {escape(panel.theory.label)}: {told}.")
    return f'<div class="labsim-theory">{" ".join(rows)}</div>' if rows else ""


def figure_in_words(lab) -> str:
    """What the figure shows, for those who do not see it; the cards and tables say the numbers."""
    return "Curves over the run: " + ", ".join(panel.title for panel in lab.panels)


def log(result, t: float, most: int = 200, before: int = BEFORE) -> str:
    """The event log; what comes after `t` is faint, the newest before it is marked and in sight."""
    events = result.events
    now = max((i for i, e in enumerate(events) if e.t <= t), default=-1)
    first = max(0, now - before) if t < result.params.duration else 0
    rows = [f"<div>{first:,} earlier ...</div>"] if first else []
    for i, event in enumerate(events[first:first + most], first):
        kind = "now" if i == now else "later" if event.t > t else ""
        rows.append(f'<div class="{kind}"><time>{clock(event.t)}</time>{escape(event.text)}</div>')
    if len(events) > first + most:
        rows.append(f"<div>... and {len(events) - first - most:,} more</div>")
    return f'<div class="labsim-log">{"".join(rows) or "Nothing happened."}</div>'
