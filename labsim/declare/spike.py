"""A burst of load as every lab has it: three knobs or four, and the curve that they make.

    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(4, 600, 900, group=LOAD)
    spike_every: float = every_knob(LOAD)
    ...
    Box("Users", (0, 0), (("req/s", "offered_rate"),), burst=burst)
"""

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
    """How many there are in a run, or so; none where a file is replayed."""
    factor, start, lasts, every = _knobs(p, name)
    if factor == 1 or not lasts or start >= p.duration or getattr(p, "traced", False):
        return 0
    return (p.duration - start) / every if every else 1


def spiked(p: Params, rate: float, name: str = "spike") -> RateCurve:
    """`rate` (1/s) over a run of `p`, and `<name>_factor` times as much during its spike, again
    and again if it has an `<name>_every`."""
    if not spikes(p, name):
        return RateCurve.steady(rate, p.duration)
    factor, start, lasts, every = _knobs(p, name)
    return RateCurve.spike(rate, factor, start, lasts, p.duration, every)


def burst(p: Params, t: float, name: str = "spike") -> dict[str, float]:
    """What a hand that asks for a burst at `t` s changes: the spike comes then, or once more, or
    lasts longer if it is there already. What was before `t` stays as it was where the knobs can say
    so. A file that is replayed has no burst, but it may be twice as much."""
    if getattr(p, "traced", False):
        return {"trace_factor": min(2 * p.trace_factor, p.specs()["trace_factor"].bounds[1])}
    factor, start, lasts, every = _knobs(p, name)
    part, again = round(p.duration / PART, 1), hasattr(p, f"{name}_every")
    twice = {f"{name}_factor": min(2 * factor, p.specs()[f"{name}_factor"].bounds[1])}
    t = round(min(t, p.duration - part), 1)     # at the end nothing could be seen of it
    room = not 0 < every <= lasts + part
    longer = {f"{name}_duration": round(lasts + part, 1)} if room else twice
    if not spikes(p, name):
        never = {f"{name}_every": 0.0} if again else {}
        return {f"{name}_factor": max(factor, FEW), f"{name}_start": t, f"{name}_duration": part,
                **never}
    if t < start or not again and t > start + lasts:
        return {f"{name}_start": t, **longer}
    if (t - start) % (every or LONGEST) <= lasts:
        return longer
    return {f"{name}_every": t - start} if not 0 < every < t - start else twice


def _knobs(p: Params, name: str) -> tuple[float, float, float, float]:
    """The factor, and when it begins, how long it lasts and how often it comes, s."""
    return (*(getattr(p, f"{name}_{what}") for what in ("factor", "start", "duration")),
            getattr(p, f"{name}_every", 0.0))
