"""The model of the lab `retry-storms`: clients, a load balancer, web servers, a cache, a database.

Picture an office on the day the archive's lift stuck. People waited, went out, and came in again by
the other door with the same question; the clerks went on looking for answers for people who had
left. In the afternoon the lift ran again. The office did not: each answer came a minute after its
asker had gone.

Start reading at `simulate`; the parts are in `labsim.services.elb`, `.elasticache` and `.rds`.

*Models:* each request, from part to part and back, exactly: a web server keeps its thread until the
cache or the database has answered; who has given up still costs them their work. The rates are
those of one small service. A hundred times the load on a hundred times the servers behaves alike,
only with less chance in it, and takes a hundred times as long.
*Leaves out:* what the parts leave out; users who never come again.
"""

import math
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim.builtin.retry_storms.params import PATIENT, RetryStormsParams
from labsim.declare import Client, Retry
from labsim.declare.client_report import ABANDONED, COMPLETED, FAILED
from labsim.engine import Estimate, Load, ServiceTimes, Simulation
from labsim.services import elasticache, elb, rds
from labsim.services.common.crew import Ask
from labsim.services.elb.rules import RANDOM

POINTS = 90
COST = 130.0        # what an attempt takes, in requests of a station
BEHIND = 0.3        # what an attempt at the database takes, in those of clients
FULL = 0.8          # share of what servers can do from which clients wait too long
LAST = 0.25         # part of the run, its last, in which it is seen whether it came back
WELL = 0.9          # share of what is wanted: if less is answered, that is an outage
WINDOW = 5          # s over which that is looked at


def simulate(p: RetryStormsParams, sim: Simulation) -> "Storm":
    """Clients ask the load balancer, web servers the cache or the database, and all wait."""
    database = rds.Database(
        sim, "database", servers=p.vcpus, work=ServiceTimes(p.query_time),
        max_wait=p.shed_after or math.inf, cancels=p.cancels)
    retry = None
    if p.database_timeout or p.database_attempts > 1:
        retry = Retry(timeout=p.database_timeout or math.inf, attempts=p.database_attempts,
                      base=p.retry_base)
    cache, app, pool = None, None, p.pool if p.pool < PATIENT else math.inf
    if p.cached:
        cache = elasticache.Cluster(sim, "cache", keys=p.keys, room=p.cache_items)
        app = elasticache.Application(
            sim, "application", cache, database, skew=p.skew, ttl=p.ttl, jitter=p.ttl_jitter,
            lock=p.lock, warm=True, retry=retry, pool=pool)
    web = elb.Balancer(
        sim, "web", targets=(p.targets - p.targets // 2, p.targets // 2, 0),
        work=ServiceTimes(p.work_time), threads=p.threads,
        calls=app or Ask(database, retry, pool), contention=p.contention / 100,
        max_queue=p.max_queue, order=p.queue_order, max_wait=p.max_wait or math.inf,
        algorithm=p.algorithm,
        anomaly_mitigation=p.anomaly_mitigation and p.algorithm == RANDOM)
    clients = Client(sim, "clients", web, Load(lambda duration: kit.load(p, "request_rate")),
                     retry=p.retry)
    return Storm(p, sim, database=database, cache=cache, app=app, web=web, clients=clients)


class Storm(kit.Outcome):
    """The shop: who asked, and what each part had at hand."""

    def series(self) -> dict:
        """Those of the clients; how much each part has to do; queries that wait for longer than a
        client does."""
        web, database = self.web.series(), self.database.told
        at_hand, unit = web["in_flight"]
        hits, reads = (self.app.told["hit_ratio"], self.app.told["offered_rate"]) if self.app else (
            kit.per_tick(
                np.zeros(len(self.sim.record.t) - 1), "of reads"), database["accepted_rate"])
        in_time = self.p.vcpus * (self.p.client_timeout or math.inf) / self.p.query_time
        waiting, of = database["queue"]
        return {**self.clients.told, "hit_ratio": hits, "reads_rate": reads,
                "database_overdue": (np.maximum(waiting - in_time, 0), of),
                "web_in_flight": web["in_flight"], "healthy": web["in_service"],
                "web_waiting": (np.maximum(at_hand - self.p.targets * self.p.threads, 0), unit),
                "database_rate": database["accepted_rate"],
                "database_in_flight": database["in_flight"],
                "database_queue": database["queue"]}

    def cost(self) -> dict:
        """Balancer, targets, cache and database."""
        return {**self.web.cost(), **(self.cache.cost() if self.cache else {}),
                **self.database.cost()}

    def good(self, since: float) -> float:
        """Share of the requests that ended after `since` s which were answered."""
        ended = self.clients.ended
        done, lost = (np.count_nonzero(np.array(times) > since) for times in (
            ended[COMPLETED], ended[FAILED] + ended[ABANDONED]))
        return kit.share(done, done + lost)

    def run(self) -> None:
        """After it the log says when users came in a spike, and when they were without answers."""
        super().run()
        for i in range(math.ceil(kit.spikes(self.p))):
            start = self.p.spike_start + i * self.p.spike_every
            self.sim.log("spike", f"{self.p.spike_factor:g} times the load", start)
            self.sim.log("spike ends", "load as before", start + self.p.spike_duration)
        down = self.down.astype(int)
        for i in np.flatnonzero(np.diff(down, prepend=0)).tolist():
            what, text = (("outage", "outage: too few are answered in time") if down[i]
                          else ("recovered", "recovered: nearly all are answered again"))
            self.sim.log(what, text, float(WINDOW * i))
        if len(down) and down[-1]:
            self.sim.log("end", "not recovered: too few are answered", self.p.duration)
        self.sim.events.sort(key=lambda event: event.t)

    @cached_property
    def down(self) -> np.ndarray:
        """Of each whole window whether fewer than nine of ten who came in it were answered, but for
        those who still wait; where all still do, as in the one before, (windows,)."""
        edges = WINDOW * np.arange(int(self.p.duration // WINDOW) + 1)
        answered, failed, given_up = (
            np.histogram(np.array(self.clients.ended[fate]) - self.clients.waited[fate], edges)[0]
            for fate in (COMPLETED, FAILED, ABANDONED))
        ended = answered + failed + given_up
        known = np.maximum.accumulate(np.where(ended > 0, np.arange(len(ended)), 0))
        return (answered < WELL * ended)[known]

    def outage(self) -> float:
        """How long too few were answered, s."""
        return float(WINDOW * np.count_nonzero(self.down))


def estimate(p: RetryStormsParams) -> Estimate:
    """What a run will take: attempts, half of those that there may be at most where something
    breaks, is too full or is waited for too shortly, a part of each of them at the database."""
    wanted = p.request_rate * (p.duration + (p.spike_factor - 1) * min(
        math.ceil(kit.spikes(p)) * p.spike_duration, max(p.duration - p.spike_start, 0)))
    rate = p.request_rate
    if p.traced:
        load = kit.load(p, "request_rate")
        wanted, rate = float(load.cumulative[-1]), float(load.rate.max())
    full = rate * max(p.query_time / p.vcpus, p.work_time / (p.targets * p.threads))
    hasty = p.query_time > min(p.database_timeout or math.inf, p.client_timeout or math.inf) / 3
    trouble = bool(p.faults or kit.spikes(p) or full > FULL or hasty)
    more = (p.max_attempts - 1) * (p.retry_mode != "none")
    attempts = wanted * (1 + trouble * (more + BEHIND * (p.database_attempts - 1)) / 2)
    keys = p.keys * 5 if p.cached else 0
    return Estimate(requests=COST * attempts + keys, events=32, lower="request_rate")
