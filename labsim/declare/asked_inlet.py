"""Ways into a counted part by which single requests may be asked, too, and are answered.

Picture a turnstile with a counter, and a guard who answers whoever asks him in person. He can't say
"you were the one who did not get through"; but he keeps an account. He knows how many the turnstile
can let through by when this one will be on the counter, and how many it did let through of those
before; for each whom he tells "well" he takes one off. Who asks when the account is empty is told
"no"; on a part of one he tosses a die.

*Models:* single requests in both directions. One that is asked one by one is counted `FOLLOWED` s
later, as long as a step is at most while somebody asks; it is answered at once, after the part's
latency: from the account of what the part has counted as done, and of what it can do for those who
are not counted yet (`CountedPart.rooms`), less all who were told that it's done.
What that costs in truth: which of those who come at the same time get through is left to chance.
How many do is what the part counts, but for who came within the last second: what the account is
wrong about then (a fault that strikes or is mended, KMS behind a bucket) is made up for with the
next ones, a tenth of it with each; not where all are done, for nobody can be told better than that.
Tests hold that to 3 requests where users come all at once, to 9 where they come by way of a
function, to 1 in 100 where a limit is behind another one, to 1 in 1,000 over a long run, and to 6
after a fault of 20 requests/s, whose end makes good what its start did. Who has been told when the
run ends, and is not counted yet, is in the sums (not in the curves, nor in what was consumed) as he
was told: of a part that is overrun these may be half a second's worth more than it could do by
then. Single requests come back only as their own clients say.
*Leaves out:* when within a step a count came.
"""

import math
from collections import deque
from collections.abc import Callable

import numpy as np

from labsim.declare.client import Client
from labsim.declare.component import Component, Port, producers_name
from labsim.declare.counted import CountedProducers, Inlet
from labsim.declare.counted_part import CountedPart, Room
from labsim.declare.retry import Retry
from labsim.declare.users import Users
from labsim.engine import FOLLOWED, Load, Step, one_by_one
from labsim.engine.agenda import Call

AMENDS = 0.1        # of what the account was wrong about, so much is made up for with each request
DONE, NO_ROOM, BROKEN = range(3)    # what one is told: that there was no room, while all worked


