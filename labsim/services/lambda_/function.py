"""An AWS Lambda function: its environments, those who call it, what it does and what it costs.

Picture the exchange as a whole: operators, lines, and several kinds of people who ring. Whoever
rings first is served first, whatever door the ring comes by.

*Models:* invocations in order of time from any number of callers, each in an environment of its
own or throttled; calls to other parts, for which an invocation keeps its environment
(`invocations`); how long environments live; a timeout; failures by chance; the bill.
*Leaves out:* other functions, which share the account's limit: who knows of them changes `limit`;
a cold start beyond 10 s, which AWS begins again, within the timeout.

Data plane: request-level, exact: in blocks, or on the agenda if somebody waits for answers, or it
calls others itself (`go_live`).
"""

import math
from functools import cached_property

import numpy as np

from labsim import declare as kit
from labsim import factbook
from labsim.declare.faults import ERRORS, SLOW, FaultKind
from labsim.engine import ServiceTimes, Simulation, so_far
from labsim.engine.agenda import Call
from labsim.errors import ParameterError
from labsim.services.lambda_ import measures
from labsim.services.lambda_.bill import bill
from labsim.services.lambda_.caller import Caller
from labsim.services.lambda_.callers import Synchronous, called
from labsim.services.lambda_.environments import Environments
from labsim.services.lambda_.invocations import Invocations
from labsim.services.lambda_.open_ends import OpenEnvironments
from labsim.services.lambda_.rules import AT_ONCE, KEEP, LIFE, PER_SECOND, SPARE, fates, shortest

LONGEST = factbook.value("lambda.timeout_max_s")
LEAST_MEMORY = factbook.value("lambda.memory_min_mb")
MOST_MEMORY = factbook.value("lambda.memory_max_mb")
DOWN = FaultKind("each invocation that begins fails at once")
THROTTLED = FaultKind("has no more executions than that, as if reserved; 0: none at all",
                      "executions at most")


