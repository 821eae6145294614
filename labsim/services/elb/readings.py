"""What came of a run of a load balancer: how long people waited, which target had how much to do.

Picture the manager's book after closing time: from the receipts of the day she works out how long
each line was, who walked out, and which cashier went home at what time.

*Models:* nothing; read from the fates of all requests, once, when the run has ended.
*Leaves out:* what nobody asks.
"""

from functools import cached_property

import numpy as np

from labsim.declare import Count, Line, Metric, Panel, bars, mean, per_tick, quantiles, share
from labsim.services.elb import rules
from labsim.services.elb.fates import ANSWERED, CUT, REFUSED, REJECTED, SERVER_ERROR, TIMED_OUT

LOOK = 60           # s; a load is the mean over so long, as in CloudWatch


def ended(kind: int):
    """How many requests ended in this way."""
    return lambda b: b.readings.ends[kind]


def latency(percent: int):
    """A percentile of the time to an answer, s."""
    return lambda b: b.readings.latency_quantiles[percent]


def zone_share(zone: int):
    """The mean share of a zone's targets."""
    return lambda b: b.readings.zone_share(zone)


METRICS = (
    Count("offered", "requests", "requests that users sent", "",
          lambda b: len(b.readings.fates.sent), aliases=("requests",)),
    Count("completed", "requests", "requests answered in time", "higher", ended(ANSWERED),
          aliases=("answered",)),
    Count("failed", "requests", "requests that got an error", "lower",
          lambda b: (b.readings.over & ~b.readings.good).sum()),
    Count("refused", "requests", "failed: a dead target refused", "lower", ended(REFUSED)),
    Count("timed_out", "requests", "failed: no answer within the idle timeout", "lower",
          ended(TIMED_OUT)),
    Count("cut_off", "requests", "failed: the target died or left in the middle", "lower",
          ended(CUT)),
    Count("rejected", "requests", "failed: a lost node, or no target to send to", "lower",
          ended(REJECTED), aliases=("turned_away",)),
    Count("server_errors", "requests", "failed: the target answered with a 5xx", "lower",
          ended(SERVER_ERROR)),
    Count("in_flight_end", "requests", "requests not ended when the run ended", "",
          lambda b: (~b.readings.over).sum()),
    Metric("latency_mean", "s", "mean time to an answer", "lower",
           lambda b: mean(b.readings.latency)),
    Metric("latency_p50", "s", "half of the answers come within this", "lower", latency(50)),
    Metric("latency_p95", "s", "19 of 20 answers come within this", "lower", latency(95)),
    Metric("latency_p99", "s", "99 of 100 answers come within this", "lower", latency(99)),
    Metric("load_max", "of capacity", "most work sent to a target in a minute", "lower",
           lambda b: b.readings.busiest.max(), label="busiest target's load"),
    Metric("load_mean", "of capacity", "work sent to a target, mean", "",
           lambda b: b.readings.load_mean(), label="a target's load, mean"),
    Metric("imbalance", "x", "requests per second of the busiest target over the mean", "lower",
           lambda b: b.readings.imbalance(), label="busiest over mean"),
    *(Metric(f"share_{name}", "of requests", f"part of all requests that a target of zone "
             f"{name} got, mean", "", zone_share(zone)) for zone, name in enumerate(rules.ZONES)),
    Metric("cross_zone_share", "of requests", "part of the requests sent to another zone", "",
           lambda b: share(b.readings.crossing, len(b.readings.fates.sent)),
           label="sent across zones"),
    Metric("moved_share", "of requests", "part of the requests in a visit that meet "
           "another target than the one before", "lower",
           lambda b: share(*b.readings.fates.moved()), aliases=("moved",),
           label="met another target"),
    Metric("detection_s", "s", "from a fault until the last node acts on it", "lower",
           lambda b: b.targets.detection, aliases=("noticed_seconds",),
           label="until a fault is acted on"),
    Metric("drain_s", "s", "longest time from deregistration to the last answer", "lower",
           lambda b: b.readings.drain(), aliases=("drain_seconds",), label="longest drain"),
    Metric("target_hours", "h", "hours of targets paid", "lower",
           lambda b: b.readings.target_hours),
)
PANELS = (
    Panel("Requests", (
        Line("offered", "offered_rate"), Line("completed", "completed_rate"),
        Line("failed", "failed_rate")), marks=("fault",)),
    Panel("Load of a target", (
        Line("busiest", "load_max"), Line("mean", "load_mean"),
        Line("all it can do", limit=lambda p: 1))),
    Panel("Time to an answer", (Line("mean latency", "latency"),)),
    Panel("Targets", (
        Line("healthy", "in_service", step=True), Line("unhealthy", "unhealthy", step=True),
        Line("draining", "draining", step=True), Line("mitigated", "mitigated", step=True)),
        marks=("scale-out", "scale-in")),
)


