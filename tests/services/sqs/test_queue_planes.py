"""The two planes of a queue: message by message the same, and as plain SimPy has it."""

import heapq
import math

import numpy as np
import pytest
import simpy

import labsim as ls
from labsim.engine import Load, Order, ServiceTimes, Simulation, stream
from labsim.services import sqs
from labsim.services.sqs.crew import Crew

SCHEDULES = range(40)


def schedule(seed, end=600.0):
    """When consumers come and go: (time, +1 or -1, whether it drains), never fewer than none."""
    rng, there, moves = stream(seed, "moves"), 0, []
    for t in np.sort(rng.uniform(0, end, 40)).tolist():
        up = there == 0 or rng.random() < 0.55
        there += 1 if up else -1
        moves.append((t, 1 if up else -1, bool(rng.random() < 0.5)))
    return moves


def play(follow, seed, *, threads=1, end=600.0, **how):
    """A queue of random load and work, whose consumers come and go by a schedule."""
    sim = Simulation(seed, end)
    rng = stream(seed, "what")
    queue = sqs.Queue(sim, "orders", float(rng.uniform(3, 60)), threads=threads,
                      work=ServiceTimes(float(rng.uniform(1, 9)), float(rng.choice([0.3, 0.5, 1]))),
                      backlog=int(rng.integers(0, 30)), **how)
    queue.follow = follow
    rates = Load.spike(0.3, 6, start=100, length=120).curve(end).arrivals(stream(seed, "producers"))
    burst = np.full(int(rng.integers(0, 40)), 250.0)
    queue.feed([np.sort(np.concatenate([*rates, burst]))])
    lots = stream(seed, "consumers")

    def moving():
        for t, way, drain in schedule(seed, end):
            yield sim.until(t, Order.CAPACITY)
            if way > 0:
                queue.add_consumer()
            else:
                queue.remove_consumer(lots, drain=drain)
    sim.process(moving())
    sim.run()
    return queue


def told(queue):
    """Waits, series and metrics; the age counts hidden messages where they are followed."""
    return (queue.waits.tolist(), {name: value.tolist() for name, (value, _) in queue.told.items()},
            [value for name, value in queue.summary().items() if name != "oldest_age_max"])


@pytest.mark.parametrize("seed", SCHEDULES)
def test_both_planes_give_the_same(seed):
    """Random load, bursts, backlog, timeouts; consumers that come, drain and vanish: bit for bit
    the same waits, series and metrics. (Of two works that end at the very same time either may be
    the one that is lost.)"""
    threads = 1 + seed % 3
    plain, followed = (play(follow, seed, threads=threads) for follow in (False, True))
    assert type(plain.plane) is not type(followed.plane)
    assert told(plain) == told(followed) and len(plain.waits) > 100


@pytest.mark.parametrize("limit", [1, 3])
def test_both_planes_keep_to_the_limit_in_flight(limit):
    """Six threads, room for fewer: the same waits, and never more in flight."""
    def queue(follow):
        sim = Simulation(3, 900.0)
        orders = sqs.Queue(sim, "orders", work=ls.exponential(4), threads=2, in_flight_limit=limit)
        orders.follow = follow
        sim.send(1.5, to=orders)
        for _ in range(3):
            orders.add_consumer()
        sim.run()
        return orders
    plain, followed = queue(False), queue(True)
    assert told(plain) == told(followed)
    assert followed.told["in_flight"][0].max() == limit


# -- plain SimPy -----------------------------------------------------------------------------------


class Reference:
    """Two queues of one group in plain SimPy, an event for each arrival, end and return; times are
    kept beside SimPy's clock, to which it adds delays and so rounds."""

    def __init__(self, timeout, moves, lots, messages, end):
        self.env, self.timeout, self.lots = simpy.Environment(), timeout, lots
        self.lines, self.idle, self.jobs = ([], []), 0, []
        self.waits, self.number, self.done = ([], []), 0, [0, 0]
        for rank, arrivals in enumerate(messages):
            self.env.process(self.arrive(rank, arrivals))
        self.env.process(self.move(moves))
        self.env.run(until=end)

    def arrive(self, rank, arrivals):
        for at, work in arrivals:
            yield self.env.timeout(at - self.env.now)
            self.enter(at, rank, (at, work))

    def enter(self, t, rank, message):
        self.number += 1
        heapq.heappush(self.lines[rank], (t, self.number, message))
        self.start(t)

    def start(self, t):
        while self.idle and (self.lines[0] or self.lines[1]):
            rank = 0 if self.lines[0] else 1
            _, _, message = heapq.heappop(self.lines[rank])
            self.idle -= 1
            self.waits[rank].append(t - message[0])
            job = {"rank": rank, "message": message, "start": t, "end": t + message[1],
                   "stays": True, "lost": False}
            self.jobs.append(job)
            self.env.process(self.work(job))

    def work(self, job):
        yield self.env.timeout(job["end"] - self.env.now)
        if not job["lost"]:
            self.jobs.remove(job)
            self.done[job["rank"]] += 1
            self.idle += job["stays"]
            self.start(job["end"])

    def come_back(self, at, job):
        yield self.env.timeout(at - self.env.now)
        self.enter(at, job["rank"], job["message"])

    def move(self, moves):
        for t, way, drain in moves:
            yield self.env.timeout(t - self.env.now)
            if way > 0:
                self.idle += 1
                self.start(self.env.now)
                continue
            busy = sorted((j for j in self.jobs if j["stays"]), key=lambda j: j["end"])
            which = int(self.lots.integers(self.idle + len(busy)))
            if which < self.idle:
                self.idle -= 1
                continue
            job = busy[which - self.idle]
            job["stays"] = False
            if not drain:
                job["lost"] = True
                self.jobs.remove(job)
                times = max(1, math.ceil((t - job["start"]) / self.timeout))
                self.env.process(self.come_back(job["start"] + times * self.timeout, job))


@pytest.mark.parametrize("seed", SCHEDULES)
def test_two_priorities_are_what_plain_simpy_has(seed):
    """One group, whose consumers come and go, serves two queues: bit for bit the same waits of both
    on the same draws."""
    end, sim, rng = 600.0, Simulation(seed, 600.0), stream(seed, "what")
    timeout, rates = float(rng.uniform(3, 60)), rng.uniform(0.1, 0.8, 2)
    times = [np.cumsum(rng.exponential(1 / rate, 800)) for rate in rates]
    means = rng.uniform(1, 6, 2).tolist()
    queues = [sqs.Queue(sim, name, timeout, work=ls.exponential(mean))
              for name, mean in zip(("urgent", "normal"), means)]
    for queue, at in zip(queues, times):
        queue.feed([at])
    crew, lots, moves = Crew(queues), stream(seed, "lots"), schedule(seed)

    def moving():
        for t, way, drain in moves:
            yield sim.until(t, Order.CAPACITY)
            crew.add() if way > 0 else crew.remove(lots, drain)
    sim.process(moving())
    sim.run()
    works = [ls.exponential(mean).draw(800, stream(seed, f"{name} work")).tolist()
             for name, mean in zip(("urgent", "normal"), means)]
    plain = Reference(timeout, moves, stream(seed, "lots"),
                      [list(zip(at.tolist(), work)) for at, work in zip(times, works)], end)
    for rank, queue in enumerate(queues):
        assert queue.waits.tolist() == plain.waits[rank] and len(plain.waits[0]) > 30
        assert queue.record.total("completed") == plain.done[rank]