class Function(kit.Asked):
    """A function, for which each request is `work`: an event, message or record too, so that a
    batch of them takes the sum. `sim.send` calls it synchronously, and so does who asks it, and
    what another part gives out by `outlet.to(function)`: by way of its `calls`, whose outlets are
    its own, `done` and `failed`. Other callers are parts of their own.

    An environment's first invocation is `init` s longer, a cold start, which is billed, but does
    not count against the timeout (AWS: for up to 10 s). What a queue or stream gets meanwhile makes
    the next batches fuller: ten messages may take longer than the timeout where one never does.

    calls: parts that each invocation asks after its own work (a part, a `labsim.ask`, or several,
    in order); it keeps its environment until they have answered. memory: MB. limit: executions that
    it may have, by default the account's. init: s of a cold start. keep: s after which an idle
    function has no environment any more; spare: s that a spare one is kept while the function
    works; life: age, s, at which one is replaced. at_once, per_second: how many new environments
    there may be. timeout: s. error_share: of the attempts, in which it fails. poison_share: of the
    requests, at which it fails each time.
    """

    METRICS, PANELS, INVARIANTS = measures.METRICS, measures.PANELS, measures.INVARIANTS
    shows = (("under way", "in_flight"), ("limit", "limit"))
    alarm = "throttled_rate"
    FAULTS = {"errors": ERRORS, "slow": SLOW, "down": DOWN, "throttled": THROTTLED}

    def __init__(self, sim: Simulation, name: str, work: ServiceTimes, *, calls=(),
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
        self.pace = 1.0         # how many times as long work takes that begins now
        self.live = False       # whether it is asked one by one, on the agenda
        self._own = error_share, limit      # as they are without faults
        ends = sim.duration > shortest(life, keep, spare)
        self.environments = (OpenEnvironments if calls != () else Environments)(
            limit, init=init, keep=keep, provisioned=provisioned, at_once=at_once,
            per_second=per_second, fates=fates(
                life, keep, spare, sim.stream(f"{name} environments")) if ends else None)
        self.callers: list[Caller] = []
        self.runs: list[tuple[float, float, int]] = []      # (start, end, requests in it)
        self.throttles: list[float] = []                    # when
        self.errors, self.timeouts = [], []     # when invocations failed, s; by the timeout
        self._blocks: list[tuple] = []      # (starts, ends, when throttled) of calls made together
        self.record.level("limit", 0.0, limit)
        self.invocations = calls != () and Invocations(self, calls)
        if self.invocations:
            self.go_live()

    # -- who calls it ----------------------------------------------------------------------

    @cached_property
    def calls(self) -> Synchronous:
        """Who calls it synchronously."""
        calls = Synchronous(self.sim, f"{self.name} calls", self)
        for what in ("done", "failed", "fed_by", "_onward"):
            setattr(calls, what, getattr(self, what))
        return calls

    def sent(self, load, name: str = "", retry=None) -> kit.Component:
        """Clients call it synchronously; see `Simulation.send`."""
        return self.calls.sent(load, name, retry)

    def feed(self, blocks) -> None:
        """Requests come at the times of `blocks` (arrays, s, sorted)."""
        self.calls.feed(blocks)

    def take(self, times: np.ndarray) -> None:
        """Requests come at `times` (s, sorted), given out by another part."""
        self.calls.take(times)

    def asked_by(self, asker: kit.Component) -> None:
        """`asker` is going to ask it."""
        self.calls.asked_by(asker)

    def ask(self, t: float, call: Call) -> None:
        """A request comes at `t` s."""
        self.calls.ask(t, call)

    def then(self, other: kit.Asked, share: float = 1.0) -> None:
        """What its calls have done, a `share` of it, goes on to `other`, which answers instead."""
        self.calls.then(other, share)

    def go_live(self) -> None:
        """From now on, before the run begins, all who call it have their turns on the agenda."""
        if not self.live:
            self.live = True
            for caller in self.callers:
                caller.go_live()

    # -- what changes meanwhile ------------------------------------------------------------

    def allow(self, limit: float) -> None:
        """From now on it may have so many executions."""
        self.advance(self.sim.now)
        self._own = self._own[0], limit
        self._changed()

    def fail(self, share: float) -> None:
        """From now on it fails in such a share of the attempts."""
        self.advance(self.sim.now)
        self._own = share, self._own[1]
        self._changed()

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """It makes errors, is slow, down, or throttled."""
        self._changed()

    def _changed(self) -> None:
        """What it is like now, with the faults that hold."""
        errors, slow, down, most = (self.struck.get((self.name, what), []) for what in self.FAULTS)
        share, limit = self._own
        good = math.prod(1.0 - lost for lost in errors)
        self.pace = 0.0 if down else math.prod(slow)
        self.error_share = 1.0 if down else share if good == 1.0 else 1.0 - (1.0 - share) * good
        if (limit := min([limit, *most])) != self.environments.limit:
            self.environments.limit = limit
            self.record.level("limit", self.sim.now, limit)

    def advance(self, now: float) -> None:
        """Take all calls up to `now` s, in order of time, whoever makes them."""
        if self.live:
            self.sim.agenda.advance(now, self)
            for caller in self.callers:
                caller.flush()
            return
        for part in dict.fromkeys(part for caller in self.callers for part in caller.fed_by):
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

    def ran(self, starts: np.ndarray, ends: np.ndarray, throttled: np.ndarray,
            failed: np.ndarray, late: np.ndarray) -> None:
        """Invocations of a request each from `starts` to `ends`, and others that were `throttled`
        at these times, s; ends of those that `failed`, and of those that the timeout ended."""
        self._blocks.append((starts, ends, throttled))
        self.errors += failed.tolist()
        self.timeouts += late.tolist()

    def erred(self, end: float, late: bool) -> None:
        """An invocation fails that ends at `end` s; late: it is the timeout that ends it."""
        self.errors.append(end)
        if late:
            self.timeouts.append(end)

    @property
    def is_fed(self) -> bool:
        """Whether somebody calls it other than in the course of what comes to others."""
        return any(caller.is_fed for caller in self.callers)

    def wired(self) -> None:
        """Somebody has to call it; whether one by one is known by now."""
        if self.fed_by:
            self.take(np.empty(0))      # by way of its calls
        if any(caller.meets_agenda for caller in self.callers):
            self.go_live()
        called(self, vars(self).get("calls"))
        super().wired()

    # -- at the end of the run -------------------------------------------------------------

    @cached_property
    def starts(self) -> np.ndarray:
        """When each invocation begins, s."""
        return np.concatenate([[start for start, _, _ in self.runs], *(b[0] for b in self._blocks)])

    @cached_property
    def ends(self) -> np.ndarray:
        """When each invocation ends, s; infinite: not by the end of the run."""
        return np.concatenate([[end for _, end, _ in self.runs], *(b[1] for b in self._blocks)])

    @cached_property
    def refused(self) -> np.ndarray:
        """When attempts were throttled, s."""
        return np.concatenate([self.throttles, *(block[2] for block in self._blocks)])

    @cached_property
    def seconds(self) -> float:
        """Seconds of all invocations."""
        ends = np.where(np.isinf(self.ends), self.sim.duration, self.ends)
        return float((ends - self.starts).sum())

    @property
    def seconds_by_now(self) -> float:
        """Seconds of all invocations within the run."""
        return (np.minimum(self.ends, self.sim.duration) - self.starts).sum()

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
        """See `measures.series`."""
        return measures.series(self)

    def cost(self) -> dict[str, float]:
        """By line, without the free tier. With provisioned concurrency all of the duration is
        charged as on it, up to what it can do."""
        n, seconds = len(self.starts), self.seconds
        mean, held = seconds / max(n, 1), self.provisioned * self.sim.duration
        on = min(1.0, held / seconds) if seconds else 0.0
        return bill([(n * (1 - on), mean, self.memory)], [(n * on, mean, self.memory)],
                    [(self.provisioned, self.sim.duration / 3_600, self.memory)]
                    if self.provisioned else ())
