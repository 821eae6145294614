"""Clients of a reader endpoint who come back, and the load that they are.

Picture waiters whose cook has gone home: each turns round at the counter and brings the order to
another cook. Those who stand behind a long line lose patience, bring the order once more, and the
plate that was for them is cooked all the same, for nobody.

*Models:* per step which share of an endpoint's reads fails: at once where the connection has no
instance, after the read's timeout where the queue is too long; or is not answered within the
client's timeout: such a read has been worked on. Reads that come back use any connection of the
pool. *Leaves out:* reads of one client that fail together; waits beside the queue are as in M/M/c,
with Sakasegawa's form for the chance of one.

Data plane: counted.
"""

import numpy as np

from labsim.declare.retry import Retry
from labsim.engine import Step
from labsim.services.aurora.rules import FULLEST
from labsim.services.common.returning import Returning, patience

PARTS = np.array([[1 / 6], [1 / 2], [5 / 6]])       # of a step, at which its queue is looked at


def crowd(cluster, retry: Retry) -> Returning:
    """Clients of an endpoint of `cluster` who come back as `retry` says."""
    made = Returning(retry, longest=min(patience(retry), cluster.timeout))
    made.delay[1] = min(patience(retry), cluster.timeout)
    return made


def waits_beside(offered, room, read_time) -> tuple[np.ndarray, np.ndarray]:
    """Beside the queue: the share of the reads, `offered` per second, that wait, and the rate at
    which such a wait ends, 1/s."""
    room = np.maximum(room, 1e-9)
    load = np.minimum(offered / room, FULLEST)
    servers = np.maximum(np.rint(room * read_time), 1)
    return load ** (np.sqrt(2 * (servers + 1)) - 1), room * (1.0 - load)


def later_than(limit: np.ndarray, share: np.ndarray, rate: np.ndarray,
               read_time: np.ndarray) -> np.ndarray:
    """The chance that a read takes longer than `limit` s: a wait, with the chance `share`, that
    ends at `rate`, and the work on it, exponential."""
    limit, end = np.maximum(limit, 0.0), 1.0 / read_time
    rate = np.where(np.abs(rate - end) < 1e-6 * end, end * (1 + 1e-6), rate)
    own, both = np.exp(-end * limit), np.exp(-np.minimum(rate * limit, 700.0))
    return np.clip((1 - share) * own + share * (end * both - rate * own) / (end - rate), 0.0, 1.0)


class Returns:
    """Of all endpoints of `cluster`, step by step. `late`: of each step, the share of what each
    instance answers that nobody waits for any more."""

    def __init__(self, cluster):
        self.cluster, self.late = cluster, []

    def next(self, now: float) -> float:
        """By when the step that begins `now` has to end, s."""
        for endpoint in self.cluster.endpoints:
            if not endpoint.crowd:      # its clients go home, beside others who come back
                endpoint.crowd = crowd(self.cluster, Retry())
        return min(endpoint.crowd.next(now) for endpoint in self.cluster.endpoints)

    def step(self, step: Step, state, room: np.ndarray, queue: np.ndarray) -> np.ndarray:
        """Reads offered to each instance in the step, those that come back included; `queue` is
        what lies there already."""
        endpoints, timeout = self.cluster.endpoints, self.cluster.timeout
        ways = [endpoint.connections / len(endpoint.client) for endpoint in endpoints]
        for endpoint in endpoints:
            endpoint.crowd.begin(step.start, step.end, np.array([endpoint.crowding * step.length]))
        others = sum(way * (endpoint.asking * step.length)      # who come back in their own way
                     for endpoint, way in zip(endpoints, ways))
        still = False
        while not still:
            each = [way * endpoint.crowd.asked for endpoint, way in zip(endpoints, ways)]
            offered = sum(each) + others
            growth = offered - room * step.length
            over = np.minimum(np.maximum(queue + growth - room * timeout, 0.0), offered)
            failing = np.divide(over, offered, out=(room <= 0).astype(float), where=offered > 0)
            timed = np.where(state.speed > 0, failing, 0.0)
            still, late = True, []
            for endpoint, way in zip(endpoints, ways):
                late.append(self._late(endpoint.retry, state, offered / step.length, room, queue,
                                       growth))
                still &= endpoint.crowd.told([
                    [way @ (failing - timed)], [way @ (timed + (1.0 - failing) * late[-1])]])
        for endpoint in endpoints:
            endpoint.crowd.end()
        self.late.append(np.divide(sum(some * part for some, part in zip(each, late)), offered,
                                   out=np.zeros_like(offered), where=offered > 0))
        return offered

    def _late(self, retry, state, offered, room, queue, growth) -> np.ndarray:
        """The share of what each instance answers that comes too late."""
        limit = patience(retry)
        if limit == np.inf:
            return np.zeros(len(room))
        read_time = self.cluster.read_time * state.slow
        share, rate = waits_beside(offered, room, read_time)
        behind = np.clip(queue + growth * PARTS, 0.0, room * self.cluster.timeout) / np.maximum(
            room, 1e-9)
        late = later_than(limit - behind, share, rate, read_time)
        return np.where(behind < limit, late, 1.0).mean(axis=0)
