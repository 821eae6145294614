"""What a Lambda function measures, draws and guarantees.

Picture the exchange's wall of meters: lines in use, calls turned away and why, operators there.

*Models:* invocations, throttles by their reason, cold starts, environments, executions under way,
GB-seconds. *Leaves out:* what becomes of a request: its caller tells that.
"""

from labsim import declare as kit
from labsim.declare import Count, Line, Metric, Panel
from labsim.services.lambda_.bill import gb_seconds
from labsim.services.lambda_.environments import CONCURRENCY, RATE, SCALING

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
           lambda f: f.seconds_by_now / f.sim.duration),
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
