"""What a Lambda function measures, draws and guarantees.

Picture the exchange's wall of meters: lines in use, calls turned away and why, operators there.

*Models:* invocations, their errors and timeouts, throttles by their reason, cold starts,
environments, executions under way, GB-seconds. *Leaves out:* what becomes of a request: its caller
tells that.
"""

import numpy as np

from labsim import declare as kit
from labsim.declare import Count, Line, Metric, Panel
from labsim.engine import so_far
from labsim.services.lambda_.bill import gb_seconds
from labsim.services.lambda_.environments import CONCURRENCY, RATE, SCALING

SEEN = 600.0            # s for which an environment counts as seen after its last use


def series(f) -> dict[str, tuple[np.ndarray, str]]:
    """Executions under way and allowed; what failed, and was throttled; environments, also as
    counted by who sees requests only: each from its first until `SEEN` s after its last."""
    t, started, tick = f.record.t, f.started, f.sim.tick
    throttled, invoked, cold, failed = (np.diff(so_far(t, times)) for times in (
        f.refused, f.starts, started[f.provisioned:], f.errors))
    last, gone = f.ended
    return {"in_flight": (f.in_flight, "executions"),
            "limit": (f.record.sampled("limit"), "executions"),
            "environments": (so_far(t, started) - so_far(t, gone), "environments"),
            "environments_seen": (so_far(t, started) - so_far(t, last + SEEN), "environments"),
            "invocations_rate": kit.per_tick(invoked / tick, "req/s"),
            "errors_rate": kit.per_tick(failed / tick, "req/s"),
            "cold_starts_rate": kit.per_tick(cold / tick, "req/s"),
            "throttled_rate": kit.per_tick(throttled / tick, "req/s"),
            "throttled_share": kit.per_tick(throttled / np.maximum(invoked + throttled, 1.0),
                                            "of attempts")}


METRICS = (
    Count("invocations", "invocations", "times that the function ran", "",
          lambda f: len(f.starts)),
    Count("errors", "invocations", "invocations that failed or timed out, of requests or batches",
          "lower", lambda f: (np.array(f.errors) <= f.sim.duration).sum()),
    Count("timeouts", "invocations", "those that the function's timeout ended", "lower",
          lambda f: (np.array(f.timeouts) <= f.sim.duration).sum()),
    Count("throttled", "attempts", "attempts that Lambda throttled", "lower",
          lambda f: len(f.refused), aliases=("throttles",)),
    Metric("throttled_share", "of attempts", "part of the attempts that Lambda throttled", "lower",
           lambda f: len(f.refused) / max(len(f.starts) + len(f.refused), 1),
           aliases=("throttle_share",), label="throttled"),
    Count("throttled_concurrency", "attempts", "throttled: as many under way as allowed",
          "lower", lambda f: f.environments.refused[CONCURRENCY], aliases=("too_many",)),
    Count("throttled_scaling", "attempts", "throttled: no more new environments yet", "lower",
          lambda f: f.environments.refused[SCALING], aliases=("too_fast",)),
    Count("throttled_by_rate", "attempts", "throttled: over ten requests a second per unit",
          "lower", lambda f: f.environments.refused[RATE],
          aliases=("too_often", "throttled_rate")),
    Count("cold_starts", "environments", "environments started for a request", "lower",
          lambda f: f.environments.cold),
    Metric("cold_start_share", "of invocations", "part of the invocations that waited for one",
           "lower", lambda f: f.environments.cold / max(len(f.starts), 1), aliases=("cold_share",),
           label="waited for a cold start"),
    Metric("environments_mean", "environments", "environments, used or idle, mean", "",
           lambda f: f.environments_mean()),
    Count("environments_max", "environments", "environments, used or idle, most", "",
          lambda f: f.environments_max()),
    Metric("concurrency_mean", "executions", "executions under way, mean", "",
           lambda f: f.seconds_by_now / f.sim.duration),
    Count("concurrency_max", "executions", "executions under way, most", "",
          lambda f: f.in_flight.max()),
    Metric("gb_seconds", "GB-s", "duration times memory, billed", "",
           lambda f: gb_seconds(1, f.seconds, f.memory), label="memory times time"))
PANELS = (
    Panel("Executions under way", (
        Line("this function", "in_flight"), Line("environments", "environments"),
        Line("limit", "limit", step=True))),
    Panel("Invocations that fail", (Line("errors", "errors_rate"),)),
    Panel("Throttled attempts", (Line("share", "throttled_share"),), unit="of all"))
INVARIANTS = (
    kit.adds_up("throttled", "throttled_concurrency", "throttled_scaling", "throttled_by_rate"),
    kit.Invariant("never more cold starts than invocations", lambda r:
                  r.summary["cold_starts"] <= r.summary["invocations"]),
    kit.Invariant("never more under way than there are environments", lambda r: bool(
        (r.series["in_flight"].value <= r.series["environments"].value).all())),
    kit.Invariant("never more under way than the limit allows at its highest", lambda r:
                  r.summary["concurrency_max"] <= r.series["limit"].value.max()))
