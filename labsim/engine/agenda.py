"""The agenda: single requests that are followed from part to part, and back to whoever asked.

Picture a switchboard operator with a spike of slips, the earliest on top: "10:03:07, number 12's
answer is ready", "10:03:08, caller 7 hangs up". She takes the top one, does what it says, which may
put further slips on the spike, and takes the next.

*Models:* calls, which may be made in the course of others, and are answered, or given up by whoever
asks. At equal times what has been worked on is answered first, then requests arrive, then who has
waited too long is turned away, then askers give up: who is answered in the last moment is answered.
*Leaves out:* how anybody works on a call (`center`), or when he tries again.

Data plane: request-level, exact; some microseconds for each slip.
"""

import gc
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import chain

import numpy as np

ANSWER, ARRIVE, TURN_AWAY, GIVE_UP = (n << 60 for n in range(4))    # who goes first at equal times
PATIENCE = 4_096    # slips between two looks at whether the run was cancelled


class Call:
    """A request under way to a part: `back(t, call, ok)` is what happens when it is answered.

    asker: the call in whose course it is made, if any; what: whatever the asker wants to know it
    by. gone: nobody waits for the answer any more. rank: a smaller one is served first.

    The client that makes it keeps in `sent` when it was sent, s; the part that works on it keeps
    its `work` and when it `came` (s), `state` and `step`, and in `passed` the part and the call
    that it was passed on as.
    """

    __slots__ = ("back", "asker", "what", "gone", "rank", "sent", "work", "came", "state", "step",
                 "passed")

    def __init__(self, back: Callable[[float, "Call", bool], object], asker=None, what=None,
                 rank: int = 0):
        self.back, self.asker, self.what, self.rank = back, asker, what, rank
        self.gone = False
        self.sent = self.passed = None
        self.state = self.step = 0

    @property
    def wanted(self) -> bool:
        """Whether its asker, that one's asker, and so on, still wait."""
        call = self
        while call is not None:
            if call.gone:
                return False
            call = call.asker
        return True


def to_nobody(t: float, call: Call, ok: bool) -> None:
    """The answer to a call that nobody waits for from the start."""


class Stage:
    """Requests that have nothing to do with those of other stages, but that some parts in between
    take what leaves one stage in blocks, and give it to another: `fed_by`, which advance first."""

    def __init__(self, fed_by: Iterable = ()):
        self.now = 0.0
        self.fed_by = list(fed_by)
        self.heap: list[tuple] = []
        self.advancing = False


class Agenda:
    """What happens next, and when; see `Simulation.agenda`. It is of one stage, unless it is
    `split`: then a part advances its own stage before anything is done to it from outside."""

    def __init__(self, check: Callable[[], None]):
        self._check = check
        self.now = 0.0                      # when the last thing has happened, s
        self.settled = False                # whether it is known which parts are in which stage
        self._stages: dict[object, Stage] = {}      # of each part, where there is more than one
        self._only = Stage()
        self._heap = self._only.heap        # of the stage that advances, or did so last
        self._number = self._running = 0

    def feeds(self, part, by: Iterable) -> None:
        """These hand requests over to `part`, and so advance before its stage does."""
        fed_by = self._stages.get(part, self._only).fed_by
        fed_by += [one for one in by if one not in fed_by]

    def split(self, stages: dict[object, Stage]) -> None:
        """From now on, before anything has happened, each of these parts is in a stage."""
        self._stages = stages
        for part in self._only.fed_by:
            self.feeds(part, [part])
        for slip in self._only.heap:
            act, what = slip[2:]
            owner = what[0].__self__ if act.__self__ is self else act.__self__
            heappush(stages[owner if owner in stages else owner.client].heap, slip)

    def reached(self, part) -> float:
        """Up to when everything has happened in this part's stage, s."""
        return self._stages.get(part, self._only).now

    def at(self, t: float, act: Callable[[float, object], object], what=None,
           order: int = ANSWER, part=None) -> None:
        """At `t` s, not before now, `act(t, what)` is called: in the stage of `part`, or else in
        that which advances."""
        self._number = number = self._number + 1
        heap = self._heap if part is None else self._stages.get(part, self._only).heap
        heappush(heap, (t, order + number, act, what))

    def arrive(self, part, times: Iterable[float], act: Callable[[float, object], object]) -> None:
        """At these times (s, not before now) `act(t, None)` is called of this part."""
        heap = self._stages.get(part, self._only).heap
        for t in times:
            self._number += 1
            heappush(heap, (t, ARRIVE + self._number, act, None))

    def arrivals(self, blocks: Iterable[np.ndarray], act: Callable[[float], object], part=None
                 ) -> None:
        """At the times of `blocks` (arrays, s, sorted) `act(t)` is called, a method of a part; or
        in the stage of `part`."""
        times = chain.from_iterable(block.tolist() for block in blocks)
        self._await((act, times), part)

    def _await(self, source: tuple, part=None) -> None:
        t = next(source[1], None)
        if t is not None:
            self.at(t, self._arrive, source, ARRIVE, part)

    def _arrive(self, t: float, source: tuple) -> None:
        self._await(source)
        source[0](t)

    def advance(self, until: float, part=None) -> None:
        """Let everything happen that is due by `until` s, in this part's stage."""
        stage = self._stages.get(part, self._only)
        heap = stage.heap
        if stage.advancing:
            return
        if until > stage.now or heap and heap[0][0] <= until:
            stage.advancing = True
            for feeding in stage.fed_by:
                feeding.advance(until)
            before, self._heap = self._heap, heap
            self._running += 1
            self._run(heap, until)
            self._running -= 1
            self._heap = before
            self.now = stage.now = until
            stage.advancing = False
        if not self._running:
            self._heap = heap

    def _run(self, heap: list[tuple], until: float) -> None:
        count, collects = 0, gc.isenabled()
        gc.disable()        # calls make no cycles, and looking for some takes a third of the time
        try:
            while heap and heap[0][0] <= until:
                t, _, act, what = heappop(heap)
                self.now = t
                act(t, what)
                count += 1
                if count % PATIENCE == 0:
                    self._check()
        finally:
            if collects:
                gc.enable()
