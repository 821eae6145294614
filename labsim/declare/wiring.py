"""What is looked at before requests flow from part to part: that somebody sends them, that they
come to an end, and which parts have to keep in step.

Picture a plumber who follows every pipe with his finger before he opens the tap: none comes from
nowhere, none leads in a ring without a way out.

*Models:* the ways of requests that are asked, passed on, given out, and of those that parts in
between take in blocks. *Leaves out:* whether there is room for all that flows (a run says that).
"""

from collections.abc import Iterator

import numpy as np

from labsim.declare.component import Outlet
from labsim.declare.counted import CountedOutlet
from labsim.engine.agenda import Stage
from labsim.errors import LabsimError


def settle(part) -> None:
    """The wiring of `part` (an `Asked`) and of all that has to do with it. `LabsimError` if nothing
    comes to it, or if what comes can't be answered."""
    seen: set = set()
    if not _fed(part, seen):
        first = next((other for other in seen if not other.askers and not other.fed_by), part)
        raise LabsimError(f"nothing comes to {first.name}: sim.send(load, to=...) sends to it")
    if not _ends(part, ()):
        raise LabsimError(f"{part.name} can't answer: what it does goes on in a circle, of which "
                          "there is no way out; one `then(..., share)` needs a share below 1")
    agenda = part.sim.agenda
    if not agenda.settled:
        agenda.settled = True
        _stages(part.sim)


def _answers(part) -> bool:
    return hasattr(part, "askers")


def _fed(part, seen: set) -> bool:
    """Whether requests come to it from outside, though it may be by way of others."""
    if part.is_fed:
        return True
    seen.add(part)
    for asker in [*part.askers, *part.fed_by]:
        asker = getattr(asker, "owner", None) or asker
        if not _answers(asker) or asker not in seen and _fed(asker, seen):
            return True
    return False


def _ends(part, path: tuple) -> bool:
    """Whether what it is asked may be answered one day."""
    if part in path:
        return False
    path = (*path, part)
    if not all(_ends(other, path) for other in getattr(part, "waits_for", ())):
        return False
    onward = getattr(part, "onward", ())     # of a way into a counted part none
    return sum(share for share, _ in onward) < 1.0 - 1e-9 or any(
        share > 0 and _ends(other, path) for share, other in onward)


# -- circles --------------------------------------------------------------------------------------


def comes_to_an_end(sim) -> None:
    """LabsimError where all that is done of what comes to a part comes back to it, be it by way of
    several others, each of which gets a share: it would come again and again.

    What fails may come back, and so may what is dead: a queue's own dead letters are tried
    `max_receives` times more, and leave as they are done. A part is taken as if nothing failed, and
    as if a batch were always full.
    """
    leads = _leads(sim)
    while ends := [way for way, to in leads.items() if not to.keys() & leads.keys()]:
        for way in ends:
            del leads[way]
    reached = {way: _reached(way, leads) for way in leads}
    for way in leads:
        circle = [other for other in reached[way] if other in leads and way in reached[other]]
        shares = np.array([[leads[one].get(other, 0.0) for other in circle] for one in circle])
        # The largest: how many come after each one, in the long run, from one part to the next.
        if circle and np.abs(np.linalg.eigvals(shares)).max() > 1.0 - 1e-9:
            between = ", ".join(other.name for other in circle if other is not way)
            raise LabsimError(
                f"what leaves {getattr(way, 'part', way).name} comes back to {way.name}"
                f"{f' by way of {between}' if between else ''}: one `to` has to go")


def _leads(sim) -> dict:
    """{part or way into one: {other: how many go on to it of each that is done}}."""
    leads: dict = {}
    for part in sim.parts.values():
        for outlet in (value for value in vars(part).values() if isinstance(value, Outlet)):
            ways = outlet.of if isinstance(outlet, CountedOutlet) else ()
            for way in {*ways, part} if ways or outlet is getattr(part, "done", None) else ():
                for other in (*outlet.takers, *getattr(outlet, "asked", ())):
                    _add(leads, way, other)
        for share, other in (*getattr(part, "onward", ()), *getattr(part, "in_course", ())):
            _add(leads, part, other, share)
    return leads


def _add(leads: dict, way, other, share: float = 1.0) -> None:
    to = leads.setdefault(way, {})
    to[other] = to.get(other, 0.0) + share


def _reached(way, leads: dict) -> dict:
    """All that is reached from a way, the nearest first."""
    reached = dict.fromkeys(leads[way])
    left = list(reached)
    for one in left:
        for other in leads.get(one, ()):
            if other not in reached:
                reached[other] = None
                left.append(other)
    return reached


# -- who has to keep in step -----------------------------------------------------------------------


def _stages(sim) -> None:
    """Parts that take in blocks what leaves others advance after those, and before whom they give
    to. So those two have to be in different stages, if one feeds the other by way of such a part.
    """
    groups = _groups(sim)
    stages, crossed = {}, False
    for group in groups:
        stage = Stage()
        for part in group:
            stages[part] = stage
            for feeding in part.fed_by if _answers(part) else ():
                if not _answers(feeding) and feeding not in stage.fed_by:
                    stage.fed_by.append(feeding)
        for feeding in stage.fed_by:
            if before := [part for part in _upstream(feeding) if _answers(part)]:
                crossed = True
                for part in before:
                    if part in group:
                        raise LabsimError(_mixed(part, feeding))
    if crossed:
        sim.agenda.split(stages)
    else:
        for stage in {id(stage): stage for stage in stages.values()}.values():
            sim.agenda.feeds(None, stage.fed_by)


def _mixed(part, between) -> str:
    return (f"{part.name} gives requests to {between.name}, and what leaves {between.name} comes "
            f"to {part.name} or to a part that has to do with it; since {between.name} takes and "
            "gives them in blocks, that has to be a part of its own")


def _groups(sim) -> list[list]:
    """The parts that ask each other, or are given what leaves another, one list for each group."""
    near: dict = {part: set() for part in sim.parts.values()
                  if _answers(part) or hasattr(part, "owner")}
    for part in near:
        if not _answers(part) and part.load is part.owner is None:
            return [list(near)]     # it may ask on behalf of anybody
        for other in _neighbours(part):
            if other in near:
                near[part].add(other)
                near[other].add(part)
    groups, left = [], dict.fromkeys(near)
    while left:
        group = [next(iter(left))]
        del left[group[0]]
        for part in group:
            for other in near[part]:
                if other in left:
                    del left[other]
                    group.append(other)
        groups.append(group)
    return groups


def _neighbours(part) -> Iterator:
    """Who asks it, gives to it, and in whose course it asks."""
    yield from getattr(part, "askers", ())
    yield from part.fed_by
    yield getattr(part, "owner", None)


def _upstream(part) -> Iterator:
    """The part, and those from whom what it takes in blocks comes; not beyond those that answer,
    nor beyond counted ones, which take it only in the next step."""
    seen, left = {part}, [part]
    while left:
        part = left.pop()
        yield part
        if not _answers(part) and not part.counted:
            for other in part.fed_by:
                if other not in seen:
                    seen.add(other)
                    left.append(other)
