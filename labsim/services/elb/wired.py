"""Requests to a load balancer whose clients wait, one by one, on the agenda.

Picture the same hall, but now everybody who was sent away or has waited too long stands outside and
thinks about trying again, and the cashiers ring up the storehouse while you wait. How long a line
takes is no longer known when you join it.

*Models:* what `traffic` models, at the same draws with the same end for each request; besides:
attempts of clients who come back, whose answer may come too late for them; targets that work on
several requests at a time, have a bounded line, ask other parts (`labsim.services.common.crew`), or
are parts that answer themselves. A retry goes to the next address of the client's DNS answer.
*Leaves out:* targets that hear that a client has gone: they do the work all the same.

Data plane: request-level, exact, some microseconds for each attempt. `traffic` is quicker by far,
and what is chosen where nobody waits for an answer (`Balancer`).
"""

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from labsim.declare import Asked
from labsim.declare.users import Request
from labsim.engine import one_by_one
from labsim.engine.agenda import ARRIVE, GIVE_UP, Call, to_nobody
from labsim.services.common.crew import Crew
from labsim.services.elb.fates import (
    ANSWERED,
    CUT,
    FOREVER,
    REFUSED,
    REJECTED,
    SERVER_ERROR,
    TIMED_OUT,
    Cut,
    Fates,
)
from labsim.services.elb.rules import ERRORS, HANGS, REFUSES
from labsim.services.elb.traffic import Traffic
from labsim.services.elb.users import STRANGER, Requests, Visitor

NOBODY = Call(to_nobody)        # waits for the answer
CODES = "ddibbdib"      # of the columns of `Fates`
KINDS = float, float, np.int32, np.int8, np.int8, float, np.int32, bool


