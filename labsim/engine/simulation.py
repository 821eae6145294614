"""One run: a SimPy clock, named random streams, a recorder and a log.

Picture a stage manager with a clock: actors (SimPy processes) ask to be woken at a time,
and when several wake at the same time they go on stage in a fixed order, `Order`.
Whatever flows through the data plane up to and including that time has already happened.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import simpy

from labsim.engine.recorder import Recorder
from labsim.engine.streams import stream


class Order(IntEnum):
    """Who goes first among control events at equal times (SimPy priorities, lowest first).

    The data plane goes before all of them: a request that arrives, starts or ends exactly
    at the time of a control event does so before it.
    """

    CAPACITY = 2    # an instance enters or leaves service, a replica fails, a shard splits
    METRIC = 3      # a metric period ends: it counts the capacity that has just arrived
    ALARM = 4       # an alarm is evaluated on the datapoint that has just been published
    SCALING = 5     # a scaling policy acts on the alarm's state


@dataclass(frozen=True)
class Event:
    """A row of the event log: at `t` seconds, a `kind` of thing happened, told in `text`."""

    t: float
    kind: str
    text: str


class Cancelled(Exception):
    """The run was cancelled before its end."""


class Simulation:
    """A run of `duration` seconds from `seed`; `progress(share)` is called as it advances.

    fast: big enough that its stations had better be compiled, where numba is installed.
    """

    chunks = 20     # how often progress is told, and a cancellation is noticed

    def __init__(self, seed: int, duration: float, *, points: int = 600, fast: bool = False,
                 progress: Callable[[float], None] | None = None):
        self.seed, self.fast = seed, fast
        self.duration = float(duration)
        self.env = simpy.Environment(initial_time=0.0)
        self.record = Recorder(self.duration, points)
        self.events: list[Event] = []
        self._progress = progress
        self._advance: list[Callable[[float], None]] = []
        self._cancelled = False

    @property
    def now(self) -> float:
        """Simulated time, seconds from the start of the run."""
        return self.env.now

    def stream(self, name: str) -> np.random.Generator:
        """This run's random generator for one named use."""
        return stream(self.seed, name)

    def log(self, kind: str, text: str) -> None:
        """Write a row into the event log at the present time."""
        self.events.append(Event(self.now, kind, text))

    def process(self, generator: Generator) -> simpy.Process:
        """Start a control-plane process."""
        return self.env.process(generator)

    def until(self, t: float, order: Order) -> simpy.Event:
        """An event to yield on: wakes the process at time `t`, in its order."""
        event = simpy.Event(self.env)
        event._ok, event._value = True, None
        self.env.schedule(event, priority=order, delay=t - self.now)
        return event

    def on_advance(self, advance: Callable[[float], None]) -> None:
        """Have `advance(t)` called as the run reaches `t`: it moves a data plane up to `t`."""
        self._advance.append(advance)

    def cancel(self) -> None:
        """Stop the run at the next opportunity; may be called from another thread."""
        self._cancelled = True

    def check(self) -> None:
        """Raise `Cancelled` if the run was cancelled; long loops call this."""
        if self._cancelled:
            raise Cancelled(f"cancelled at {self.now:.0f} s of {self.duration:.0f} s")

    def run(self) -> None:
        """Run to the end. Control events at exactly `duration` do not happen any more."""
        for chunk in range(1, self.chunks + 1):
            t = self.duration * chunk / self.chunks if chunk < self.chunks else self.duration
            if t > self.now:
                self.env.run(until=t)
            for advance in self._advance:
                advance(t)
            self.check()
            if self._progress:
                self._progress(chunk / self.chunks)
