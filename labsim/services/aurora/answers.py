"""Parts and single clients that ask a reader endpoint and wait for the answer.

Picture a regular with an order of his own among the waiters of a large house. He counts as one more
order; how long it takes and whether it comes is what the others tell him they have just seen. What
became of it is written down as it was: nobody is told one thing, and counted as another.

*Models:* a read of a part that asks (`calls=endpoint`) is counted: it is load like all others,
evenly over the second in which it comes. It goes to an instance by the endpoint's connections, and
has a time and a fate drawn from what that one was like when the last second had ended; this fate
is the cluster's, too, as soon as it is told. Counted clients who come back (`retry`) are others.
*Leaves out:* so a change of a queue is felt up to a second late, and two reads that come together
have dice of their own, not one queue; who asks and gives up is not noticed.
"""

import numpy as np

from labsim.declare.asked import Asked
from labsim.engine import Order
from labsim.engine.agenda import Call
from labsim.services.aurora.offers import Mean

LOOK = 1.0              # s, at most, for which such reads are counted together


class Answering(Asked):
    """An endpoint of a `cluster` as those see it who wait for its answers.

    In each step `asked` of these reads come; `answered` and `refused` (instances + 1,) are told
    how they end. open: not told yet; timed_out: refused when the reads' timeout was over.
    """

    open = timed_out = 0
    asking = 0.0            # such reads per second that are expected

    def __init__(self, sim, name: str, cluster):
        super().__init__(sim, name)
        self.cluster, self._asked_at = cluster, Mean()
        self._came, self._ended = 0, np.zeros((2, cluster.nowhere + 1))     # since the last look
        self._coming, self._ending = 0.0, np.zeros((2, cluster.nowhere + 1))    # per s, by then
        self.asked: list[float] = []
        self.refused: list[np.ndarray] = []
        self.answered: list[np.ndarray] = []

    def asked_by(self, asker) -> None:
        """`asker` is going to ask it: the reads are looked at often."""
        if not self.askers:
            self._seen, self._dice = -1, self.sim.stream(f"{self.name} answers")
            self.sim.process(self._looking())
        super().asked_by(asker)

    def _looking(self):
        while True:
            yield self.sim.until(self.sim.now + min(LOOK, self.sim.tick), Order.TICK)
            self.cluster.reads.advance(self.sim.now)

    def listen(self, since: float, until: float) -> None:
        """Those parts ask until `until` s; what has come since `since` s comes evenly."""
        self.sim.agenda.advance(until)
        self._coming, self._came = self._came / (until - since), 0
        self._ending, self._ended = self._ended / (until - since), np.zeros_like(self._ended)

    def note(self, length: float) -> None:
        """A step of `length` s begins."""
        self.asked.append(self._coming * length)
        if self.askers:
            self.asking = self._asked_at.after(self.asked[-1], length)
        refused, answered = self._ending * length
        self.refused.append(refused)
        self.answered.append(answered)

    def advance(self, now: float) -> None:
        """Let everything happen until `now`."""
        self.cluster.advance(now)
        self.done.flush()
        self.failed.flush()

    def ask(self, t: float, call: Call) -> None:
        """A read comes at `t` s."""
        self._came += 1
        self.open += 1
        if self._seen != len(self.held):
            self._seen, self._moment = len(self.held), self.cluster.reads.moment(self)
        upto, works, failing, behind, share, rate = self._moment
        at = min(int(np.searchsorted(upto, self._dice.random(), side="right")), self.nowhere)
        cluster = self.cluster
        if not works[at]:
            return self._told(t, (call, False, at))
        if self._dice.random() < failing[at]:
            return self.sim.agenda.at(t + cluster.timeout, self._time_out, (call, False, at))
        wait = behind[at]
        if self._dice.random() < share[at]:
            wait += self._dice.standard_exponential() / rate[at]
        t += min(wait, cluster.timeout) + cluster.read_time * cluster.slow[at] * (
            self._dice.standard_exponential())
        self.sim.agenda.at(t, self._told, (call, True, at))

    def _time_out(self, t: float, what: tuple[Call, bool, int]) -> None:
        self.timed_out += 1
        self._told(t, what)

    def _told(self, t: float, what: tuple[Call, bool, int]) -> None:
        call, ok, at = what
        self.open -= 1
        self._ended[int(ok), at] += 1
        self.answer(t, call, ok)
