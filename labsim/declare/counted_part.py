"""Parts whose requests are counted, and that still answer single ones, suffer and are come back to.

Picture a turnstile with a counter, and a guard who answers whoever asks him in person. He can't say
"you were the one who did not get through"; he looks at how many of those who came just now did, and
tosses a die for you. On his counter you are half a second later.

*Models:* one crowd of clients, all who send, who come back alike (`labsim.declare.crowd`); faults
of the whole and of pieces; single requests in both directions. A request that is asked one by one
is counted `FOLLOWED` s later, as long as a step is at most while somebody asks; it is answered
after the part's latency, well or badly by a die, from the share turned away, where it goes, in the
step in which it comes; where more were told that they got through than have been counted so, the
next ones make up for it. What is counted leaves spread evenly over its step.
What that costs in truth: fates of single requests are independent of each other, and lag what they
do to the part by half a second or a whole one; how many succeed in all is right within a part in a
hundred (a test says so). Single requests come back only as their own clients say.
*Leaves out:* when within a step a count came; those asked in the last half second.
"""

import math
from collections import deque
from collections.abc import Callable

import numpy as np

from labsim.declare.client import Client
from labsim.declare.component import Component, Port, producers_name
from labsim.declare.counted import CountedProducers, Inlet
from labsim.declare.crowd import CountedBreakers, RetryQuota, counted, waits_of
from labsim.declare.faults import FaultKind
from labsim.declare.metrics import Count, Metric
from labsim.declare.retry import Retry
from labsim.declare.users import Users
from labsim.engine import FOLLOWED, Attempts, Load, Step, one_by_one
from labsim.engine.agenda import Call
from labsim.errors import ParameterError

DOWN = FaultKind("every request fails, with an error of the server")
ERRORS = FaultKind("a share of the requests fails, with an error of the server",
                   "share that fails", "", 0.0, 1.0)
SLOW = FaultKind("answers take so many times as long", "times as long", "x", 1.0, 1e6)
THROTTLED = FaultKind("a share of its capacity is gone", "share that is gone", "", 0.0, 1.0)
PIECES = 100        # that have names, at most
AMENDS = 0.2        # of what too many were told, so much is made up for with the next ones


