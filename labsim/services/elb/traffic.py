"""Requests on their way through a load balancer's nodes to a target and back.

Picture the hall behind the doors. People go where the usher points and stand in the line of that
till until they are served. A regular insists on *his* till. Whoever waits too long walks out; the
cashier scans the goods all the same.

*Models:* cookies (ALB) and connections (NLB) that pin a user to a target; targets that serve one
request at a time, first come first served, slower while they are new; a request that fails:
refused, no answer, timed out, cut off, nobody to send it to.
*Leaves out:* keep-alive between client and ALB, the balancer's own time.

Data plane: request-level, exact. Nobody changes what is in line but a target that dies or leaves,
so a request's end is known when it is routed: `max(now, free) + work`. Requests that were cut off
are found at the end, all at once. Where a pick depends on nothing but turn or chance, all picks of
a piece are made together, and only the lines are worked off one by one.
"""

from dataclasses import dataclass

import numpy as np

from labsim.engine import Simulation
from labsim.services.elb.nodes import Node
from labsim.services.elb.users import Block, Users

FOREVER = float("inf")
ANSWERED, REFUSED, TIMED_OUT, CUT, TURNED_AWAY = range(5)


@dataclass(frozen=True)
class Outcome:
    """Every request: when it came and ended (s), where it went (-1: nowhere) and through which
    node, how it ended, and the work (s) it was."""

    sent: np.ndarray
    ended: np.ndarray
    target: np.ndarray
    node: np.ndarray
    kind: np.ndarray
    work: np.ndarray


