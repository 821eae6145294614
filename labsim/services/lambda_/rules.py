"""AWS Lambda in numbers: concurrency, memory, retries and limits.

Picture the exchange's engineer with a slide rule. A call keeps an operator busy for as long as it
lasts; if twenty people a minute talk for half an hour each, six hundred operators are at work.

*Models:* concurrency from rate and duration; the request rate that a quota allows; what may be
reserved; CPU by memory; waits of asynchronous events; the visibility timeout that AWS advises.
*Leaves out:* SnapStart, containers, extensions.
"""

import math
from collections.abc import Sequence

from labsim import factbook
from labsim.errors import ParameterError

SYNCHRONOUS, GATEWAY, ASYNCHRONOUS, SQS, KINESIS = (
    "synchronous", "api-gateway", "asynchronous", "sqs", "kinesis")
REQUESTS_PER_EXECUTION = 10         # per second and unit of quota; lambda.rps_rule
AT_ONCE = factbook.value("lambda.scaling_rate")
PER_SECOND = AT_ONCE / 10           # "1,000 every 10 seconds", continuously
UNRESERVED = factbook.value("lambda.reserved_unreserved_min")
MB_PER_VCPU = factbook.value("lambda.mb_per_vcpu")
RETRY_WAITS = 60.0, 120.0           # s before an asynchronous event's retries; lambda.async_waits
BACKOFF = 1.0, 300.0    # s, first and longest wait after a throttle; lambda.async_backoff
DOUBLINGS = 30                      # after so many it is the longest for long


def concurrency(rate: float, duration: float) -> float:
    """Executions under way at `rate` requests/s of `duration` s: Little's law."""
    return rate * duration


def served_rate(rate: float, duration: float, quota: float) -> float:
    """Requests/s that a quota serves of a steady load, if nobody waits and nothing varies."""
    return min(rate, REQUESTS_PER_EXECUTION * quota, quota / duration if duration else math.inf)


def unreserved(quota: float, reserved: Sequence[float]) -> float:
    """What is left for all functions without a reservation. `ParameterError` if less than 100
    would be left. Fact: lambda.reserved_unreserved_min."""
    left = quota - sum(reserved)
    if left < UNRESERVED:
        raise ParameterError("reserved", sum(reserved),
                             f"at most {max(0.0, quota - UNRESERVED):g} executions")
    return left


def vcpus(memory: float, threads: bool = True) -> float:
    """vCPUs of `memory` MB; code with one thread uses no more than one."""
    return memory / MB_PER_VCPU if threads else min(1.0, memory / MB_PER_VCPU)


def duration(cpu: float, memory: float, *, waits: float = 0.0, threads: bool = True) -> float:
    """How long a job of `cpu` vCPU-seconds takes that also `waits` for others, s."""
    return cpu / vcpus(memory, threads) + waits


def backoff(attempt: int) -> float:
    """Wait before an asynchronous event that was throttled is tried again, s; it doubles."""
    first, longest = BACKOFF
    return min(longest, first * 2.0 ** min(attempt - 1, DOUBLINGS))


def visibility_timeout(timeout: float, window: float = 0.0) -> float:
    """The visibility timeout that AWS advises for a queue before a function, s."""
    return 6 * timeout + window
