"""Requests on their way through a load balancer's nodes to a target and back.

Picture the hall behind the doors. People go where the usher points and stand in the line of that
till until they are served. A regular insists on *his* till. Whoever waits too long walks out; the
cashier scans the goods all the same.

*Models:* cookies (ALB) and connections (NLB) that pin a user to a target; targets that serve one
request at a time, first come first served, slower while they are new; a request that fails:
refused, answered with a 5xx, no answer, timed out, cut off, nobody to send it to.
*Leaves out:* keep-alive between client and ALB, the balancer's own time.

Data plane: request-level, exact. Nobody changes what is in line but a target that dies or leaves,
so a request's end is known when it is routed: `max(now, free) + work`. Where a pick depends on
nothing but turn or chance, picks, pins and lines of a piece are worked off all at once (`pins`,
`lines`), in some tens of nanoseconds a request; where it depends on lines, one by one, in a good
half of a microsecond. Which requests were cut off is found when somebody asks (`fates`).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from heapq import heappush

import numpy as np

from labsim.engine import ServiceTimes, Simulation, Source, together
from labsim.services.elb.fates import AT_ONCE, FOREVER, NOBODY, Cut, Fates, fates_of
from labsim.services.elb.lines import served
from labsim.services.elb.nodes import LINE, LeastOutstanding, Node
from labsim.services.elb.pins import Pins
from labsim.services.elb.rules import ERRORS, HANGS, REFUSES
from labsim.services.elb.users import Requests


class Traffic:
    """Requests, routed by `nodes` to targets; each is `work` for its target.

    timeout: how long (s) a request may be without an answer. pins: who stays with a target.
    Nobody comes back, and nobody has gone when his answer comes: `again` and `late`, the numbers of
    such requests.
    """

    again = late = ()

    def __init__(self, sim: Simulation, nodes: list[Node], *, timeout: float, pins: Pins,
                 work_random: np.random.Generator, choice: np.random.Generator,
                 luck: Callable[[int], np.random.Generator]):
        self.sim, self.nodes, self.timeout, self.pins = sim, nodes, timeout, pins
        self.work: ServiceTimes | None = None
        self.work_random, self.choice, self.luck = work_random, choice, luck
        self.free: list[float] = []                 # when a target has done all that it has, s
        self.failing: dict[int, str] = {}           # targets with a fault, and which
        self.slower: dict[int, tuple[float, float, float]] = {}     # since, factor, for (s)
        self.heavier: dict[int, float] = {}         # how many times as much work all is there
        self.shares: dict[int, float] = {}          # of what is 5xx, where it is not all
        self.down = False                           # nobody is sent anywhere
        self.cuts: list[Cut] = []
        self.answers: list[tuple[float, tuple[int, ...]]] = []  # DNS: from when on, which nodes
        # Per piece: time, user, whether first, work (s), node, target, end; and how many before it.
        self._routed: list[tuple[np.ndarray, ...]] = []
        self._before: list[int] = []
        self.routed = 0
        self._sources: list[Source] = []
        self._taken: list[Requests] = []            # given by other parts, not yet routed

    # -- who comes ---------------------------------------------------------------------------

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
            if len(piece):
                self._route(piece)
                last = float(piece.t[-1])
                self.slower = {k: (since, factor, for_) for k, (since, factor, for_)
                               in self.slower.items() if last < since + for_}

    def _route(self, piece: Requests) -> None:
        work = self.work.draw(len(piece), self.work_random)
        doors = self._doors(piece)
        which = {door for door in range(len(self.nodes)) if (doors == door).any()}
        if self.down:
            target, end = np.full(len(piece), -1), piece.t
        elif picked := self._picked(piece, doors, which):
            target, doors = picked
            end = self._served(target, piece.t, work)
        elif self.failing or self.slower or self.heavier or self.pins.keep or not all(
                type(node.picker).pick is LeastOutstanding.pick and node.up and node.picker.members
                for node in (self.nodes[door] for door in which)):
            target, doors, end = self._one_by_one(piece, doors, work)
        else:
            target, end = self._shortest(piece.t, doors, work)
        self._before.append(self.routed)
        self._routed.append((piece.t, piece.user.astype(np.int32), piece.first, work,
                             doors.astype(np.int8), target.astype(np.int32), end))
        self.routed += len(piece)

    def _doors(self, piece: Requests) -> np.ndarray:
        """The node that each request's DNS answer names."""
        since = np.array([t for t, _ in self.answers])
        which = np.maximum(since.searchsorted(piece.looked_up, side="right") - 1, 0)
        doors = np.empty(len(which), dtype=np.int64)
        low, high = int(which.min()), int(which.max())
        for i in range(low, high + 1):
            these = which == i if low < high else slice(None)
            names = np.array(self.answers[i][1])
            doors[these] = names[(piece.pointer[these] * len(names)).astype(np.int64)]
        return doors

    def _picked(self, piece: Requests, doors: np.ndarray, which: set[int]) -> tuple | None:
        """(target, node) of each request, all at once; None where that can't be."""
        nodes = [self.nodes[door] for door in which]
        every = [node for node in self.nodes if node.picker.members]
        keep, by_connection = self.pins.keep, self.pins.by_connection
        alike = by_connection or all(node.holds == every[0].holds for node in every)
        reopens = by_connection and REFUSES in self.failing.values()
        if any(node.counts for node in nodes) or keep and (
                reopens or not alike or self.pins.often(piece.t)
                or not all(node.up for node in self.nodes)
                or not all(node.picker.members for node in nodes)):
            return None
        needs = any(node.picker.by_chance for node in nodes)
        chance = self.choice.random(len(piece)) if needs else np.zeros(len(piece))

        def picks(these=slice(None)) -> np.ndarray:
            t, die, door = piece.t[these], chance[these], doors[these]
            picked = np.full(len(t), -1)
            for node in nodes:
                here = (door == node.zone).nonzero()[0] if len(nodes) > 1 else slice(None)
                if node.up and node.picker.members and len(t[here]):
                    picked[here] = node.picker.picks(t[here], die[here])
            return picked
        if not keep:
            return picks(), doors
        held = np.zeros((len(self.nodes), len(self.free)), dtype=bool)
        for node in every:
            held[node.zone, list(node.holds)] = True
        return self.pins.stay(piece, doors, held, picks)

    def _served(self, target: np.ndarray, t: np.ndarray, work: np.ndarray) -> np.ndarray:
        """When each request ends (-1: refused, -2: 5xx, inf: never answered); `work` is brought up
        to date where a target is slower."""
        for k, (since, factor, for_) in self.slower.items():
            here = target == k
            work[here] *= 1.0 + (factor - 1.0) * np.maximum(1.0 - (t[here] - since) / for_, 0.0)
        for k, factor in self.heavier.items():
            work[target == k] *= factor
        if not self.failing and (len(target) == 0 or target.min() >= 0):
            return served(target, t, work, self.free)
        end = t.copy()                              # who is sent nowhere, at once
        well = target >= 0
        for k, how in self.failing.items():
            here = target == k
            if k in self.shares:
                here[here] = self.luck(k).random(int(here.sum())) < self.shares[k]
            end[here], well = AT_ONCE[how], well & ~here
        end[well] = served(target[well], t[well], work[well], self.free)
        return end

    def _shortest(self, t: np.ndarray, doors: np.ndarray, work: np.ndarray) -> tuple:
        """(target, end) of each request, each to the shortest line, while nothing else matters:
        as `_one_by_one`, with `LeastOutstanding.pick` and `sent` written out."""
        pickers, free, timeout = [node.picker for node in self.nodes], self.free, self.timeout
        targets, ends = [], []
        for door, now, long in zip(doors.tolist(), t.tolist(), work.tolist()):
            picker = pickers[door]
            out, keys = picker.out, picker.keys
            if out and out[0][0] <= now:
                picker.ended(now)
            place = keys.index(min(keys))
            target = picker.members[place]
            start = free[target]
            free[target] = end = (start if start > now else now) + long
            heappush(out, (end if end < now + timeout else now + timeout, target, now))
            picker.turn = turn = picker.turn + 1
            keys[place] += LINE + turn - keys[place] % LINE
            targets.append(target)
            ends.append(end)
        return np.array(targets), np.array(ends)

    def _one_by_one(self, piece: Requests, doors: np.ndarray, work: np.ndarray) -> tuple:
        """(target, node, end) of each request, where a pick depends on the moment."""
        nodes, pins, free, failing = self.nodes, self.pins, self.free, self.failing
        chance = self.choice.random(len(piece)).tolist()
        keep, timeout, renewed, by_connection = (pins.keep, self.timeout, pins.renewed,
                                                 pins.by_connection)
        who, place = np.unique(piece.user, return_inverse=True) if keep else (None, piece.user)
        if keep:
            pinned, via, until = (c[who].tolist() for c in (pins.target, pins.via, pins.until))
        targets, ends, through = [], [], []
        columns = (doors, piece.t, place, piece.first, work)
        for i, (door, now, user, first, long) in enumerate(zip(*(c.tolist() for c in columns))):
            node, target = nodes[door], -1
            if keep and not first and now < until[user] and pinned[user] >= 0:
                other = nodes[via[user]]
                stays = other if by_connection and other.up else node
                if stays.up and pinned[user] in stays.holds:
                    node, target = stays, pinned[user]
                    if renewed:
                        until[user] = now + keep
            if target < 0 and node.up and node.picker.members:
                target = node.picker.pick(now, chance[i])
                if keep:
                    pinned[user], via[user], until[user] = target, node.zone, now + keep
            end = left = now
            if target >= 0:
                if target in failing and not (target in self.shares and self.luck(
                        target).random() >= self.shares[target]):
                    end = AT_ONCE[failing[target]]
                    left = now + timeout if end == FOREVER else now
                    if keep and by_connection and failing[target] == REFUSES:
                        pinned[user] = -1           # the next one opens a new connection
                else:
                    if target in self.slower:
                        since, factor, for_ = self.slower[target]
                        cold = 1.0 - (now - since) / for_
                        long = work[i] = long * (1.0 + (factor - 1.0) * max(cold, 0.0))
                    if target in self.heavier:
                        long = work[i] = long * self.heavier[target]
                    start = free[target]
                    free[target] = end = left = (start if start > now else now) + long
                if node.counts:
                    node.picker.sent(target, now, left if left < now + timeout else now + timeout)
            targets.append(target)
            ends.append(end)
            through.append(node.zone)
        if keep:
            pins.target[who], pins.via[who], pins.until[who] = pinned, via, until
        return np.array(targets), np.array(through), np.array(ends)

    # -- what control events do --------------------------------------------------------------

    def join(self, now: float) -> None:
        """There is another target from `now` on."""
        self.free.append(now)

    def done_at(self, target: int) -> float:
        """When `target` has done all that it has, s."""
        return self.free[target]

    def cut(self, one: Cut) -> None:
        """This is cut off, now or later."""
        self.cuts.append(one)

    def resolve_to(self, now: float, nodes: tuple[int, ...]) -> None:
        """From `now` on DNS names these nodes."""
        self.answers.append((now, nodes))

    def fail(self, targets: list[int], how: str, now: float) -> None:
        """`targets` refuse everything from now on, or take it and never answer, and what they have
        is lost; or they go on, and answer with a 5xx at once."""
        self.failing.update(dict.fromkeys(targets, how))
        if how != ERRORS:
            self.cut(Cut(now, tuple(targets), hangs=how == HANGS))
            for node in self.nodes:
                if node.counts:
                    node.picker.settle(set(targets), now, self.timeout if how == HANGS else 0.0)

    def heal(self, target: int, now: float) -> None:
        """`target` is back; where it was dead, with an empty line."""
        if self.failing.pop(target, ERRORS) != ERRORS:
            self.free[target] = now

    # -- what has come of them ---------------------------------------------------------------

    def fates(self, since: int = 0) -> Fates:
        """How every request from number `since` on ends, if nothing happens after now."""
        self.sim.check()
        if since >= self.routed:
            return fates_of(NOBODY, [], self.timeout)
        first = bisect_right(self._before, since) - 1
        skip = since - self._before[first]
        columns = [np.concatenate(column)[skip:] for column in zip(*self._routed[first:])]
        return fates_of(columns, self.cuts, self.timeout)
