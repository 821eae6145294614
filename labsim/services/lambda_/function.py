"""An AWS Lambda function: its environments, those who call it, what it does and what it costs.

Picture the exchange as a whole: operators, lines, and several kinds of people who ring. Whoever
rings first is served first, whatever door the ring comes by.

*Models:* invocations in order of time from any number of callers, each in an environment of its
own or throttled; how long environments live; a timeout; failures by chance; the bill.
*Leaves out:* other functions, which share the account's limit: whoever knows of them changes the
`limit` meanwhile.
"""

from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.declare import Count, Line, Metric, Panel
from labsim.engine import ServiceTimes, Simulation, so_far
from labsim.errors import LabsimError, ParameterError
from labsim.services.lambda_.bill import bill, gb_seconds
from labsim.services.lambda_.caller import Caller
from labsim.services.lambda_.callers import Synchronous
from labsim.services.lambda_.environments import CONCURRENCY, RATE, SCALING, Environments
from labsim.services.lambda_.rules import (
    AT_ONCE,
    KEEP,
    LIFE,
    PER_SECOND,
    SPARE,
    fates,
    shortest,
)

LONGEST = factbook.value("lambda.timeout_max_s")
LEAST_MEMORY = factbook.value("lambda.memory_min_mb")
MOST_MEMORY = factbook.value("lambda.memory_max_mb")
SEEN = 600.0            # s for which an environment counts as seen after its last use


