"""The race of `labsim bench`: how fast this machine runs one station, beside SimPy, Ciw and asimpy.

Picture a race on one track: the same customers, with the same arrival times and the same work,
go through ten counters, once per program. Whoever does not start every customer exactly when
plain SimPy does, to the last bit, has run another race and is not counted.

The programs take turns, three rounds. A turn lasts a fifth of a second or longer, for one run of
a few milliseconds says little, and each program's best run counts, so a noisy moment harms nobody
in particular. The random draws are made beforehand and are in nobody's time.
"""

import gc
import importlib.util
import json
import platform
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import simpy

from labsim.catalogue import labs
from labsim.engine import Station, stream
from labsim.engine.compiled import compiled
from labsim.errors import LabsimError, ParameterError

SERVERS, UTILIZATION = 10, 0.9
CUSTOMERS, WINDOWS, ROUNDS = 200_000, 100, 3
TURN = 0.2          # s after which a program starts no further run in its turn
LEAST, MOST = 1_000, 5_000_000
BLOCK = 8_192       # customers that a source hands over at a time


class Draws(NamedTuple):
    """Customers of an M/M/c queue, mean service time 1 s: arrays of seconds, one per customer."""

    gaps: np.ndarray        # from one arrival to the next
    arrivals: np.ndarray
    services: np.ndarray


def draws(customers: int = CUSTOMERS, seed: int = 1) -> Draws:
    """The customers of a race."""
    rng = stream(seed, "bench")
    gaps = rng.standard_exponential(customers) / (UTILIZATION * SERVERS)
    return Draws(gaps, np.cumsum(gaps), rng.standard_exponential(customers))


# -- the contenders: each returns the start times, s, in order of arrival, in one piece or several


def plain_simpy(d: Draws) -> list[float]:
    """As a textbook has it: a process per customer, a `Resource`, a timeout."""
    env = simpy.Environment()
    counters = simpy.Resource(env, SERVERS)
    starts = []

    def customer(service):
        with counters.request() as turn:
            yield turn
            starts.append(env.now)
            yield env.timeout(service)

    def source():
        for gap, service in zip(d.gaps.tolist(), d.services.tolist()):
            yield env.timeout(gap)
            env.process(customer(service))

    env.process(source())
    env.run()
    return starts


def simpy_callbacks(d: Draws) -> list[float]:
    """SimPy without processes: a function called back at each arrival and each end."""
    env = simpy.Environment()
    customers = zip(d.gaps.tolist(), d.services.tolist())
    line: deque[float] = deque()
    starts = []
    free = SERVERS

    def later(delay, function, value=None):
        env.timeout(delay, value).callbacks.append(function)

    def begin(service):
        starts.append(env.now)
        later(service, end)

    def end(event):
        nonlocal free
        if line:
            begin(line.popleft())
        else:
            free += 1

    def arrive(event):
        nonlocal free
        if free:
            free -= 1
            begin(event.value)
        else:
            line.append(event.value)
        come()

    def come():
        gap, service = next(customers, (None, None))
        if gap is not None:
            later(gap, arrive, service)

    come()
    env.run()
    return starts


def station(d: Draws, fast: bool) -> list[np.ndarray]:
    """labsim's `Station`, advanced in about as many windows as a run has."""
    edges = [*range(0, len(d.gaps), BLOCK), len(d.gaps)]
    here = Station(((d.arrivals[a:b], d.services[a:b]) for a, b in pairwise(edges)), SERVERS,
                   fast=fast)
    ends = d.arrivals[-1] * np.arange(1, WINDOWS) / WINDOWS
    return [here.advance(until).start for until in [*ends.tolist(), 1e12]]


def ciw_network(d: Draws) -> list[float]:
    """Ciw, a network of one node that is fed the same draws."""
    import ciw

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*d.gaps.tolist(), float("inf")])],
        service_distributions=[ciw.dists.Sequential(d.services.tolist())],
        number_of_servers=[SERVERS])
    run = ciw.Simulation(network)
    run.simulate_until_max_customers(len(d.gaps), method="Finish")
    records = sorted(run.get_all_records(), key=lambda record: record.arrival_date)
    return [record.service_start_date for record in records]


def asimpy_processes(d: Draws) -> list[float]:
    """asimpy, written as the textbook's SimPy is."""
    import asimpy

    env = asimpy.Environment()
    counters = asimpy.Resource(env, SERVERS)
    starts = []

    class Customer(asimpy.Process):
        """Waits for a counter and is served."""

        def init(self, service):
            self.service = service

        async def run(self):
            async with counters:
                starts.append(self.now)
                await self.timeout(self.service)

    class Source(asimpy.Process):
        """Lets the customers in."""

        async def run(self):
            for gap, service in zip(d.gaps.tolist(), d.services.tolist()):
                await self.timeout(gap)
                Customer(env, service)

    Source(env)
    env.run()
    return starts


class Contender(NamedTuple):
    """A program in the race. `needs` is the package it cannot run without."""

    name: str
    starts: Callable[[Draws], object]
    needs: str = "simpy"
    share: float = 1.0      # of the customers: slow programs serve the first few


