"""A burst of load as every lab has it: three knobs or four, and the curve that they make.

    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(4, 600, 900, group=LOAD)
    spike_every: float = every_knob(LOAD)
    ...
    Box("Users", (0, 0), (("req/s", "offered_rate"),), burst=burst)
"""

import math

from labsim.declare.params import Params, number
from labsim.engine import RateCurve
from labsim.errors import ParameterError

LONGEST = 8_640_000     # s
FEW, PART = 4, 20       # a burst: so many times the load for such a part of the run


def spike_knobs(factor: float, start: float, duration: float, *, group: str, name: str = "Spike",
                called: str = "", of: str = "", when=None, growing=None, most: float = 1_000,
                longest: float = LONGEST, factors=(1, 10), starts=(0, 3_600), lasts=(0, 3_600),
                steps=(0.5, 30, 30)) -> tuple:
    """The fields `<name>_factor` (x), `_start` (s) and `_duration` (s) with their defaults.

    `called` names it in the help (the name, if empty), `of` says of what the factor is; `when`
    (and `growing`, of the factor, if it differs) is the parameter's `when`; `most` and `longest`
    are the hard bounds; `factors`, `starts`, `lasts` and `steps` are the sliders.
    """
    times = dict(unit="s", bounds=(0, longest), group=group, when=when)
    called = called or name.lower()
    of = of or f"the rate during the {called}"
    return (
        number(factor, unit="x", bounds=(0, most), slider=factors, step=steps[0],
               label=f"{name} factor", group=group, when=growing or when,
               help=f"How many times {of}; 1 for none."),
        number(start, slider=starts, step=steps[1], label=f"{name} starts at",
               help=f"When the {called} begins.", **times),
        number(duration, slider=lasts, step=steps[2], label=f"{name} lasts",
               help=f"How long the {called} lasts.", **times))


def every_knob(group: str, name: str = "Spike", when=None) -> float:
    """The field `<name>_every` (s): the same spike again and again, 0 for once."""
    return number(0, unit="s", bounds=(0, LONGEST), slider=(0, 3_600), step=60, group=group,
                  label=f"{name} every", when=when,
                  help=f"The {name.lower()} comes again so long after it began; 0 for once.")


def check_spikes(p: Params, name: str = "spike") -> None:
    """A spike is over before the next one begins, or ParameterError."""
    every, lasts = getattr(p, f"{name}_every"), getattr(p, f"{name}_duration")
    if 0 < every <= lasts:
        raise ParameterError(f"{name}_every", every, f"0, or more than {lasts:g} s, a {name}")


def spikes(p: Params, name: str = "spike") -> float:
    """How many there are in a run, or so."""
    factor, start, lasts, every = _knobs(p, name)
    if factor == 1 or not lasts or start >= p.duration:
        return 0
    return (p.duration - start) / every if every else 1


def spiked(p: Params, rate: float, name: str = "spike") -> RateCurve:
    """`rate` (1/s) over a run of `p`, and `<name>_factor` times as much during its spike, again
    and again if it has an `<name>_every`."""
    if not spikes(p, name):
        return RateCurve.steady(rate, p.duration)
    factor, start, lasts, every = _knobs(p, name)
    return RateCurve.spike(rate, factor, start, lasts, p.duration, every)


def burst(p: Params, t: float, name: str = "spike", factor: float = FEW) -> dict[str, float]:
    """What a burst at `t` s changes: where there is no spike, one of `factor` times the rate for a
    twentieth of the run. Else one that is to come begins now, and comes again if that leaves a
    pause; one that is going on is twice as high; one that is over comes again, or is longer if it
    is only just over."""
    high, start, lasts, every = _knobs(p, name)
    of = {what: f"{name}_{what}" for what in ("factor", "start", "duration", "every")}
    again, little = of["every"] in p.specs(), p.duration / PART
    if high <= 1 or not spikes(p, name):
        return {of["factor"]: factor, of["start"]: t, of["duration"]: little,
                **({of["every"]: 0.0} if again else {})}
    if t < start:
        if again and start - t > lasts:
            return {of["start"]: t, of["every"]: start - t}
        longer = min(start + lasts, p.duration) - t
        return {of["start"]: t, of["duration"]: min(longer, 0.9 * (every or math.inf))}
    past = math.floor((t - start) / every) if every else 0
    since, sooner = t - start - past * every, (t - start) / (past + 1)
    if since < lasts:
        return {of["factor"]: min(2 * high, p.specs()[of["factor"]].bounds[1])}
    if again and sooner > lasts:
        return {of["every"]: sooner}
    return {of["duration"]: min(since + little, 0.9 * (every or math.inf))}


def _knobs(p: Params, name: str) -> tuple[float, float, float, float]:
    """The factor, and when it begins, how long it lasts and how often it comes, s."""
    return (*(getattr(p, f"{name}_{what}") for what in ("factor", "start", "duration")),
            getattr(p, f"{name}_every", 0.0))
