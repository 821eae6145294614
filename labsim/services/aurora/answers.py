"""Parts and single clients that ask a reader endpoint and wait for the answer.

Picture a regular with an order of his own among the waiters of a large house. He counts as one more
order; how long it takes and whether it comes is what the others tell him they have just seen.

*Models:* a read of a part that asks (`calls=endpoint`) is counted: it is load like all others,
evenly over the second in which it comes, and is answered after a time and with a fate drawn from
what the instances were like when the last second had ended.
*Leaves out:* so a change is felt up to a second late, and two reads that come together have dice of
their own, not one queue; who asks and gives up is not noticed.
"""

import numpy as np

from labsim.declare.asked import Asked
from labsim.engine import Order
from labsim.engine.agenda import Call

LOOK = 1.0              # s, at most, for which such reads are counted together


class Answering(Asked):
    """An endpoint of a `cluster` as those see it who wait for its answers."""

    _came, asking = 0, 0.0      # such reads since they were looked at last; per second, then

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
        self.asking, self._came = self._came / (until - since), 0

    def advance(self, now: float) -> None:
        """Let everything happen until `now`."""
        self.cluster.advance(now)
        self.done.flush()
        self.failed.flush()

    def ask(self, t: float, call: Call) -> None:
        """A read comes at `t` s."""
        self._came += 1
        if self._seen != len(self.held):
            self._seen, self._moment = len(self.held), self.cluster.reads.moment(self)
        upto, room, behind, share, rate = self._moment
        at = min(int(np.searchsorted(upto, self._dice.random(), side="right")), self.nowhere)
        cluster = self.cluster
        if not room[at]:
            return self.answer(t, call, False)
        wait = behind[at]
        if self._dice.random() < share[at]:
            wait += self._dice.standard_exponential() / rate[at]
        if wait >= cluster.timeout:
            t, ok = t + cluster.timeout, False
        else:
            t, ok = t + wait + cluster.read_time * cluster.slow[at] * (
                self._dice.standard_exponential()), True
        self.sim.agenda.at(t, self._told, (call, ok))

    def _told(self, t: float, what: tuple[Call, bool]) -> None:
        self.answer(t, *what)
