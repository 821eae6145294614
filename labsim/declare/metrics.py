"""Metrics: what a run is summed up in, each with name, unit, meaning and value in one place.

Picture the dials on a machine: behind each is one wire to where its value comes from, below each
a plate with what it says. Nothing is written on a second plate elsewhere.

Names mean the same in every lab and in every part: VOCABULARY has the core words.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from labsim.declare.drawing import Theory

# Word -> how people say it. A name is one of these words, perhaps with what it is about before it
# and a statistic behind it: orders_offered, wait_p95, queue_max.
VOCABULARY = {
    "offered": "sent by clients, retries not counted",
    "attempts": "offered and retried",
    "completed": "answered, or worked on to the end",
    "throttled": "attempts turned away by a limit",
    "failed": "never answered rightly",
    "retries": "attempts after the first",
    "wait": "time from arrival to the start of work",
    "latency": "time from the first attempt to the answer",
    "queue": "waiting to be served",
    "in_flight": "received but not yet completed",
    "utilization": "share of the capacity in use",
    "goodput": "answered in time",
    "hit_ratio": "share answered by a cache",
    "cost": "what it costs",
}
STATISTICS = {"mean": "mean", "max": "largest", "min": "smallest", "end": "at the end",
              "p50": "median", "p95": "95th percentile", "p99": "99th percentile", "usd": "",
              "s": "", "ms": ""}

SHORT = {word: word.upper() for word in ("kms", "cpu", "iops", "ebs", "api", "gsi", "gb")} | {
    "gets": "GETs", "puts": "PUTs", "ttfb": "first byte"}


def spoken(name: str) -> str:
    """A name for code as people say it: "wait_p95" is "wait, 95th percentile"."""
    words = [SHORT.get(word, word) for word in name.split("_")]
    statistic = STATISTICS.get(words[-1]) if len(words) > 1 else None
    if statistic is None:
        return " ".join(words)
    return ", ".join(filter(None, [" ".join(words[:-1]), statistic]))


@dataclass(frozen=True)
class Metric:
    """A key of `Result.summary`. `value(outcome)` computes it when the run has ended, from what
    `simulate` returned (in a part: from the part).

    better: "lower", "higher" or "". label: for people, by default made of the name. aliases: names
    that it had; `Result.summary` knows them still. theory: a `Theory`, the closed form for its
    value in a whole run; a curve of the metric has it beside the runs.
    """

    name: str
    unit: str
    meaning: str
    better: str = ""
    value: Callable[[Any], float] | None = None
    label: str = ""
    aliases: tuple[str, ...] = ()
    theory: Theory | None = None

    def __post_init__(self):
        if not re.fullmatch(r"[a-zA-Z0-9_. -]+", self.name):
            raise ValueError(f"metric {self.name!r}: letters, digits and _ only")
        if self.better not in ("", "lower", "higher"):
            raise ValueError(f"metric {self.name}: better is lower or higher, not {self.better!r}")
        if not self.label:
            object.__setattr__(self, "label", spoken(self.name))

    def of(self, outcome) -> float:
        """Its value for a run that has ended."""
        value = float(self.value(outcome))
        if not math.isfinite(value):
            raise ValueError(f"metric {self.name} is {value}")
        return value


class Count(Metric):
    """A metric that counts things: a whole number."""

    def of(self, outcome) -> int:
        """Its value for a run that has ended, rounded where the model counts in shares."""
        return round(super().of(outcome))


def of_part(part: str, metrics: Iterable[Metric], *names: str,
            prefix: str = "") -> tuple[Metric, ...]:
    """Those of `metrics` (all, or the `names`) for a lab whose outcome has the part as `part`; in
    the lab `prefix` comes before their names."""
    return tuple(replace(metric, value=lambda o, value=metric.value: value(getattr(o, part)),
                         name=prefix + metric.name, label="" if prefix else metric.label)
                 for metric in metrics if not names or metric.name in names)


def with_theory(metrics: Iterable[Metric], **theories: Theory) -> tuple[Metric, ...]:
    """The metrics, those that are named with their closed form."""
    metrics = tuple(metrics)
    if missing := set(theories) - {metric.name for metric in metrics}:
        raise ValueError(f"no metric {', '.join(sorted(missing))}")
    return tuple(replace(metric, theory=theories[metric.name]) if metric.name in theories
                 else metric for metric in metrics)


class Summary(dict):
    """{metric: value}; a name that a metric had before finds it, too."""

    def __init__(self, values, metrics=()):
        super().__init__(values)
        self._now = {alias: m.name for m in metrics for alias in m.aliases}

    def __missing__(self, name):
        if name not in self._now:
            raise KeyError(name)
        return self[self._now[name]]
