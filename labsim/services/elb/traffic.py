"""Requests on their way through a load balancer's nodes to a target and back.

Picture the hall behind the doors. People go where the usher points and stand in the line of that
till until they are served. A regular insists on *his* till. Whoever waits too long walks out; the
cashier scans the goods all the same.

*Models:* cookies (ALB) and connections (NLB) that pin a user to a target; targets that serve one
request at a time, first come first served, slower while they are new; a request that fails:
refused, no answer, timed out, cut off, nobody to send it to.
*Leaves out:* keep-alive between client and ALB, the balancer's own time.

Data plane: request-level, exact. Nobody changes what is in line but a target that dies or leaves,
so a request's end is known when it is routed: `max(now, free) + work`. Which requests were cut off
is found when somebody asks, all at once. Where a pick depends on nothing but turn or chance, all
picks of a piece are made together, and only the lines are worked off one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labsim.engine import ServiceTimes, Simulation, Source, together
from labsim.services.elb.nodes import Node
from labsim.services.elb.users import Requests, previous, strangers

FOREVER = float("inf")
ANSWERED, REFUSED, TIMED_OUT, CUT, REJECTED = range(5)


@dataclass(frozen=True)
class Cut:
    """At `at` s what is unfinished at these targets, or came through this node, is cut off; at
    targets that hang nothing is told, and the answer never comes."""

    at: float
    targets: tuple[int, ...] = ()
    node: int = -1
    hangs: bool = False


@dataclass(frozen=True)
class Fates:
    """Requests: when each came and ended (s), where it went (-1: nowhere) and through which node,
    how it ended, the work (s) it was, whose it was, and whether it began a visit."""

    sent: np.ndarray
    ended: np.ndarray
    target: np.ndarray
    node: np.ndarray
    kind: np.ndarray
    work: np.ndarray
    user: np.ndarray
    first: np.ndarray

    @cached_property
    def went(self) -> np.ndarray:
        """Which were sent to a target."""
        return self.target >= 0

    def moved(self) -> tuple[int, int]:
        """Requests that met another target than their user's last one in the same visit, of so
        many that were not the first of a visit."""
        before = previous(self.user, self.target, np.full(self.user.max(initial=0) + 1, -1))
        return int((~self.first & (before != self.target)).sum()), int((~self.first).sum())


class Traffic:
    """Requests, routed by `nodes` to targets; each is `work` for its target.

    timeout: how long (s) a request may be without an answer. keep: for how long (s) a user stays
    with a target once it was picked; 0: for one request. by_connection: it is a connection that
    keeps him, through one node, so that a failure ends it. work_random, choice: what the work and
    a node's dice are drawn from.
    """

    def __init__(self, sim: Simulation, nodes: list[Node], *, timeout: float, keep: float,
                 by_connection: bool, work_random, choice):
        self.sim, self.nodes, self.timeout = sim, nodes, timeout
        self.keep, self.by_connection = keep, by_connection
        self.work: ServiceTimes | None = None
        self._work_random, self._choice = work_random, choice
        self.free: list[float] = []                 # when a target has done all that it has, s
        self.failing: dict[int, bool] = {}          # dead targets; True: they hang
        self.slower: dict[int, tuple[float, float, float]] = {}     # since, factor, for (s)
        self.cuts: list[Cut] = []
        self.pinned, self.via, self.expires = [-1], [nodes[0]], [0.0]   # by user
        self.answers: list[tuple[float, tuple[int, ...]]] = []  # DNS: from when on, which nodes
        self.target: list[int] = []
        self.end: list[float] = []                  # -1: refused, inf: never answered
        self._longer: dict[int, float] = {}         # work (s) of requests that met a cold target
        # With the work of each and the number of its node; to begin with, none.
        self._routed = [(next(strangers([np.empty(0)], 0.0, choice)), np.empty(0),
                         np.empty(0, dtype=np.int64))]
        self._sources: list[Source] = []
        self._taken: list[Requests] = []            # given by other parts, not yet routed

    # -- who comes ---------------------------------------------------------------------------

    def welcome(self, users: int) -> int:
        """There are so many users more; the number of the first of them."""
        first = len(self.pinned)
        self.pinned += [-1] * users
        self.via += [self.nodes[0]] * users
        self.expires += [0.0] * users
        return first

    def expect(self, blocks: Iterator[Requests]) -> None:
        """These requests will come."""
        self._sources.append(Source(blocks))

    def take(self, requests: Requests) -> None:
        """These have come since the last look."""
        self._taken.append(requests)

    # -- routing ---------------------------------------------------------------------------

    def advance(self, until: float) -> None:
        """Route all requests sent up to and including `until` s."""
        if len(self._sources) == 1 and not self._taken:
            pieces = self._sources[0].upto(until)
        else:
            waiting, self._taken = self._taken, []
            waiting += [piece for source in self._sources for piece in source.upto(until)]
            pieces = [together(waiting)] if waiting else []
        for piece in pieces:
            self.sim.check()
            work = self.work.draw(len(piece), self._work_random)
            chance = self._choice.random(len(piece))
            doors = self._doors(piece)
            (self._route_pinned if self.keep else self._route)(piece, doors, work, chance)
            self._routed.append((piece, work, doors))

    def _doors(self, piece: Requests) -> np.ndarray:
        """The node that each request's DNS answer names."""
        since = np.array([t for t, _ in self.answers])
        which = np.maximum(since.searchsorted(piece.looked_up, side="right") - 1, 0)
        doors = np.empty(len(which), dtype=np.int64)
        for i in range(which.min(), which.max() + 1):
            these, names = which == i, np.array(self.answers[i][1])
            doors[these] = names[(piece.pointer[these] * len(names)).astype(np.int64)]
        return doors

    def _route(self, piece: Requests, doors: np.ndarray, work: np.ndarray,
               chance: np.ndarray) -> None:
        """Every request goes where its node points."""
        if any(node.picker.must_look for node in self.nodes):
            for door, now, long, die in zip(doors.tolist(), piece.t.tolist(), work.tolist(),
                                            chance.tolist()):
                node = self.nodes[door]
                if node.up and node.picker.members:
                    self._serve(node, node.picker.pick(now, die), now, long)
                else:
                    self._reject(now)
            return
        picked = np.full(len(doors), -1)
        for node in self.nodes:
            here = (doors == node.zone).nonzero()[0]
            if len(here) and node.up and node.picker.members:
                picked[here] = node.picker.picks(chance[here])
        if self.failing or self.slower or picked.min() < 0:
            for target, now, long in zip(picked.tolist(), piece.t.tolist(), work.tolist()):
                if target < 0:
                    self._reject(now)
                else:
                    self._serve(self.nodes[0], target, now, long)
            return
        free, ended = self.free, self.end.append
        targets = picked.tolist()
        self.target += targets
        for target, now, long in zip(targets, piece.t.tolist(), work.tolist()):
            start = free[target]
            free[target] = end = (start if start > now else now) + long
            ended(end)

    def _route_pinned(self, piece: Requests, doors: np.ndarray, work: np.ndarray,
                      chance: np.ndarray) -> None:
        """A user stays with his target while he may; else he goes where a node points."""
        nodes, pinned, via, expires = self.nodes, self.pinned, self.via, self.expires
        columns = (piece.t, piece.user, piece.first, work, chance)
        for i, (now, user, first, long, die) in enumerate(zip(*(c.tolist() for c in columns))):
            node, target = nodes[doors[i]], -1
            if not first and now < expires[user]:
                target = pinned[user]
                node = via[user] if self.by_connection and via[user].up else node
            if target < 0 or target not in node.holds or not node.up:
                node = nodes[doors[i]]
                if not node.up or not node.picker.members:
                    self._reject(now)
                    continue
                target = node.picker.pick(now, die)
                pinned[user], via[user], expires[user] = target, node, now + self.keep
            doors[i] = node.zone
            self._serve(node, target, now, long)
            if self.by_connection and self.end[-1] < 0:
                pinned[user] = -1           # refused: the next one opens a new connection

    def _serve(self, node: Node, target: int, now: float, work: float) -> None:
        """`target` takes the request: after what it has, and for as long as it is work."""
        if target in self.failing:
            hangs = self.failing[target]
            end, left = (FOREVER, now + self.timeout) if hangs else (-1.0, now)
        else:
            if target in self.slower:
                work = self._longer[len(self.end)] = work * self._slowness(target, now)
            start = self.free[target]
            end = left = self.free[target] = (start if start > now else now) + work
        self.target.append(target)
        self.end.append(end)
        if node.counts:
            node.picker.sent(target, now, min(left, now + self.timeout))

    def _slowness(self, target: int, now: float) -> float:
        since, factor, for_ = self.slower[target]
        cold = 1.0 - (now - since) / for_
        if cold <= 0:
            del self.slower[target]
            return 1.0
        return 1.0 + (factor - 1.0) * cold

    def _reject(self, now: float) -> None:
        self.target.append(-1)
        self.end.append(now)

    # -- what control events do --------------------------------------------------------------

    def resolve_to(self, now: float, nodes: tuple[int, ...]) -> None:
        """From `now` on DNS names these nodes."""
        self.answers.append((now, nodes))

    def fail(self, targets: list[int], hangs: bool, now: float) -> None:
        """`targets` die: they refuse everything from now on, or take it and never answer."""
        self.failing.update(dict.fromkeys(targets, hangs))
        self.cuts.append(Cut(now, tuple(targets), hangs=hangs))
        for node in self.nodes:
            if node.counts:
                node.picker.settle(set(targets), now, self.timeout if hangs else 0.0)

    def heal(self, target: int, now: float) -> None:
        """`target` is back, with an empty line."""
        del self.failing[target]
        self.free[target] = now

    # -- what has come of them ---------------------------------------------------------------

    def fates(self, since: int = 0) -> Fates:
        """How every request from number `since` on ends, if nothing happens after now."""
        self.sim.check()
        sent, user, first, _, _, work, node = map(np.concatenate, zip(*(
            (*piece.columns, work, node) for piece, work, node in self._routed)))
        work[list(self._longer)] = list(self._longer.values())
        sent, user, first, work, node = (c[since:] for c in (sent, user, first, work, node))
        target, end = np.array(self.target[since:], dtype=np.int64), np.array(self.end[since:])
        nowhere = target < 0
        kind = np.where(nowhere, REJECTED, np.where(end == -1.0, REFUSED, ANSWERED))
        end = np.where(end == -1.0, sent, end)
        cut = np.full(len(sent), np.inf)
        for one in sorted(self.cuts, key=lambda one: not one.hangs):
            self.sim.check()
            of = node == one.node if one.node >= 0 else np.isin(target, one.targets)
            inside = of & (sent <= one.at) & (end > one.at) & ~nowhere
            if one.hangs:
                end[inside] = np.inf
            else:
                cut[inside] = np.minimum(cut[inside], one.at)
        late = np.minimum(end, cut) > sent + self.timeout
        kind = np.where(late, TIMED_OUT, np.where(np.isfinite(cut), CUT, kind))
        ended = np.where(late, sent + self.timeout, np.minimum(end, cut))
        return Fates(sent, ended, target, node, kind, work, user, first)
