"""The agenda: single requests that are followed from part to part, and back to whoever asked.

Picture a switchboard operator with a spike of slips, the earliest on top: "10:03:07, number 12's
answer is ready", "10:03:08, caller 7 hangs up". She takes the top one, does what it says, which may
put further slips on the spike, and takes the next.

*Models:* calls, which may be made in the course of others, and are answered, or given up by whoever
asks. At equal times what has been worked on is answered first, then requests arrive, then askers
give up: who is answered in the last moment is answered, and takes no server from who comes then.
*Leaves out:* how anybody works on a call (`center`), or when he tries again.

Data plane: request-level, exact; some microseconds for each slip.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import chain

import numpy as np

ANSWER, ARRIVE, GIVE_UP = 0, 1 << 60, 1 << 61   # who goes first at equal times
PATIENCE = 4_096    # slips between two looks at whether the run was cancelled


class Call:
    """A request under way to a part: `back(t, call, ok)` is what happens when it is answered.

    asker: the call in whose course it is made, if any; what: whatever the asker wants to know it
    by. gone: nobody waits for the answer any more. sent: it has its asker's connection. rank: a
    smaller one is served first. The part that works on it keeps its `work` and when it `came` (s),
    `state` and `step` in it.
    """

    __slots__ = ("back", "asker", "what", "gone", "sent", "rank", "work", "came",
                 "state", "step")

    def __init__(self, back: Callable[[float, "Call", bool], object], asker=None, what=None,
                 rank: int = 0):
        self.back, self.asker, self.what, self.rank = back, asker, what, rank
        self.gone = self.sent = False
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


class Agenda:
    """What happens next, and when; see `Simulation.agenda`."""

    def __init__(self, check: Callable[[], None]):
        self.now = 0.0
        self.fed_by: list = []      # parts that hand requests over, and so advance first
        self._check = check
        self._heap: list[tuple] = []
        self._number = self._advancing = 0

    def at(self, t: float, act: Callable[[float, object], object], what=None,
           order: int = ANSWER) -> None:
        """At `t` s, not before now, `act(t, what)` is called."""
        self._number = number = self._number + 1
        heappush(self._heap, (t, order + number, act, what))

    def arrivals(self, blocks: Iterable[np.ndarray], act: Callable[[float], object]) -> None:
        """At the times of `blocks` (arrays, s, sorted) `act(t)` is called."""
        times = chain.from_iterable(block.tolist() for block in blocks)
        self._await((act, times))

    def _await(self, source: tuple) -> None:
        t = next(source[1], None)
        if t is not None:
            self.at(t, self._arrive, source, ARRIVE)

    def _arrive(self, t: float, source: tuple) -> None:
        self._await(source)
        source[0](t)

    def advance(self, until: float) -> None:
        """Let everything happen that is due by `until` s."""
        if self._advancing or until <= self.now and not self._due(until):
            return
        self._advancing = True
        for part in self.fed_by:
            part.advance(until)
        heap, count = self._heap, 0
        while heap and heap[0][0] <= until:
            t, _, act, what = heappop(heap)
            self.now = t
            act(t, what)
            count += 1
            if count % PATIENCE == 0:
                self._check()
        self.now, self._advancing = until, False

    def _due(self, until: float) -> bool:
        return bool(self._heap) and self._heap[0][0] <= until
