"""AWS Lambda in numbers: concurrency, environments, memory, retries, limits and the bill.

Picture a taxi rank. A ride takes a car for as long as it lasts; if twenty people a minute want a
ride of half an hour, six hundred cars are under way. A car that comes back may take the next
passenger at once; a new one has to be fetched from the garage, which lets out only so many a
second.

*Models:* concurrency from rate and duration; the request rate that a quota allows; how fast
environments may be added; reserved, unreserved and provisioned concurrency; CPU by memory; retries
of asynchronous events; price of any month.
*Leaves out:* SnapStart, containers, extensions, tiers of the price above the first.

Arithmetic only; calls in time are in `lambda_pool` and `lambda_sources`.
"""

import math
from collections.abc import Sequence

from labsim import factbook

SYNCHRONOUS, GATEWAY, ASYNCHRONOUS, SQS, KINESIS = CALLERS = (
    "synchronous", "api-gateway", "asynchronous", "sqs", "kinesis")
REQUESTS_PER_EXECUTION = 10         # per second and unit of quota; lambda.rps_rule
AT_ONCE = factbook.value("lambda.scaling_rate")
PER_SECOND = AT_ONCE / 10           # "1,000 every 10 seconds", continuously
UNRESERVED = factbook.value("lambda.reserved_unreserved_min")
PROVISIONED_PER_MINUTE = factbook.value("lambda.provisioned_rate")
PREPARATION = 60.0, 120.0           # s before provisioned environments begin to come
MB_PER_VCPU = factbook.value("lambda.mb_per_vcpu")
LONGEST = factbook.value("lambda.timeout_max_s")
RETRY_WAITS = 60.0, 120.0           # s before an asynchronous event's retries; lambda.async_waits
BACKOFF = 1.0, 300.0    # s, first and longest wait after a throttle; lambda.async_backoff
DOUBLINGS = 30                      # after so many it is the longest for long
REQUEST_PRICE = factbook.value("lambda.request_price_million") / 1e6
GB_SECOND = factbook.value("lambda.gb_s_x86")
ARM_GB_SECOND = factbook.value("lambda.gb_s_arm")
PROVISIONED_GB_SECOND = factbook.value("lambda.provisioned_gb_s")
ON_PROVISIONED_GB_SECOND = factbook.value("lambda.on_provisioned_gb_s")
TMP_GB_SECOND = factbook.value("lambda.tmp_gb_s")
FREE_REQUESTS = factbook.value("lambda.free_requests")
FREE_GB_SECONDS = factbook.value("lambda.free_gb_s")
FREE_TMP = factbook.value("lambda.tmp_default_mb")
MB = 1_024                          # in a GB


def concurrency(rate: float, duration: float) -> float:
    """Executions under way at `rate` requests/s of `duration` s: Little's law."""
    return rate * duration


def quota_needed(rate: float, duration: float) -> float:
    """The quota that such a load needs: its concurrency, and a tenth of its rate."""
    return max(concurrency(rate, duration), rate / REQUESTS_PER_EXECUTION)


def served_rate(rate: float, duration: float, quota: float) -> float:
    """Requests/s that a quota serves of a steady load, if nobody waits and nothing varies."""
    return min(rate, REQUESTS_PER_EXECUTION * quota, quota / duration if duration else math.inf)


def environments(starts: Sequence[float], ends: Sequence[float]) -> list[int]:
    """Which environment serves each request, numbered from 0 in order of their start: the one that
    is idle the longest, else a new one. starts: ascending, s."""
    free, used = [], []
    for start, end in zip(starts, ends, strict=True):
        ready = [i for i, at in enumerate(free) if at <= start]
        which = min(ready, key=free.__getitem__) if ready else len(free)
        free[which:which + 1] = [end]
        used.append(which)
    return used


def ramp(t: float, quota: float, at_once: float = AT_ONCE, per_second: float = PER_SECOND) -> float:
    """Environments that a function may have `t` s after a load began that wants ever more."""
    return min(quota, at_once + per_second * t)


def seconds_to(environments: float, at_once: float = AT_ONCE,
               per_second: float = PER_SECOND) -> float:
    """How long until a function may have so many environments, s."""
    return max(0.0, (environments - at_once) / per_second)