class CountedPart(Component):
    """A part whose requests are counted. `crowd` are its clients' attempts, `pieces` the parts of
    it that may be down alone.

    Counted clients (`sim.send(load, to=inlet, retry=...)`) are one crowd: what the first of them
    says of retries holds for all, and another `Retry` is a ParameterError. Hedged requests,
    adaptive mode and a timeout that differs each time are for single requests only.
    """

    FAULTS = {"down": DOWN, "errors": ERRORS, "slow": SLOW, "throttled": THROTTLED}
    PIECE_FAULTS = {"down": DOWN, "errors": ERRORS}

    crowd: Attempts
    pieces = 0
    retry: Retry | None = None
    slow, left = 1.0, 1.0       # answers take so many times as long; capacity that is there
    _works: np.ndarray | None = None        # of the attempts of each piece, the share not broken
    _paces = None

    # -- who comes back ------------------------------------------------------------------------

    def come_back(self, retry: Retry) -> None:
        """Before the run: all its clients do what `retry` says when they are turned away."""
        counted(retry)
        if self.retry is not None and self.retry != retry:
            raise ParameterError("retry", retry, "as its other clients", (
                f"retry: all who send to {self.name} are one crowd, who come back alike; others "
                "may be followed one by one, to=inlet.one_by_one")).of(self.name)
        self.retry = retry
        quota = RetryQuota(retry.clients, retry.budget) if retry.budget < math.inf else None
        gate = CountedBreakers(retry.breaker, retry.clients) if retry.breaker else None
        self.crowd.come_back(waits_of(retry), quota, gate)
        if gate:
            self.sim.pace.follow()
        self._time()

    def _time(self) -> None:
        if self.retry and self.retry.timeout < math.inf:
            self.crowd.late = np.asarray(self.later_than(self.retry.timeout / self.slow))

    def later_than(self, seconds: float) -> np.ndarray:
        """The share of the answers that take longer, of a shape like that of the crowd's keys."""
        raise NotImplementedError

    def answer_times(self, op: int) -> Callable[[int, np.random.Generator], np.ndarray]:
        """A function that draws so many times to an answer, s, of this kind of request."""
        raise NotImplementedError

    # -- faults --------------------------------------------------------------------------------

    def breakable(self) -> dict[str, dict[str, FaultKind]]:
        """It, and its first pieces, "name-1" and so on."""
        return {self.name: self.FAULTS, **{
            f"{self.name}-{i + 1}": self.PIECE_FAULTS for i in range(min(self.pieces, PIECES))}}

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It is down, slow, makes errors, or has less capacity."""
        if what == "slow":
            self._keep_pace()
            self.slow = math.prod(amounts)
            self._time()
        elif what == "throttled":
            self.left = math.prod(1.0 - share for share in amounts)
        else:
            self._works = self._working()
        self.sim.pace.changed()

    def _working(self) -> np.ndarray | None:
        """Of the attempts of each piece, the share that is not broken, (pieces,); None: of all."""
        works = np.ones(max(self.pieces, 1))
        for (piece, what), amounts in self.struck.items():
            if what in self.PIECE_FAULTS and amounts:
                share = 0.0 if what == "down" else math.prod(1.0 - a for a in amounts)
                if piece == self.name:
                    works *= share
                elif piece.removeprefix(f"{self.name}-").isdigit():
                    works[int(piece.removeprefix(f"{self.name}-")) - 1] *= share
        return works if (works < 1.0).any() else None

    def _keep_pace(self) -> None:
        """What was answered so far was answered at the pace that there was."""
        served = self.crowd.served_by.sum(axis=0)
        paces, before = self._paces or ({}, 0.0)
        paces[self.slow] = paces.get(self.slow, 0.0) + (served - before)
        self._paces = paces, served

    @property
    def served_by_pace(self) -> dict[float, np.ndarray]:
        """{times as long as usual: requests that were answered so, (attempts, ...)}."""
        if self._paces is None:
            return {self.slow: self.crowd.served_by.sum(axis=0)}
        self._keep_pace()
        return self._paces[0]


def so_many(crowd: Attempts) -> tuple[float, float, float, float]:
    """Requests that came, attempts that were made, those that a breaker stopped, and requests
    answered in time."""
    return (float(crowd.arrived.sum()), float(crowd.asked_by.sum()), float(crowd.stopped.sum()),
            float(crowd.served_by.sum()))


def _amplified(part: CountedPart) -> float:
    came, made, *_ = so_many(part.crowd)
    return made / max(came, 1.0)


CLIENT_METRICS = (
    Count("timed_out", "attempts", "attempts without an answer in time", "lower",
          lambda s: s.crowd.timed_out.sum()),
    Count("short_circuited", "attempts", "attempts that an open breaker stopped", "lower",
          lambda s: s.crowd.stopped.sum()),
    Metric("amplification", "x", "attempts that were made, per request", "lower", _amplified),
    Metric("goodput", "req/s", "requests answered in time, per second", "higher",
           lambda s: s.crowd.served_by.sum() / s.sim.duration))


class AskedInlet(Inlet):
    """A way into a counted part, by which single requests can be asked, too.

    `sim.send(load, to=table.writes)` sends counted ones; with `retry=` they come back as a crowd.
    `sim.send(load, to=table.writes.one_by_one, retry=...)` sends requests that are followed one by
    one, as do users (`labsim.users`) and parts that ask in the course of their work
    (`calls=table.writes`, `service.then(table.writes)`). How a count becomes requests and back, and
    what that costs in truth: `labsim.declare.counted_part`.
    """

    part: CountedPart

    def __init__(self, part: CountedPart, name: str = "", op: int | None = None):
        super().__init__(part, name)
        self.op, self._share, self.followed = op, (None, 0.0), False
        self._singles: deque[tuple[float, bool]] = deque()  # asked when, s, and told that it's done
        self._counted: np.ndarray | None = None     # of these, in the last step, by key; how many
        self._told = self._owed = 0.0   # of them were told so; and all too few, in the end

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
        """A request comes at `t` s: it is counted a bit later, and answered as others are now."""
        ok = self._luck() >= self._refused()
        self._singles.append((t, ok))
        self.sim.agenda.at(t + self._takes() * self.part.slow, self._answer, (call, ok))

    def _answer(self, t: float, what: tuple[Call, bool]) -> None:
        call, ok = what
        call.back(t, call, ok)

    def give_up(self, t: float, call: Call) -> None:
        """Whoever has made the call waits no more; the part does not hear of it."""

    def _refused(self) -> float:
        """The share of what comes this way that is refused as of now."""
        refused = self.part.crowd.refused
        if refused is not self._share[0]:
            share = float(self.weights @ self._own(refused))
            if 0.0 < share < 1.0 and self._counted is not None:
                share -= AMENDS * self._owed / self._counted.sum()
            self._share = refused, share
        return self._share[1]

    def _own(self, refused: np.ndarray) -> np.ndarray:
        return refused if self.op is None else refused[self.op]

    def _balance(self) -> None:
        """Who was told that it is done, and who has been counted as done, in the last step."""
        if self._counted is not None:
            refused = self._own(self.part.crowd.refused)[:len(self._counted)]    # before a split
            done = float(self._counted @ (1.0 - refused))
            if 0.0 < done < self._counted.sum():
                self._owed += done - self._told
            else:
                self._owed = 0.0
            self._counted = None

    def singles(self, step: Step) -> np.ndarray | None:
        """How many that were asked one by one are counted in a step, (keys,); None for none."""
        self._balance()
        waiting, until, told = self._singles, step.end - FOLLOWED, []
        while waiting and waiting[0][0] < until:
            told.append(waiting.popleft()[1])
        if told:
            self._told = sum(told)
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
