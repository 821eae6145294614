"""The people who use a load balancer: who sends a request when, and which door they know.

Picture customers with a shopping list each. They ask the street sign (DNS) which door to take and
remember it for a minute. Some come often and some rarely; who has all he wanted goes home, and
another comes in his place.

*Models:* Poisson requests of users who differ in how busy they are, come for a visit (of an
exponential length) and are followed by others; DNS answers kept for their TTL, each user's with a
phase of its own, which point to the doors in turn; which target a user met last.
*Leaves out:* retries of failed requests, think times that follow an answer.

Data plane: request-level, made in blocks of arrays that don't depend on what the balancer does.
"""

from dataclasses import dataclass

import numpy as np

from labsim.engine import RateCurve, ServiceTimes, Simulation

SHORTEST_TTL = 1e-3     # s; as good as none
TURN = (5**0.5 - 1) / 2     # of a user's DNS answers: each next one this part of a turn further


@dataclass(frozen=True)
class Block:
    """Requests that are made together: when each is sent (s), by whom, how much work it is, whether
    it is the first of a visit, when its DNS answer was looked up, and two draws from [0, 1): where
    in that answer it points, and where in a node's list."""

    sent: np.ndarray
    user: np.ndarray
    work: np.ndarray
    first: np.ndarray
    looked_up: np.ndarray
    pointer: np.ndarray
    chance: np.ndarray


class Users:
    """`users` people who send Poisson requests, `rate` a second together, in blocks.

    cv: of their own rates. visit: its mean length, s. ttl: of their DNS answers, s.
    """

    def __init__(self, sim: Simulation, *, rate: float, service: ServiceTimes, users: int,
                 cv: float, visit: float, ttl: float):
        self.sim, self.service, self.visit = sim, service, visit
        self.arrivals = RateCurve.steady(rate, sim.duration).arrivals(sim.stream("arrivals"))
        self.busy = np.cumsum(ServiceTimes(1.0, cv).draw(users, sim.stream("users")) + 1e-9)
        self.ttl, dns = max(ttl, SHORTEST_TTL), sim.stream("dns")
        self.shift, self.start = dns.random(users) * self.ttl, dns.random(users)
        self.seen, self.met = np.full(users, -np.inf), np.full(users, -1)
        self.later = self.moved = 0     # requests after the first of a visit; at another target

    def blocks(self):
        """All requests, in order."""
        who, visits, service, choice = map(self.sim.stream, ("who", "visits", "service", "choice"))
        for sent in self.arrivals:
            n = len(sent)
            user = np.searchsorted(self.busy, who.random(n) * self.busy[-1], side="right")
            gap = sent - previous(user, sent, self.seen)
            number = np.floor((sent + self.shift[user]) / self.ttl)
            yield Block(sent, user, self.service.draw(n, service),
                        visits.random(n) >= np.exp(-np.maximum(gap, 0.0) / self.visit),
                        number * self.ttl - self.shift[user],
                        (self.start[user] + number * TURN) % 1.0, choice.random(n))

    def meet(self, block: Block, target: np.ndarray) -> None:
        """Take note of which target each request of a block has met."""
        before = previous(block.user, target, self.met)
        self.later += int((~block.first).sum())
        self.moved += int((~block.first & (before != target)).sum())


def previous(user: np.ndarray, value: np.ndarray, last: np.ndarray) -> np.ndarray:
    """What `value` was at each user's request before; `last` is that of earlier blocks, by user,
    and is brought up to date."""
    order = np.argsort(user.astype(np.uint16) if len(last) < 1 << 16 else user, kind="stable")
    user, value = user[order], value[order]
    before = last[user]
    again = user[1:] == user[:-1]
    before[1:][again] = value[:-1][again]
    last[user] = value              # of several the last one stays
    back = np.empty_like(before)
    back[order] = before
    return back