class Wired:
    """What `traffic` is, on the agenda; it goes on from where that is.

    hire(k, ended, shed): the crew of target k, or a part that answers. part: the balancer. ages:
    what the age (up to `ttl`, s) of a stranger's DNS answer is drawn from.
    """

    def __init__(self, traffic: Traffic, hire: Callable[..., Crew | Asked],
                 part: Asked, ttl: float, ages: np.random.Generator):
        self.sim, self.nodes, self.timeout = traffic.sim, traffic.nodes, traffic.timeout
        self.pins, self.work, self.answers = traffic.pins, traffic.work, traffic.answers
        self.failing, self.slower = traffic.failing, traffic.slower
        self.heavier, self.shares, self.down = traffic.heavier, traffic.shares, traffic.down
        self._luck, self._hire, self._ttl = traffic.luck, hire, ttl
        self._part, self._answer, self._agenda = part, part.answer, self.sim.agenda
        self._since = [t for t, _ in self.answers]
        self._works = self.work and one_by_one(
            self.work.draw, lambda: traffic.work_random)
        self._works_of: dict[int, Callable[[], float]] = {}     # of targets with another work
        self._chances = one_by_one(lambda n, rng: rng.random(n), lambda: traffic.choice)
        self._ages = one_by_one(lambda n, rng: rng.random(n), lambda: ages)
        self._by_chance = self.nodes[0].picker.by_chance
        pins = self.pins
        self._pinned, self._via, self._until = (
            column.tolist() for column in (pins.target, pins.via, pins.until))
        self.crews: list[Crew | Asked] = []     # of each target
        self._enter: list[Callable[[float, Call], bool]] = []
        self.open: dict[int, Call] = {}         # calls to targets that are waited for, by row
        self._timers: deque[tuple[float, int]] = deque()
        # Of each attempt, as `Fates` has it; rows of retries, and of answers to nobody.
        self._columns = [array(code) for code in CODES]
        (self.sent, self.ended, self.target, self.node, self.kind, self.works, self.user,
         self.first) = self._columns
        self.again, self.late = array("q"), array("q")
        for _ in traffic.free:
            self.join(0.0)

    # -- who comes -----------------------------------------------------------------------------

    def expect(self, blocks: Iterator[Requests]) -> None:
        """These requests will come; nobody waits for the answers."""
        self._await(row for piece in blocks for row in piece.one_by_one())

    def _await(self, rows: Iterator[tuple]) -> None:
        row = next(rows, None)
        if row is not None:
            self._agenda.at(row[0], self._arrive, (rows, row), ARRIVE, self._part)

    def _arrive(self, t: float, source: tuple) -> None:
        self._await(source[0])
        self._come(t, source[1])

    def take(self, requests: Requests) -> None:
        """These come, which another part has just given out."""
        for row in requests.one_by_one():
            self._agenda.at(row[0], self._come, row, ARRIVE, self._part)

    def _come(self, t: float, row: tuple) -> None:
        _, user, first, looked_up, pointer = row
        self._route(t, NOBODY, user, first, self._door(looked_up, pointer))

    def ask(self, t: float, call: Call, to) -> None:
        """A call comes to the balancer `to`; of one of its users, or of a stranger."""
        who, tries = call.asker, 1
        if type(who) is Request:
            tries, who = who.tries, who.asker
            self.again.extend([len(self.sent)] * (tries > 1))
        if type(who) is Visitor and who.users.to is to:
            looked_up, pointer = who.users.looks_up(who.user, t)
            return self._route(t, call, who.users.number + who.user, who.first and tries == 1,
                               self._door(looked_up, pointer, tries - 1))
        self._route(t, call, STRANGER, True, self._door(t - self._ages() * self._ttl,
                                                        self._ages()))

    def _door(self, looked_up: float, pointer: float, further: int = 0) -> int:
        """The node that a DNS answer of that time names, or one `further` in it."""
        names = self.answers[max(bisect_right(self._since, looked_up) - 1, 0)][1]
        place = int(pointer * len(names))
        return names[(place + further) % len(names) if further else place]

    # -- a request -----------------------------------------------------------------------------

    def _route(self, t: float, call: Call, user: int, first: bool, door: int) -> None:
        chance = self._chances() if self._by_chance and not self.down else 0.0
        long = self._works() if self._works else 0.0
        node, target, pins, keep = self.nodes[door], -1, self.pins, self.pins.keep
        if not self.down:
            if keep and not first and t < self._until[user] and self._pinned[user] >= 0:
                other = self.nodes[self._via[user]]
                stays = other if pins.by_connection and other.up else node
                if stays.up and self._pinned[user] in stays.holds:
                    node, target = stays, self._pinned[user]
                    if pins.renewed:
                        self._until[user] = t + keep
            if target < 0 and node.up and node.picker.members:
                target = node.picker.pick(t, chance)
                if keep:
                    self._pinned[user], self._via[user] = target, node.zone
                    self._until[user] = t + keep
        if target in self._works_of:
            long = self._works_of[target]()
        how = self.failing.get(target)
        if how and target in self.shares and self._luck(target).random() >= self.shares[target]:
            how = None
        if not how:
            if target in self.slower:
                since, factor, for_ = self.slower[target]
                long = long * (1.0 + (factor - 1.0) * max(1.0 - (t - since) / for_, 0.0))
            if target in self.heavier:
                long = long * self.heavier[target]
        row = len(self.sent)
        self.sent.append(t)
        self.ended.append(FOREVER)
        self.target.append(target)
        self.node.append(node.zone)
        self.kind.append(ANSWERED)
        self.works.append(long)
        self.user.append(user)
        self.first.append(first)
        to_target = Call(self._answered, call, row)
        self.open[row] = to_target
        if node.counts and target >= 0:
            node.picker.goes(target)
        if target < 0:
            return self._over(t, to_target, REJECTED)
        if how == REFUSES:
            if keep and pins.by_connection:
                self._pinned[user] = -1         # the next one opens a new connection
            return self._over(t, to_target, REFUSED)
        if how == ERRORS:
            return self._over(t, to_target, SERVER_ERROR)
        timers = self._timers
        timers.append((t + self.timeout, row))
        if len(timers) == 1:
            self._agenda.at(t + self.timeout, self._ring, None, GIVE_UP)
        to_target.work = long
        if how != HANGS and not self._enter[target](t, to_target):
            self._over(t, to_target, SERVER_ERROR)      # its line is full

    def _answered(self, t: float, call: Call, ok: bool) -> None:
        """A target has answered; it may be that nobody waits for it any more."""
        if not call.gone:
            self._over(t, call, ANSWERED if ok else SERVER_ERROR)

    def _shed(self, t: float, call: Call) -> None:
        self._over(t, call, SERVER_ERROR)

    def _over(self, t: float, call: Call, kind: int) -> None:
        """An attempt has ended, unless it had before."""
        row = call.what
        if row not in self.open:
            return
        del self.open[row]
        self.ended[row], self.kind[row] = t, kind
        node = self.nodes[self.node[row]]
        if node.counts and self.target[row] >= 0:
            node.picker.back(self.target[row])
        if kind == ANSWERED and not call.asker.wanted:
            self.late.append(row)
        self._answer(t, call.asker, kind == ANSWERED)

    def _ring(self, t: float, _) -> None:
        """The idle timeout of the earliest is over."""
        timers, waited = self._timers, self.open
        while timers and (timers[0][1] not in waited or timers[0][0] <= t):
            if timers[0][1] in waited:
                self._over(t, waited[timers[0][1]], TIMED_OUT)
            timers.popleft()
        if timers:
            self._agenda.at(timers[0][0], self._ring, None, GIVE_UP)

    # -- what control events do ------------------------------------------------------------------

    def join(self, now: float) -> None:
        """There is another target from `now` on."""
        crew = self._hire(len(self.crews), self._answered, self._shed)
        self.crews.append(crew)
        self._enter.append(crew.center.enter if isinstance(crew, Crew) else _asking(crew))

    def works_at(self, target: int, works: Callable[[], float]) -> None:
        """Requests at `target` are work of another kind."""
        self._works_of[target] = works

    def resolve_to(self, now: float, nodes: tuple[int, ...]) -> None:
        """From `now` on DNS names these nodes."""
        self.answers.append((now, nodes))
        self._since.append(now)

    def fail(self, targets: list[int], how: str, now: float) -> None:
        """`targets` refuse everything from now on, or take it and never answer, and what they have
        is lost; or they go on, and answer with a 5xx at once."""
        self.failing.update(dict.fromkeys(targets, how))
        for k in targets if how != ERRORS else ():
            if isinstance(self.crews[k], Crew):
                self.crews[k].center.lose(now)
        if how == HANGS:
            for call in self._at(Cut(now, tuple(targets))):
                call.gone = True
        elif how == REFUSES:
            self._cut_off(now, Cut(now, tuple(targets)))

    def heal(self, target: int, now: float) -> None:
        """`target` is back; where it was dead, with an empty line."""
        self.failing.pop(target, None)

    def cut(self, one: Cut) -> None:
        """This is cut off, now or later."""
        if one.at > self.sim.now:
            self._agenda.at(one.at, self._cut_off, one, GIVE_UP)
        else:
            self._cut_off(one.at, one)

    def _cut_off(self, t: float, one: Cut) -> None:
        for call in self._at(one):
            self._over(t, call, CUT)

    def _at(self, one: Cut) -> list[Call]:
        """What is open there."""
        return [call for row, call in self.open.items()
                if self.node[row] == one.node or self.target[row] in one.targets]

    # -- what has come of them -------------------------------------------------------------------

    @property
    def routed(self) -> int:
        """How many have come."""
        return len(self.sent)

    def done_at(self, target: int) -> float:
        """When `target` will have done all that it has, s; inf if nobody can say."""
        crew = self.crews[target]
        blind = crew.clients and crew.center.working
        return FOREVER if blind else crew.center.done_at(self.sim.now)

    def busy(self, targets) -> float:
        """Server-seconds that requests have kept threads of `targets`, by now."""
        return sum(self.crews[k].center.busy(self.sim.now) for k in targets
                   if isinstance(self.crews[k], Crew))

    def fates(self, since: int = 0) -> Fates:
        """How every attempt from number `since` on has ended; inf: not yet."""
        self.sim.check()
        return Fates(*(np.array(column, dtype=kind)[since:]
                       for column, kind in zip(self._columns, KINDS)))


def _asking(part: Asked) -> Callable[[float, Call], bool]:
    """How a request enters a part that answers."""
    def enter(t: float, call: Call) -> bool:
        part.ask(t, call)
        return True
    return enter