def unreserved(quota: float, reserved: Sequence[float]) -> float:
    """What is left for all functions without a reservation. `ValueError` if less than 100 would
    be left."""
    left = quota - sum(reserved)
    if left < UNRESERVED:
        raise ValueError(f"reserved: given {sum(reserved):g}, allowed at most "
                         f"{quota - UNRESERVED:g}")
    return left


def provisioned_for(peak: float, buffer: float = 0.1) -> int:
    """Provisioned concurrency for a peak, with a buffer (a share of it)."""
    return math.ceil(round(peak * (1 + buffer), 9))


def provisioning_time(count: float) -> tuple[float, float]:
    """Shortest and longest time until `count` provisioned environments are ready, s: none is
    before all are."""
    makes = count / PROVISIONED_PER_MINUTE * 60
    return PREPARATION[0] + makes, PREPARATION[1] + makes


def vcpus(memory: float, threads: bool = True) -> float:
    """vCPUs of `memory` MB; code with one thread uses no more than one."""
    return memory / MB_PER_VCPU if threads else min(1.0, memory / MB_PER_VCPU)


def duration(cpu: float, memory: float, *, waits: float = 0.0, threads: bool = True) -> float:
    """How long a job of `cpu` vCPU-seconds takes that also `waits` for others, s."""
    return cpu / vcpus(memory, threads) + waits


def attempt_times(durations: Sequence[float], retries: int = len(RETRY_WAITS)) -> list[float]:
    """When an asynchronous event that always fails is tried, s; each attempt takes its duration,
    and there are at most 1 + `retries`."""
    times, now = [], 0.0
    for n, takes in enumerate(durations[:retries + 1]):
        times.append(now)
        now += takes + RETRY_WAITS[min(n, len(RETRY_WAITS) - 1)]
    return times


def backoff(attempt: int) -> float:
    """Wait before an asynchronous event that was throttled is tried again, s; it doubles."""
    first, longest = BACKOFF
    return min(longest, first * 2.0 ** min(attempt - 1, DOUBLINGS))


def visibility_timeout(timeout: float, window: float = 0.0) -> float:
    """The visibility timeout that AWS advises for a queue before a function, s."""
    return 6 * timeout + window


def gb_seconds(requests: float, seconds: float, memory: float) -> float:
    """GB-s of so many requests, each of so many seconds with `memory` MB."""
    return requests * seconds * memory / MB


def bill(on_demand: Sequence[Sequence[float]] = (), on_provisioned: Sequence[Sequence[float]] = (),
         provisioned: Sequence[Sequence[float]] = (), *, free: bool = False,
         arm: bool = False) -> dict[str, float]:
    """A month's bill, USD by line. on_demand, on_provisioned: (requests, seconds, MB, and MB of
    /tmp if it is more than what is included) of each function; provisioned: (environments, hours,
    MB). free: with the free tier, which covers no provisioned concurrency."""
    requests = sum(w[0] for w in (*on_demand, *on_provisioned))
    compute = sum(gb_seconds(*w[:3]) for w in on_demand)
    if free:
        requests, compute = max(0.0, requests - FREE_REQUESTS), max(0.0, compute - FREE_GB_SECONDS)
    lines = {"requests": requests * REQUEST_PRICE,
             "duration": compute * (ARM_GB_SECOND if arm else GB_SECOND)}
    if provisioned:
        lines["provisioned"] = PROVISIONED_GB_SECOND * sum(
            gb_seconds(n, hours * 3_600, memory) for n, hours, memory in provisioned)
        lines["duration on provisioned"] = ON_PROVISIONED_GB_SECOND * sum(
            gb_seconds(*w[:3]) for w in on_provisioned)
    extra = sum(gb_seconds(w[0], w[1], max(0.0, w[3] - FREE_TMP))
                for w in (*on_demand, *on_provisioned) if len(w) > 3)
    if extra:
        lines["/tmp"] = extra * TMP_GB_SECOND
    return lines


def total(*args, **kwargs) -> float:
    """A month's `bill`, each line to the cent, as AWS's price page adds up; USD."""
    return round(sum(round(usd, 2) for usd in bill(*args, **kwargs).values()), 2)


def total_free(*args) -> float:
    """`total` with the free tier."""
    return total(*args, free=True)