class Readings:
    """What a run of a `Balancer` that has ended has to tell."""

    def __init__(self, balancer):
        self.part, self.sim, self.targets = balancer, balancer.sim, balancer.targets
        self.ticks = len(balancer.record.t) - 1
        self.zone = np.array(self.targets.zone, dtype=np.int64)
        self.came, self.left = np.array(self.targets.came), np.array(self.targets.left)
        self.fates = fates = balancer.traffic.fates()
        self.over = fates.ended <= self.sim.duration
        self.good = self.over & (fates.kind == ANSWERED)
        self.ends = np.bincount(fates.kind[self.over], minlength=SERVER_ERROR + 1)
        self.latency = fates.ended - fates.sent
        if not self.good.all():
            self.latency = self.latency[self.good]
        self.tick = self._ticks(fates.sent)
        n, nodes = len(self.zone) + 1, len(rules.ZONES)     # the last target: nowhere
        kind = fates.node.astype(np.int64) * n + np.where(fates.went, fates.target, n - 1)
        # requests of each tick through each node to each target, (ticks, nodes, targets + 1)
        self.flow = np.bincount(self.tick * (nodes * n) + kind, minlength=self.ticks * nodes * n
                                ).reshape(self.ticks, nodes, n)
        again = np.array(balancer.traffic.again, dtype=np.int64)
        self.retried = np.bincount(self.tick[again] * nodes + fates.node[again],
                                   minlength=self.ticks * nodes).reshape(self.ticks, nodes)
        self.sent_to = self.flow.sum(axis=(0, 1))[:-1].astype(float)
        # of a node's, those sent to another zone than its own, (ticks, nodes)
        self.crossed = np.array([
            self.flow[:, node, :-1][:, ~np.isin(self.zone, (node, rules.EVERYWHERE))].sum(axis=1)
            for node in range(nodes)]).T
        self.crossing = int(self.crossed.sum())
        self.there = np.minimum(self.left, self.sim.duration) - self.came   # s, each target

    @cached_property
    def latency_quantiles(self) -> dict[int, float]:
        """{50: median time to an answer, 95: ..., 99: ...}, s."""
        return quantiles(self.latency)

    @cached_property
    def loads(self) -> np.ndarray:
        """Work sent to each target in the last minute, as a part of what it can do: an array
        (ticks, targets)."""
        fates, tick, n = self.fates, self.sim.tick, len(self.zone)
        which = slice(None) if fates.went.all() else fates.went
        work = np.bincount(self.tick[which] * n + fates.target[which], fates.work[which],
                           self.ticks * n)
        total = np.zeros((self.ticks + 1, n))
        np.cumsum(work.reshape(self.ticks, n), axis=0, out=total[1:])
        minute = max(1, round(LOOK / tick))
        total[minute:] -= total[:-minute].copy()
        return total[1:] / (minute * tick * self.part.threads)

    @cached_property
    def registered(self) -> np.ndarray:
        """Which targets are registered in each tick, (ticks, targets)."""
        t = self.part.record.t[1:, None]
        return (self.came < t) & (self.left >= t)

    @cached_property
    def busiest(self) -> np.ndarray:
        """The largest load of a registered target in each tick, (ticks,)."""
        return np.where(self.registered, self.loads, 0.0).max(axis=1, initial=0.0)

    def load_mean(self) -> float:
        """Work sent to targets over the time that they were there."""
        there = max(self.there.sum(), 1e-9) * self.part.threads
        return self.fates.work[self.fates.went].sum() / there

    def imbalance(self) -> float:
        """Requests per second of the busiest target over the mean of all."""
        pace = np.divide(self.sent_to, self.there, out=np.zeros(len(self.zone)),
                         where=self.there > 0)
        return pace.max() / pace[self.there > 0].mean() if pace.any() else 1.0

    def zone_share(self, zone: int) -> float:
        """Mean share of all requests that a target of a zone got."""
        here = self.zone == zone
        return self.sent_to[here].sum() / max(len(self.fates.sent), 1) / max(here.sum(), 1)

    @cached_property
    def released(self) -> np.ndarray:
        """When each target is done, s, inf: it stays. The last of its requests has ended, at most
        the deregistration delay after it left; an NLB's connections last to the end of that."""
        fates, waits = self.fates, np.array(self.targets.waits)
        if self.part.kind == rules.NLB or not np.isfinite(self.left).any():
            return self.left + waits
        last, leaves = self.left.copy(), np.isfinite(self.left)
        target, sent, done = (c[fates.went] for c in (fates.target, fates.sent, fates.ended))
        inside = leaves[target] & (sent <= self.left[target])
        np.maximum.at(last, target[inside], done[inside])
        return np.array([*map(rules.let_go, self.left.tolist(), waits.tolist(), last.tolist())])

    def tell_who_left(self) -> None:
        """A row in the log for each target that was let go."""
        for k in np.flatnonzero(self.released <= self.sim.duration):
            self.part.log("drained", f"target {k + 1} is let go", float(self.released[k]))
        self.sim.events.sort(key=lambda event: event.t)

    def drain(self) -> float:
        """Longest time from deregistration until a target was let go or the run ended, s."""
        drained = np.isfinite(self.left)
        return float((np.minimum(self.released, self.sim.duration)[drained]
                      - self.left[drained]).max(initial=0.0))

    @cached_property
    def target_hours(self) -> float:
        """Hours of targets until each was let go."""
        paid = np.minimum(self.released, self.sim.duration) - self.came
        return float(np.maximum(paid, 0).sum()) / 3600

    # -- series ------------------------------------------------------------------------------

    def _ticks(self, times: np.ndarray) -> np.ndarray:
        """The tick of each time, s."""
        tick = (times * (1 / self.sim.tick)).astype(np.int64)
        return np.minimum(tick, self.ticks - 1, out=tick)

    def _counts(self, ticks: np.ndarray, weights=None) -> np.ndarray:
        return np.bincount(ticks, weights, self.ticks)

    def _rate(self, counts: np.ndarray) -> tuple[np.ndarray, str]:
        return per_tick(counts / self.sim.tick, "req/s")

    def _ends(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each request that has ended, its tick, the zone of its target (of one that was sent to
        none: that of its node, behind all zones), and whether nobody got an answer."""
        fates, over = self.fates, self.over
        lost = ~self.good
        lost[np.array(self.part.traffic.late, dtype=np.int64)] = True
        place = np.where(fates.went, np.append(self.zone, 0)[fates.target],
                         fates.node + len(rules.ZONES))
        return self._ticks(fates.ended[over]), place[over], lost[over]

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Rates, loads, latency, targets; of each zone what its node passes on and what its
        targets have to do."""
        fates, record = self.fates, self.part.record
        over = fates.ended if self.over.all() else fates.ended[self.over]
        ended = self._ticks(over)
        done = ended if len(self.latency) == len(ended) else ended[self.good[self.over]]
        answers = self._counts(done)
        each = np.divide(self._counts(done, self.latency), answers, out=np.zeros(self.ticks),
                         where=answers > 0)
        mean_load = ((self.loads * self.registered).sum(axis=1)
                     / np.maximum(self.registered.sum(axis=1), 1))
        came, gone = self.flow.sum(axis=(1, 2)), self._counts(ended)
        offered, over = (np.append(0.0, np.cumsum(counts)) for counts in (came, gone))
        series = {
            "offered_rate": self._rate(came), "completed_rate": self._rate(answers),
            "failed_rate": self._rate(gone - answers),
            "crossing_rate": self._rate(self.crossed.sum(axis=1)),
            "load_max": per_tick(self.busiest, "of capacity"),
            "load_mean": per_tick(mean_load, "of capacity"), "latency": per_tick(each, "s"),
            "offered_total": (offered, "requests"), "ended_total": (over, "requests"),
            "in_flight": (offered - over, "requests"),
            **{name: (record.sampled(name), "targets")
               for name in ("in_service", "unhealthy", "draining", "mitigated")}}
        over, place, lost = self._ends()
        to = np.append(self.zone, -1)[np.where(fates.went, fates.target, -1)]
        series["unanswered_rate"] = self._rate(self._counts(over[lost]))
        for zone, name in enumerate(rules.ZONES):
            here, ours = self.zone == zone, place == zone
            loads, nothing = self.loads[:, here], np.zeros((self.ticks, 1))
            series |= {
                f"node_{name}": self._rate(self.flow[:, zone].sum(axis=1)),
                f"out_{name}": self._rate(self.crossed[:, zone]),
                f"first_{name}": self._rate(self.flow[:, zone].sum(axis=1) - self.retried[:, zone]),
                f"again_{name}": self._rate(self.retried[:, zone]),
                **{f"sent_{name}{other}": self._rate(
                    self.flow[:, zone, :-1][:, self.zone == k].sum(axis=1))
                    for k, other in enumerate(rules.ZONES)},
                f"open_{name}": (np.append(0.0, np.cumsum(
                    self._counts(self.tick[to == zone]) - self._counts(over[ours]))), "requests"),
                f"done_{name}": self._rate(self._counts(over[ours & ~lost])),
                f"unanswered_{name}": self._rate(self._counts(over[ours & lost])),
                f"rejected_{name}": self._rate(self._counts(
                    over[place == len(rules.ZONES) + zone])),
                f"targets_{name}": (record.sampled(f"targets_{name}"), "targets"),
                f"unhealthy_{name}": (record.sampled(f"unhealthy_{name}"), "targets"),
                f"lost_{name}": (record.sampled(f"lost_{name}"), "on"),
                f"zone_load_{name}": per_tick((loads if here.any() else nothing).mean(axis=1),
                                              "of capacity"),
                **bars(f"load_{name}", (loads if here.any() else nothing).T)}
        return series