class Traffic:
    """Requests of `users`, routed by `nodes` to `targets` targets.

    timeout: how long (s) a request may be without an answer. keep: for how long (s) a user stays
    with a target once it was picked; 0: for one request. by_connection: it is a connection that
    keeps him, through one node, so that a failure ends it.
    """

    def __init__(self, sim: Simulation, nodes: list[Node], targets: int, users: Users, *,
                 timeout: float, keep: float, by_connection: bool):
        self.sim, self.nodes, self.users, self.timeout = sim, nodes, users, timeout
        self.keep, self.by_connection = keep, by_connection
        self.free = [0.0] * targets                 # when a target has done all that it has, s
        self.failing: dict[int, bool] = {}          # dead targets; True: they hang
        self.slower: dict[int, tuple[float, float, float]] = {}     # since, factor, for (s)
        self.pinned, self.via = [-1] * len(users.seen), [nodes[0]] * len(users.seen)
        self.expires = [0.0] * len(users.seen)
        self.target: list[int] = []
        self.end: list[float] = []                  # -1: refused, inf: never answered
        self.longer: dict[int, float] = {}          # work (s) of requests that met a cold target
        self.node: list[np.ndarray] = []
        self.answers: list[tuple[float, tuple[int, ...]]] = []  # DNS: from when on, which nodes
        self._source, self._blocks = users.blocks(), []
        self._block, self._at = Block(*(np.empty(0),) * 7), 0       # the next to be routed
        sim.on_advance(self.advance)

    # -- routing ---------------------------------------------------------------------------

    def advance(self, until: float) -> None:
        """Route all requests sent up to and including `until` s."""
        while True:
            if self._at == len(self._block.sent):
                block = next((b for b in self._source if len(b.sent)), None)
                if block is None:
                    return
                self._blocks.append(block)
                self._block, self._at = block, 0
            block, first = self._block, self._at
            self._at = last = int(block.sent.searchsorted(until, side="right"))
            if last == first:
                return
            self.sim.check()
            piece = slice(first, last)
            doors = self._doors(block, piece)
            (self._route_pinned if self.keep else self._route)(block, piece, doors)
            self.node.append(doors)
            if last == len(block.sent):
                self.users.meet(block, np.array(self.target[-last:]))

    def _doors(self, block: Block, piece: slice) -> np.ndarray:
        """The node that each request's DNS answer names."""
        since = np.array([t for t, _ in self.answers])
        which = np.maximum(since.searchsorted(block.looked_up[piece], side="right") - 1, 0)
        doors = np.empty(len(which), dtype=np.int64)
        for i in range(which.min(), which.max() + 1):
            these, names = which == i, np.array(self.answers[i][1])
            doors[these] = names[(block.pointer[piece][these] * len(names)).astype(np.int64)]
        return doors

    def _route(self, block: Block, piece: slice, doors: np.ndarray) -> None:
        """Every request goes where its node points."""
        columns = block.sent[piece], block.work[piece], block.chance[piece]
        if any(node.picker.must_look for node in self.nodes):
            for door, now, work, chance in zip(doors.tolist(), *(c.tolist() for c in columns)):
                node = self.nodes[door]
                if node.up and node.picker.members:
                    self._serve(node, node.picker.pick(now, chance), now, work)
                else:
                    self._turn_away(now)
            return
        picked = np.full(len(doors), -1)
        for node in self.nodes:
            here = (doors == node.zone).nonzero()[0]
            if len(here) and node.up and node.picker.members:
                picked[here] = node.picker.picks(columns[2][here])
        if self.failing or self.slower or picked.min() < 0:
            for target, now, work in zip(picked.tolist(), *(c.tolist() for c in columns[:2])):
                if target < 0:
                    self._turn_away(now)
                else:
                    self._serve(self.nodes[0], target, now, work)
            return
        self.target += picked.tolist()
        free, ended = self.free, self.end.append
        for target, now, work in zip(self.target[-len(picked):],
                                     *(c.tolist() for c in columns[:2])):
            start = free[target]
            free[target] = end = (start if start > now else now) + work
            ended(end)

    def _route_pinned(self, block: Block, piece: slice, doors: np.ndarray) -> None:
        """A user stays with his target while he may; else he goes where a node points."""
        nodes, pinned, via, expires = self.nodes, self.pinned, self.via, self.expires
        columns = (block.sent, block.user, block.work, block.chance, block.first)
        for i, (now, user, work, chance, first) in enumerate(zip(
                *(column[piece].tolist() for column in columns))):
            node, target = nodes[doors[i]], -1
            if not first and now < expires[user]:
                target = pinned[user]
                node = via[user] if self.by_connection and via[user].up else node
            if target < 0 or not node.holds[target] or not node.up:
                node = nodes[doors[i]]
                if not node.up or not node.picker.members:
                    self._turn_away(now)
                    continue
                target = node.picker.pick(now, chance)
                pinned[user], via[user], expires[user] = target, node, now + self.keep
            doors[i] = node.zone
            self._serve(node, target, now, work)
            if self.by_connection and self.end[-1] < 0:
                pinned[user] = -1           # refused: the next one opens a new connection

    def _serve(self, node: Node, target: int, now: float, work: float) -> None:
        """`target` takes the request: after what it has, and for as long as it is work."""
        if target in self.failing:
            hangs = self.failing[target]
            end, left = (FOREVER, now + self.timeout) if hangs else (-1.0, now)
        else:
            if target in self.slower:
                work = self.longer[len(self.end)] = work * self._slowness(target, now)
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

    def _turn_away(self, now: float) -> None:
        self.target.append(-1)
        self.end.append(now)

    # -- what control events do --------------------------------------------------------------

    def resolve_to(self, now: float, nodes: tuple[int, ...]) -> None:
        """From `now` on DNS names these nodes."""
        self.answers.append((now, nodes))

    def fail(self, targets: list[int], hangs: bool, now: float) -> None:
        """`targets` die: they refuse everything from now on, or take it and never answer."""
        self.failing.update(dict.fromkeys(targets, hangs))
        for node in self.nodes:
            if node.counts:
                node.picker.settle(set(targets), now, self.timeout if hangs else 0.0)

    def heal(self, target: int, now: float) -> None:
        """`target` is back, with an empty line."""
        del self.failing[target]
        self.free[target] = now

    # -- at the end --------------------------------------------------------------------------

    def outcome(self, died: np.ndarray, hangs: np.ndarray, gone: np.ndarray,
                lost: np.ndarray) -> Outcome:
        """How every request ended.

        died, gone: when each target died and when it was let go, s (inf: never); hangs: whether
        it hung then; lost: when each node was lost.
        """
        self.sim.check()
        target, node = np.array(self.target, dtype=np.int64), np.concatenate(
            [*self.node, np.empty(0, dtype=np.int64)])
        sent, work = (np.concatenate([*columns, np.empty(0)]) for columns in (
            [block.sent for block in self._blocks], [block.work for block in self._blocks]))
        work[list(self.longer)] = list(self.longer.values())
        end = np.array(self.end)
        nowhere = target < 0
        kind = np.where(nowhere, TURNED_AWAY, np.where(end == -1.0, REFUSED, ANSWERED))
        end = np.where(end == -1.0, sent, end)
        at = np.maximum(target, 0)
        end[(sent <= died[at]) & (end > died[at]) & hangs[at] & ~nowhere] = np.inf
        cut = np.full(len(sent), np.inf)
        for ends, of in ((np.where(hangs, np.inf, died), at), (gone, at), (lost, node)):
            self.sim.check()
            if np.isfinite(ends).any():
                when = ends[of]
                inside = (sent <= when) & (end > when) & ~nowhere
                cut = np.where(inside, np.minimum(cut, when), cut)
        late = np.minimum(end, cut) > sent + self.timeout
        kind = np.where(late, TIMED_OUT, np.where(np.isfinite(cut), CUT, kind))
        ended = np.where(late, sent + self.timeout, np.minimum(end, cut))
        return Outcome(sent, ended, target, node, kind, work)
