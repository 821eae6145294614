"""The explorer's tables, as HTML: metrics, event log, and the look of it all."""

from html import escape

from labsim.kit.text import figure
from labsim.view.compare import change

CSS = """<style>
.labsim-error{color:#a40000;font-weight:bold;font-size:11.5px;line-height:1.3;white-space:normal}
.labsim-group{margin:8px 0 2px;font-size:13px;border-bottom:1px solid #9a9a9a}
.labsim-row{flex:0 0 auto}
.labsim-row .widget-label{font-size:12.5px}
.labsim-reset{padding:0}
.labsim-picture .widget-html-content,.labsim-picture{overflow:hidden}
.labsim-cards{display:flex;gap:8px;margin:2px 0}
.labsim-figure{max-width:calc(100% - 6px);height:auto!important}
.labsim-card{border:1px solid #9a9a9a;border-radius:6px;padding:4px 10px;flex:1 1 auto}
.labsim-card b{font-size:17px;display:block;line-height:1.25;white-space:nowrap}
.labsim-card span{font-size:11.5px}
.labsim-table{border-collapse:collapse;font-size:12.5px;line-height:1.45;width:100%}
.labsim-table th,.labsim-table td{text-align:left;padding:1px 10px 1px 0;white-space:nowrap}
.labsim-table td.n{text-align:right;font-variant-numeric:tabular-nums}
.labsim-log{font-size:12px;line-height:1.5}
.labsim-log .now{font-weight:bold;border-left:4px solid #0072B2;padding-left:6px}
.labsim-log .later{opacity:.55}
.labsim-log time{display:inline-block;min-width:58px;margin-right:8px;
font-variant-numeric:tabular-nums}
.labsim-say{font-size:14px}
.labsim-large .labsim-card b{font-size:21px}
.labsim-large .labsim-card span,.labsim-large .labsim-say{font-size:17px}
.labsim-large .labsim-table,.labsim-large .labsim-log{font-size:16px}
.labsim-dark{background:#181818;color:#e8e8e8;--jp-layout-color1:#181818;
--jp-layout-color2:#333;--jp-layout-color3:#5a5a5a;--jp-ui-font-color0:#fff;--jp-ui-font-color1:#e8e8e8;
--jp-ui-font-color2:#c8c8c8;--jp-border-color1:#777;--jp-widgets-input-color:#e8e8e8;
--jp-widgets-input-background-color:#2a2a2a;--jp-widgets-label-color:#e8e8e8}
.labsim-dark .labsim-table,.labsim-dark .labsim-log,.labsim-dark .labsim-card,
.labsim-dark .labsim-say,.labsim-dark .widget-label,.labsim-dark h4{color:#e8e8e8}
.labsim-dark .labsim-error{color:#ffb3b3}
</style>"""


def clock(t: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(int(t), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def cards(lab, result, pinned) -> str:
    """The headline metrics, large, with their change against the pinned run."""
    out = []
    for name in lab.headline:
        metric, value = lab.metric(name), result.summary[name]
        note = f"<span>{change(metric, value, pinned.summary[name])}</span>" if pinned else ""
        out.append(f'<div class="labsim-card" title="{escape(metric.meaning)}">'
                   f"<span>{name}</span><b>{figure(value, metric.unit)}</b>{note}</div>")
    return f'<div class="labsim-cards">{"".join(out)}</div>'


def metrics(lab, result, pinned) -> str:
    """All metrics; beside them the pinned run's and the change in words."""
    head = "<th>metric</th><th></th><th>unit</th>" + (
        "<th>pinned</th><th>change</th>" if pinned else "<th>meaning</th>")
    rows = []
    for metric in lab.metrics:
        value = result.summary[metric.name]
        if pinned:
            before = pinned.summary[metric.name]
            rest = f'<td class="n">{figure(before)}</td><td>{change(metric, value, before)}</td>'
        else:
            rest = f"<td>{escape(metric.meaning)}</td>"
        rows.append(f'<tr title="{escape(metric.meaning)}"><td>{metric.name}</td>'
                    f'<td class="n">{figure(value)}</td><td>{escape(metric.unit)}</td>{rest}</tr>')
    return f'<table class="labsim-table"><tr>{head}</tr>{"".join(rows)}</table>'


def log(result, t: float, most: int = 200) -> str:
    """The event log; what comes after `t` is faint, the newest before it is marked and in sight."""
    events = result.events
    now = max((i for i, e in enumerate(events) if e.t <= t), default=-1)
    first = max(0, now - 5) if t < result.params.duration else 0
    rows = [f"<div>{first:,} earlier ...</div>"] if first else []
    for i, event in enumerate(events[first:first + most], first):
        kind = "now" if i == now else "later" if event.t > t else ""
        rows.append(f'<div class="{kind}"><time>{clock(event.t)}</time>{escape(event.text)}</div>')
    if len(events) > first + most:
        rows.append(f"<div>... and {len(events) - first - most:,} more</div>")
    return f'<div class="labsim-log">{"".join(rows) or "Nothing happened."}</div>'