class AskedInlet(Inlet):
    """A way into a counted part, by which single requests can be asked, too.

    `sim.send(load, to=table.writes)` sends counted ones; with `retry=` they come back as a crowd.
    `sim.send(load, to=table.writes.one_by_one, retry=...)` sends requests that are followed one by
    one, as do users (`labsim.users`) and parts that ask in the course of their work
    (`calls=table.writes`, `service.then(table.writes)`). How a count becomes requests and back, and
    what that costs in truth: `labsim.declare.asked_inlet`.
    """

    part: CountedPart

    def __init__(self, part: CountedPart, name: str = "", op: int | None = None):
        super().__init__(part, name)
        part.inlets.append(self)
        self.op, self.followed = op, False
        self._singles: deque[tuple] = deque()       # asked when, s; told what, and when, s
        self._counted: np.ndarray | None = None     # of these, in the last step, by key; how many
        self._so_far = self._told = 0.0     # of them were told so; and of those not counted yet
        self._account = self._left = 0.0    # done and not told, of all counted; of all, by now
        self._until, self._step = 0.0, FOLLOWED     # when the last step ends, and its length, s
        # What the part can do after it, with who else asks: at each place, and of all together.
        self._each: list[tuple] | None = None
        self._in_all: list[tuple] = []

    def sent(self, load: Load | Users | float, name: str = "", retry: Retry | None = None):
        """Clients send requests this way at the rate of `load`; see `Simulation.send`."""
        name = name or producers_name(self)
        if isinstance(load, Users):
            return Client(self.sim, name, self, load, retry=retry)
        if retry is not None:
            self.part.come_back(retry)
        return CountedProducers(self.sim, name, load, self)

    @property
    def one_by_one(self) -> "OneByOne":
        """The same way, for requests that are followed one by one."""
        return OneByOne(self)

    # -- single requests -----------------------------------------------------------------------

    def asked_by(self, asker: Component) -> None:
        """`asker` is going to ask it."""
        self._sent = self.followed = True
        self.part.fed_by.append(asker)
        self.sim.pace.follow()
        if not hasattr(self, "_luck"):
            name, times = self.name, self.part.answer_times(self.op or 0)
            self._luck = self._drawn(f"{name} fates", lambda n, rng: rng.random(n))
            self._takes = self._drawn(f"{name} answers", times)

    def _drawn(self, use: str, draw) -> Callable[[], float]:
        """A function that gives one number at a time from a stream of its own."""
        return one_by_one(draw, lambda: self.sim.stream(use))

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s: it is counted a bit later, and answered from the account."""
        self._balance()
        left = self._account + self._expected(len(self._singles) + 1, t) - self._told
        ok = self._luck() < left - (1.0 - AMENDS) * self._left      # what is new, and amends
        self._told += ok
        self._left = left - ok
        what = DONE if ok else NO_ROOM if self.part.well is None else BROKEN
        answered = t + self._takes() * self.part.slow
        self._singles.append((t, what, answered))
        self.sim.agenda.at(answered, self._answer, (call, ok))

    def _answer(self, t: float, what: tuple[Call, bool]) -> None:
        call, ok = what
        call.back(t, call, ok)

    def give_up(self, t: float, call: Call) -> None:
        """Whoever has made the call waits no more; the part does not hear of it."""

    # -- the account ---------------------------------------------------------------------------

    def _expected(self, n: int, t: float) -> float:
        """How many of the `n` that are not counted yet at `t` s will be done, beside the crowd."""
        if self._each is None:
            self._look()
        if n <= self._sure:
            return float(n)
        seconds = t + FOLLOWED - self._until        # by then this one will be counted
        wait = self._singles[0][0] + FOLLOWED - self._until if self._singles else seconds
        wait = max(wait - self._step, 0.0)          # until the step that counts the first of them
        busy = seconds - wait
        if self._each:
            single = n * self._places
            for room, crowd in self._each:
                single *= np.minimum(room.by(wait, busy, crowd) / (single + crowd * busy), 1.0)
            done = float(single.sum())
        else:
            done = n * self._well
        for room, crowd in self._in_all:
            there, asked = room.by(wait, busy, crowd), done + crowd * busy
            if there < asked:
                done *= there / asked
        return done

    def _look(self) -> None:
        """What the part can do, and who else asks, after its last step."""
        part, places = self.part, self.weights
        crowd, well = self._own(part.crowd.own_rate), part.well
        if well is not None:
            places, crowd = places * well, crowd * well
        places, crowd = np.maximum(part.by_limit(places), 1e-300), part.by_limit(crowd)
        self._places, self._well = places, float(places.sum())
        self._each, self._in_all, self._sure = [], [], 0.0 if well is not None else math.inf
        for room in part.rooms(self.op or 0):
            if len(room.flow) > 1:
                here, to, share = self._each, crowd, places
                crowd = np.minimum(crowd, room.held + room.flow)
            else:
                room = Room(*(float(values[0]) for values in room))
                here, to, share = self._in_all, float(crowd.sum()), self._well
            here.append((room, to))
            left = room.held - np.maximum(to - room.flow, 0.0) * (2 * FOLLOWED)
            self._sure = min(self._sure, float(np.min(left / share)))

    def _own(self, by_key: np.ndarray) -> np.ndarray:
        return by_key if self.op is None else by_key[self.op]

    def _balance(self) -> None:
        """Who has been counted as done in the last step, and who of these was told so."""
        if self._counted is not None:
            refused = self._own(self.part.crowd.refused)[:len(self._counted)]    # before a split
            self._account += float(self._counted @ (1.0 - refused)) - self._so_far
            self._counted = None

    @property
    def on_its_way(self) -> int:
        """How many have come, and are not counted yet, those asked one by one among them."""
        return super().on_its_way + len(self._singles)

    @property
    def heard(self) -> np.ndarray:
        """How many of these have been told by now that it's done, that there was no room, and that
        something was broken, (3,)."""
        told = [what for _, what, answered in self._singles if answered <= self.sim.now]
        return np.bincount(np.array(told, dtype=int), minlength=3)

    def singles(self, step: Step) -> np.ndarray | None:
        """How many that were asked one by one are counted in a step, (keys,); None for none."""
        self._balance()
        waiting, until, told = self._singles, step.end - FOLLOWED, []
        self._until, self._step, self._each = step.end, step.length, None
        while waiting and waiting[0][0] < until:
            told.append(waiting.popleft()[1])
        if told:
            self._so_far = float(told.count(DONE))
            self._told -= self._so_far
            self._counted = self._dice.multinomial(len(told), self.weights).astype(float)
        return self._counted


def single(step: Step, *inlets: AskedInlet) -> np.ndarray | None:
    """Of what was asked of these one by one, what is counted in a step, (inlets, keys); None for
    nothing."""
    for inlet in inlets:
        if inlet.followed:
            break
    else:
        return None
    asked = [inlet.singles(step) for inlet in inlets]
    if all(one is None for one in asked):
        return None
    return np.array([np.zeros(len(inlet.weights)) if one is None else one
                     for inlet, one in zip(inlets, asked)])


class OneByOne(Port):
    """An inlet of a counted part, for clients whose requests are followed one by one."""

    def __init__(self, inlet: AskedInlet):
        super().__init__(inlet.part)
        self._inlet, self.sim, self.name = inlet, inlet.sim, inlet.name

    def sent(self, load: Load | Users | float, name: str = "", retry: Retry | None = None):
        """Clients send requests one by one; see `Simulation.send`."""
        return Client(self.sim, name or producers_name(self), self._inlet, load, retry=retry)