CONTENDERS = (
    Contender("plain SimPy", plain_simpy),
    Contender("SimPy, bare callbacks", simpy_callbacks),
    Contender("labsim, plain Python", lambda d: station(d, fast=False)),
    Contender("labsim, numba", lambda d: station(d, fast=True), "numba"),
    Contender("Ciw", ciw_network, "ciw", 0.1),
    Contender("asimpy", asimpy_processes, "asimpy"),
)


# -- the race ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Time:
    """A contender's best run: `microseconds` per request, and how many times as fast as plain
    SimPy (`ratio`); both None if it did not run, for the reason in `note`."""

    name: str
    microseconds: float | None
    ratio: float | None
    note: str = ""


def absent(contender: Contender) -> str:
    """Why a contender cannot run here, or ""."""
    if importlib.util.find_spec(contender.needs) is None:
        return "not installed"
    if contender.needs == "numba" and compiled() is None:
        return "switched off by LABSIM_NUMBA=0"
    return ""


def runs(contender: Contender, field: Draws) -> Iterator[tuple[float, np.ndarray]]:
    """A contender's turn: (seconds, start times in s) of each run of it."""
    begin = time.perf_counter()
    while (before := time.perf_counter()) <= begin + TURN:
        starts = contender.starts(field)
        took = time.perf_counter() - before
        yield took, np.hstack(starts) if np.ndim(starts[0]) else np.array(starts)


def race(customers: int = CUSTOMERS, rounds: int = ROUNDS, contenders=CONTENDERS,
         progress: Callable[[float], None] = lambda share: None) -> list[Time]:
    """Every contender's best time. The first contender is the one that others are measured by.

    LabsimError if one does not start every customer exactly when the first does.
    """
    if not isinstance(customers, int) or not LEAST <= customers <= MOST:
        raise ParameterError("customers", customers,
                             f"a whole number from {LEAST:,} to {MOST:,}")
    everyone = draws(customers)
    fields = {c: Draws(*(column[:max(1, int(c.share * customers))] for column in everyone))
              for c in contenders if not absent(c)}
    best = dict.fromkeys(fields, float("inf"))
    truth = None
    for turn in range(rounds):
        for place, (contender, field) in enumerate(fields.items()):
            if turn == 0:       # compiled and imported before it counts
                contender.starts(Draws(*(column[:200] for column in everyone)))
            gc.collect()
            for took, starts in runs(contender, field):
                best[contender] = min(best[contender], 1e6 * took / len(field.gaps))
                truth = starts if truth is None else truth
                if (len(starts) != len(field.gaps)
                        or not np.array_equal(starts, truth[:len(starts)])):
                    raise LabsimError(f"{contender.name} does not start as "
                                      f"{contenders[0].name} does")
            progress((turn + (place + 1) / len(fields)) / rounds)
    return [Time(c.name, best[c], best[contenders[0]] / best[c]) if c in best
            else Time(c.name, None, None, absent(c)) for c in contenders]


def run_and_draw(rounds: int = ROUNDS) -> dict[str, tuple[float, float]]:
    """{slug: seconds of (the default run, drawing its figure)} of every lab; the best round."""
    def seconds(action) -> float:
        before = time.perf_counter()
        action()
        return time.perf_counter() - before

    times = {}
    for slug, lab in labs().items():
        result = lab.run()
        result.plot().canvas.draw()
        times[slug] = (min(seconds(lab.run) for _ in range(rounds)),
                       min(seconds(lambda r=result: r.plot().canvas.draw())
                           for _ in range(rounds)))
    return times


# -- the report ----------------------------------------------------------------------------------


def report(times: list[Time], pictures: dict[str, tuple[float, float]], customers: int) -> str:
    """The race as a table for a reader."""
    lines = [f"M/M/{SERVERS} at utilization {UTILIZATION}, {customers:,} customers, one process, "
             f"best of {ROUNDS} turns; Python {platform.python_version()}",
             "Every program gets the same draws and gives the same starts, bit for bit.", "",
             f"{'':24}{'us per request':>15}{'requests per s':>16}{'x plain SimPy':>15}"]
    for t in times:
        lines.append(f"{t.name:24}" + (f"{t.note:>15}" if t.ratio is None else
                     f"{t.microseconds:15.3f}{1e6 / t.microseconds:16,.0f}{t.ratio:15.1f}"))
    lines += ["", f"{'':24}{'default run, ms':>15}{'drawing it, ms':>16}"]
    lines += [f"{slug:24}{1e3 * run:15.1f}{1e3 * draw:16.1f}"
              for slug, (run, draw) in pictures.items()]
    return "\n".join(lines)


def as_json(times: list[Time], pictures: dict[str, tuple[float, float]], customers: int) -> str:
    """The same for a program."""
    return json.dumps({
        "servers": SERVERS, "utilization": UTILIZATION, "customers": customers, "rounds": ROUNDS,
        "windows": WINDOWS, "python": platform.python_version(),
        "contenders": [asdict(t) for t in times],
        "labs": {slug: {"run_seconds": run, "draw_seconds": draw}
                 for slug, (run, draw) in pictures.items()}}, indent=2)
