"""One run: a SimPy clock, named random streams, a recorder and a log.

Picture a stage manager with a clock: actors (SimPy processes) ask to be woken at a time,
and when several wake at the same time they go on stage in a fixed order, `Order`.
Whatever flows through the data plane up to and including that time has already happened.
"""

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import simpy

from labsim.engine.agenda import Agenda
from labsim.engine.pace import Pace
from labsim.engine.recorder import Recorder
from labsim.engine.streams import stream
from labsim.errors import ParameterError, require


class Order(IntEnum):
    """Who goes first among control events at equal times (SimPy priorities, lowest first).

    The data plane goes before all of them: a request that arrives, starts or ends exactly
    at the time of a control event does so before it. A counted tick begins after all of them:
    what a control event changes holds from the tick that begins then.
    """

    CAPACITY = 2    # an instance enters or leaves service, a replica fails, a shard splits
    METRIC = 3      # a metric period ends: it counts the capacity that has just arrived
    ALARM = 4       # an alarm is evaluated on the datapoint that has just been published
    SCALING = 5     # a scaling policy acts on the alarm's state
    TICK = 6        # a counted data plane moves on to the end of its tick


@dataclass(frozen=True)
class Event:
    """A row of the event log: at `t` seconds, a `kind` of thing happened, told in `text`; to
    which `part` of the system, if it is one's."""

    t: float
    kind: str
    text: str
    part: str = ""


class Wake(simpy.Event):
    """Happens after `delay` s, among those of that time in its order; as `simpy.Timeout`, which
    knows no order, it has happened well from the start. Without a delay it waits to be `set`."""

    def __init__(self, env: simpy.Environment, delay: float | None = None,
                 order: int = simpy.events.NORMAL, value=None):
        super().__init__(env)
        if delay is not None:
            self.set(delay, order, value)

    def set(self, delay: float, order: int = simpy.events.NORMAL, value=None) -> None:
        """From now on it is sure to happen, after `delay` s; who waits for it gets `value`."""
        self._ok, self._value = True, value
        self.env.schedule(self, priority=order, delay=delay)


class Cancelled(Exception):
    """The run was cancelled before its end."""


class Simulation:
    """A run of `duration` seconds from `seed`; `progress(share)` is called as it advances.

    big: its data plane catches up now and then, so as to hold less at a time.
    fast: its stations had better be compiled, where numba is installed.
    stop: cancels the run when it is set, from any thread.
    """

    chunks = 20     # how often progress is told; how often a big run's data plane catches up
    patience = 200  # control events between two looks at whether the run was cancelled

    def __init__(self, seed: int, duration: float, *, points: int = 600,
                 big: bool = False, fast: bool = False,
                 progress: Callable[[float], None] | None = None,
                 stop: threading.Event | None = None):
        require("seed", seed, 0, 2**63 - 1, whole=True)
        require("duration", duration, above=True, unit="s")
        require("points", points, 1, whole=True)
        self.seed, self.big, self.fast = seed, big, fast
        self.duration = float(duration)
        self.env = simpy.Environment(initial_time=0.0)
        self.record = Recorder(self.duration, points)
        self.events: list[Event] = []
        self.parts: dict = {}       # name -> part of the system, in the order they were made
        self._progress = progress
        self.pace = Pace(self, Order.TICK)      # of what is counted
        self._advance: list[Callable[[float], None]] = []
        self._stop = stop or threading.Event()
        self.agenda = Agenda(self.check)        # of requests that are followed one by one

    @property
    def now(self) -> float:
        """Simulated time, seconds from the start of the run."""
        return self.env.now

    def stream(self, name: str) -> np.random.Generator:
        """This run's random generator for one named use."""
        return stream(self.seed, name)

    def send(self, load, to, name: str = "", retry=None):
        """Have requests come to the part `to` at the rate of `load` (a `Load`, or a number, 1/s),
        or of so many users who think in between (`labsim.users`).

        name: of the producers, a part themselves; by default "producers", or "producers of ..."
        for further ones. retry: what they do when no answer comes (`labsim.retry`); by default
        nobody waits for one. Returns them.
        """
        if not hasattr(to, "sent"):
            raise ParameterError("to", to, "a part that takes requests, or an inlet of one")
        return to.sent(load, name) if retry is None else to.sent(load, name, retry)

    def log(self, kind: str, text: str, t: float | None = None, part: str = "") -> None:
        """Write a row into the event log, at the present time or at `t` s."""
        self.events.append(Event(self.now if t is None else t, kind, text, part))

    def process(self, generator: Generator) -> simpy.Process:
        """Start a control-plane process."""
        return self.env.process(generator)

    def each_tick(self, step: Callable[[int], None]) -> None:
        """Have `step(k)` called at `record.t[k]` for k = 0, 1, ...; it moves a counted data plane
        to `record.t[k + 1]`. There are as many ticks as the record has intervals."""
        def ticking():
            for k, t in enumerate(self.record.t[:-1].tolist()):
                yield self.until(t, Order.TICK)
                step(k)
        self.process(ticking())

    @property
    def tick(self) -> float:
        """Length of a tick of the counted data plane, s."""
        return float(self.record.t[1])

    def until(self, t: float, order: Order) -> simpy.Event:
        """An event to yield on: wakes the process at time `t`, in its order."""
        delay = t - self.env.now
        if not delay >= 0:
            raise ParameterError("t", t, f"not before now, {self.env.now:,g} s")
        return Wake(self.env, delay, order)

    def on_advance(self, advance: Callable[[float], None]) -> None:
        """Have `advance(t)` called as the run reaches `t`: it moves a data plane up to `t`."""
        self._advance.append(advance)

    def cancel(self) -> None:
        """Stop the run at the next opportunity; may be called from another thread."""
        self._stop.set()

    def check(self) -> None:
        """Raise `Cancelled` if the run was cancelled; long loops call this."""
        if self._stop.is_set():
            raise Cancelled(f"cancelled at {self.now:.0f} s of {self.duration:.0f} s")

    def run(self) -> None:
        """Run to the end. Control events at exactly `duration` do not happen any more.

        Whoever watches the progress changes nothing: where the data plane catches up depends on
        the size of the run alone, for sums of floats depend on where they are cut.
        """
        chunks = self.chunks if self._progress or self.big else 1
        for chunk in range(1, chunks + 1):
            t = self.duration * chunk / chunks if chunk < chunks else self.duration
            self._run_until(t)
            for advance in self._advance if self.big or chunk == chunks else ():
                advance(t)
            self.check()
            if self._progress:
                self._progress(chunk / chunks)

    def _run_until(self, t: float) -> None:
        """SimPy's `run(until=t)`, with a look now and then at whether the run was cancelled."""
        steps = 0
        while self.env.peek() < t:
            self.env.step()
            steps += 1
            if steps % self.patience == 0:
                self.check()
        if t > self.now:
            self.env.run(until=t)