class Function(kit.Component):
    """A function, whose invocations are `work` each. `sim.send` calls it synchronously, and what
    another part gives out does by `outlet.to(function.calls)`; other callers are their own parts.

    memory: MB. limit: executions that it may have, by default the account's. init: s of a cold
    start. keep: s after which an idle function has no environment any more; spare: s that a spare
    one is kept while the function works; life: age, s, at which one is replaced. at_once,
    per_second: how many new environments there may be. timeout: s. error_share: of the attempts,
    in which it fails. poison_share: of the requests, at which it fails each time.
    """

    METRICS = (
        Count("invocations", "invocations", "times that the function ran", "",
              lambda f: len(f.starts)),
        Count("throttled", "attempts", "attempts that Lambda throttled", "lower",
              lambda f: len(f.refused), aliases=("throttles",)),
        Metric("throttled_share", "", "part of the attempts that Lambda throttled", "lower",
               lambda f: len(f.refused) / max(len(f.starts) + len(f.refused), 1),
               aliases=("throttle_share",)),
        Count("throttled_concurrency", "attempts", "throttled: as many under way as allowed",
              "lower", lambda f: f.environments.refused[CONCURRENCY], aliases=("too_many",)),
        Count("throttled_scaling", "attempts", "throttled: no more new environments yet", "lower",
              lambda f: f.environments.refused[SCALING], aliases=("too_fast",)),
        Count("throttled_by_rate", "attempts", "throttled: over ten requests a second per unit",
              "lower", lambda f: f.environments.refused[RATE],
              aliases=("too_often", "throttled_rate")),
        Count("cold_starts", "environments", "environments started for a request", "lower",
              lambda f: f.environments.cold),
        Metric("cold_start_share", "", "part of the invocations that waited for one", "lower",
               lambda f: f.environments.cold / max(len(f.starts), 1), aliases=("cold_share",)),
        Metric("environments_mean", "environments", "environments, used or idle, mean", "",
               lambda f: f.environments_mean()),
        Count("environments_max", "environments", "environments, used or idle, most", "",
              lambda f: f.environments_max()),
        Metric("concurrency_mean", "executions", "executions under way, mean", "",
               lambda f: (np.minimum(f.ends, f.sim.duration) - f.starts).sum() / f.sim.duration),
        Count("concurrency_max", "executions", "executions under way, most", "",
              lambda f: f.in_flight.max()),
        Metric("gb_seconds", "GB-s", "duration times memory, billed", "",
               lambda f: gb_seconds(1, f.seconds, f.memory)))
    PANELS = (
        Panel("Executions under way", (
            Line("this function", "in_flight"), Line("environments", "environments"),
            Line("limit", "limit", step=True))),
        Panel("Throttled attempts", (Line("share", "throttled_share"),), unit="of all"))
    INVARIANTS = (
        kit.adds_up("throttled", "throttled_concurrency", "throttled_scaling", "throttled_by_rate"),
        kit.Invariant("never more cold starts than invocations", lambda r:
                      r.summary["cold_starts"] <= r.summary["invocations"]),
        kit.Invariant("never more under way than there are environments", lambda r: bool(
            (r.series["in_flight"].value <= r.series["environments"].value).all())),
        kit.Invariant("never more under way than the limit allows at its highest", lambda r:
                      r.summary["concurrency_max"] <= r.series["limit"].value.max()))
    shows = (("under way", "in_flight"), ("limit", "limit"))
    alarm = "throttled_rate"

    def __init__(self, sim: Simulation, name: str, work: ServiceTimes, *,
                 memory: float = LEAST_MEMORY,
                 timeout: float = factbook.value("lambda.timeout_default_s"),
                 limit: float = factbook.value("lambda.concurrency_account"), init: float = 1.0,
                 keep: float = KEEP, spare: float = SPARE, life: float = LIFE,
                 provisioned: int = 0, error_share: float = 0.0, poison_share: float = 0.0,
                 at_once: float = AT_ONCE, per_second: float = PER_SECOND):
        super().__init__(sim, name)
        inf = float("inf")
        for what, value, least, most in (
                ("memory", memory, LEAST_MEMORY, MOST_MEMORY), ("timeout", timeout, 1, LONGEST),
                ("limit", limit, 0, inf), ("init", init, 0, inf), ("keep", keep, 0, inf),
                ("spare", spare, 0, inf), ("life", life, 0, inf),
                ("provisioned", provisioned, 0, limit), ("error_share", error_share, 0, 1),
                ("poison_share", poison_share, 0, 1),
                ("at_once", at_once, 0, inf), ("per_second", per_second, 0, inf)):
            if not least <= value <= most:
                raise ParameterError(what, value, f"{least:g} to {most:,g}")
        self.work, self.memory, self.timeout = work, memory, timeout
        self.error_share, self.poison_share = error_share, poison_share
        self.provisioned = provisioned
        ends = sim.duration > shortest(life, keep, spare)
        self.environments = Environments(
            limit, init=init, keep=keep, provisioned=provisioned, at_once=at_once,
            per_second=per_second, fates=fates(
                life, keep, spare, sim.stream(f"{name} environments")) if ends else None)
        self.callers: list[Caller] = []
        self.runs: list[tuple[float, float, int]] = []      # (start, end, requests in it)
        self.throttles: list[float] = []                    # when
        self._blocks: list[tuple] = []      # (starts, ends, when throttled) of calls made together
        self.record.level("limit", 0.0, limit)
        sim.on_advance(self.advance)

    def sent(self, load, name: str = "") -> kit.Component:
        """Clients call it synchronously; see `Simulation.send`."""
        return self.calls.sent(load, name)

    @cached_property
    def calls(self) -> Synchronous:
        """Who calls it synchronously."""
        from labsim.services.lambda_.callers import Synchronous  # which knows functions
        return Synchronous(self.sim, f"{self.name} calls", self)

    def allow(self, limit: float) -> None:
        """From now on it may have so many executions."""
        self.advance(self.sim.now)
        self.environments.limit = limit
        self.record.level("limit", self.sim.now, limit)

    def advance(self, now: float) -> None:
        """Take all calls up to `now` s, in order of time, whoever makes them."""
        for part in {part for caller in self.callers for part in caller.fed_by}:
            part.advance(now)
        for caller in self.callers:
            caller.gather()
        if len(self.callers) == 1:
            self.callers[0].run_to(now)
        while len(self.callers) > 1:
            first, second, *_ = sorted(self.callers, key=lambda caller: caller.first)
            if first.first > now:
                break
            first.run_to(min(second.first, now))
        for caller in self.callers:
            caller.give(now)

    def ran(self, starts: np.ndarray, ends: np.ndarray, throttled: np.ndarray) -> None:
        """Invocations of a request each from `starts` to `ends`, and others that were `throttled`
        at these times, s."""
        self._blocks.append((starts, ends, throttled))

    def wired(self) -> None:
        """Somebody has to call it."""
        if not self.callers:
            raise LabsimError(f"nobody calls {self.name}: sim.send(load, to=...) does, or a caller "
                              "such as lambda_.Asynchronous(sim, name, function)")

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def starts(self) -> np.ndarray:
        """When each invocation begins, s."""
        return np.concatenate([[start for start, _, _ in self.runs], *(b[0] for b in self._blocks)])

    @cached_property
    def ends(self) -> np.ndarray:
        """When each invocation ends, s."""
        return np.concatenate([[end for _, end, _ in self.runs], *(b[1] for b in self._blocks)])

    @cached_property
    def refused(self) -> np.ndarray:
        """When attempts were throttled, s."""
        return np.concatenate([self.throttles, *(block[2] for block in self._blocks)])

    @cached_property
    def seconds(self) -> float:
        """Seconds of all invocations."""
        return float((self.ends - self.starts).sum())

    @cached_property
    def started(self) -> np.ndarray:
        """When each environment started, s, sorted; the provisioned ones at 0."""
        return self.environments.started

    @cached_property
    def ended(self) -> tuple[np.ndarray, np.ndarray]:
        """When each environment's last use ends and when it is gone, s, in no order."""
        return self.environments.uses(self.sim.duration)

    def environments_mean(self) -> float:
        """Environments, mean over the run."""
        gone = np.minimum(self.ended[1], self.sim.duration)
        return (gone.sum() - self.started.sum()) / self.sim.duration

    def environments_max(self) -> float:
        """The most environments there are at a time."""
        so_many = np.arange(1.0, len(self.started) + 1)
        return (so_many - so_far(self.started, self.ended[1])).max(initial=0.0)

    @cached_property
    def in_flight(self) -> np.ndarray:
        """Executions under way at each instant."""
        return so_far(self.record.t, self.starts) - so_far(self.record.t, self.ends)

    def series(self) -> dict[str, tuple[np.ndarray, str]]:
        """Executions under way and allowed; what was throttled; environments, also as counted by
        who sees requests only: each from its first until `SEEN` s after its last."""
        t, started, tick = self.record.t, self.started, self.sim.tick
        throttled, invoked, cold = (np.diff(so_far(t, times)) for times in (
            self.refused, self.starts, started[self.provisioned:]))
        tried = invoked + throttled
        last, gone = self.ended
        return {"in_flight": (self.in_flight, "executions"),
                "limit": (self.record.sampled("limit"), "executions"),
                "environments": (so_far(t, started) - so_far(t, gone), "environments"),
                "environments_seen": (so_far(t, started) - so_far(t, last + SEEN), "environments"),
                "invocations_rate": kit.per_tick(invoked / tick, "req/s"),
                "cold_starts_rate": kit.per_tick(cold / tick, "req/s"),
                "throttled_rate": kit.per_tick(throttled / tick, "req/s"),
                "throttled_share": kit.per_tick(throttled / np.maximum(tried, 1.0))}

    def cost(self) -> dict[str, float]:
        """By line, without the free tier. With provisioned concurrency all of the duration is
        charged as on it, up to what it can do."""
        n, seconds = len(self.starts), self.seconds
        mean, held = seconds / max(n, 1), self.provisioned * self.sim.duration
        on = min(1.0, held / seconds) if seconds else 0.0
        return bill([(n * (1 - on), mean, self.memory)], [(n * on, mean, self.memory)],
                    [(self.provisioned, self.sim.duration / 3_600, self.memory)]
                    if self.provisioned else ())
