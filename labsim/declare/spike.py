"""A burst of load as every lab has it: three knobs, and the curve that they make.

    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(4, 600, 900, group=LOAD)
"""

from labsim.declare.params import Params, number
from labsim.engine import RateCurve

LONGEST = 8_640_000     # s


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


def spiked(p: Params, rate: float, name: str = "spike") -> RateCurve:
    """`rate` (1/s) over a run of `p`, and `<name>_factor` times as much during its spike."""
    factor, start, duration = (getattr(p, f"{name}_{what}")
                               for what in ("factor", "start", "duration"))
    return RateCurve.spike(rate, factor, start, duration, p.duration)
