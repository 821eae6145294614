"""Which knobs are at hand at a step of the story, and where each may stand.

Picture a mixing desk whose faders are laid out anew for every song: the six that this song moves
are under your hands, the others behind a lid; and a fader clicks into places worth listening to.
"""

import math
from collections.abc import Iterable

from labsim.view import links

STOPS = 100         # places of a slider, but for the presets' own
DECADES = 1.7       # powers of ten from which on a slider is logarithmic
FIRST = 2           # of what a step sets anew: before what it asks about
# Of a file of one's own: what is said about it, and which knobs come first while it runs.
OF_A_FILE = ("trace_metric", "trace_as", "trace_factor", "trace_start")
OWN = ("trace_factor", "trace_start", "trace_metric", "trace_as", "duration")
LAST = ("duration", "facts")    # they change what is seen, hardly what happens


def ranked(lab, step: int) -> list[str]:
    """The knobs at a step (from 0), those to have at hand first: what it sets, above all what it
    sets anew and what the next one will change, and how much comes in; the rest in order."""
    specs, scenes = lab.Params.specs(), links.scenes(lab)
    around = [lab.Params(**scene.values).model_dump()
              for scene in scenes[max(step - 1, 0):step + 2]]
    here, before, after = around[min(step, 1)], around[0], around[-1]
    first = [name for name in moved(lab, step) if name not in LAST][:FIRST]
    wanted = [*dict.fromkeys([*first, *scenes[step].hand])]

    def weight(name):
        return (wanted.index(name) - len(wanted) if name in wanted else 0, name in LAST,
                -4 * (here[name] != before[name]) - 2 * (name in scenes[step].values)
                - (here[name] != after[name]))
    names = sorted((name for name in specs if shown(lab, name)), key=weight)
    load = next((n for n in names if specs[n].slider and n not in LAST and n in list(specs)[:6]),
                None)
    if load in names[4:]:       # how much comes in is always at hand
        names.remove(load)
        names.insert(4, load)
    return names


def shown(lab, name: str) -> bool:
    """Whether a hand may set this parameter: no path, and no switch that changes nothing."""
    spec = lab.Params.specs()[name]
    free = links.is_text(spec) and name not in OF_A_FILE
    return not free and (name != "facts" or lab.facts_differ)


def moved(lab, step: int) -> list[str]:
    """What a step sets otherwise than the one before."""
    scenes = links.scenes(lab)
    here = lab.Params(**scenes[step].values).model_dump()
    if step == 0:
        return list(scenes[0].values)
    before = lab.Params(**scenes[step - 1].values).model_dump()
    return [name for name in here if here[name] != before[name]]


def travel(spec, presets: Iterable[float] = ()) -> list[float]:
    """Where a slider may stand, from end to end: evenly, or evenly in powers of ten where it spans
    decades; round numbers, both ends, the default and the presets' values."""
    own = {spec.type(v) for v in (spec.default, *presets)
           if spec.bounds[0] <= v <= spec.bounds[1]}
    low, high = min(spec.slider[0], *own), max(spec.slider[1], *own)
    start = low if low > 0 else spec.step
    if low >= 0 and high / start >= 10 ** DECADES:
        ratio = math.log(high / start) / (STOPS - 1)
        stops = {_two_figures(start * math.exp(ratio * i), spec) for i in range(STOPS)}
    else:
        step = spec.step * max(1, math.ceil((high - low) / spec.step / STOPS - 1e-9))
        stops = {round(low + step * i, 9) for i in range(int((high - low) / step + 1e-9) + 1)}
    found = {spec.type(stop) for stop in stops if low <= stop <= high}
    return sorted(found | own | {spec.type(low), spec.type(high)})


def _two_figures(value: float, spec) -> float:
    """A round number near `value` that the parameter can have."""
    value = float(f"{value:.2g}")
    if value >= 10 * spec.step:
        value = round(round(value / spec.step) * spec.step, 9)
    return round(value) if spec.type is int else value
