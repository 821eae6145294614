"""AWS Lambda in numbers: concurrency, memory, retries and limits.

Picture the exchange's engineer with a slide rule. A call keeps an operator busy for as long as it
lasts; if twenty people a minute talk for half an hour each, six hundred operators are at work.

*Models:* concurrency from rate and duration; the request rate that a quota allows; what may be
reserved; CPU by memory; cold starts; how long environments live; waits of asynchronous events; the
visibility timeout that AWS advises; what an event source mapping refuses.
*Leaves out:* SnapStart, container images, functions in a VPC, extensions.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from labsim import factbook
from labsim.errors import ParameterError, unknown

SYNCHRONOUS, GATEWAY, ASYNCHRONOUS, SQS, KINESIS = (
    "synchronous", "api-gateway", "asynchronous", "sqs", "kinesis")
REQUESTS_PER_EXECUTION = 10         # per second and unit of quota; lambda.rps_rule
AT_ONCE = factbook.value("lambda.scaling_rate")
PER_SECOND = AT_ONCE / 10           # "1,000 every 10 seconds", continuously
UNRESERVED = factbook.value("lambda.reserved_unreserved_min")
MB_PER_VCPU = factbook.value("lambda.mb_per_vcpu")
RETRY_WAITS = 60.0, 120.0           # s before an asynchronous event's retries; lambda.async_waits
BACKOFF = 1.0, 300.0    # s, first and longest wait after a throttle; lambda.async_backoff
BATCH_MOST = int(factbook.value("lambda.esm_batch_max"))
WINDOW_MOST = factbook.value("lambda.esm_window_max_s")
WINDOWLESS = int(factbook.value("lambda.esm_sqs_windowless"))   # messages of a batch at most
MAX_CONCURRENCY = tuple(int(factbook.value(f"lambda.esm_sqs_max_concurrency_{end}"))
                        for end in ("min", "max"))
AGE_LEAST, AGE_MOST = (factbook.value(f"lambda.esm_stream_age_{end}_s") for end in ("min", "max"))
DOUBLINGS = 30                      # after so many it is the longest for long
RUNTIMES = "python", "nodejs", "ruby", "go", "java", "dotnet"
COLD_STARTS = {name: factbook.value(f"lambda.cold_start_{name}_s") for name in RUNTIMES}    # s
COLD_WORK = {"dotnet": factbook.value("lambda.cold_start_dotnet_work")}     # vCPU-s, beside it
PER_PACKAGE_MB = factbook.value("lambda.cold_start_package_s")
KEEP, SPARE, LIFE, LIFE_LEAST, LIFE_MOST, LOSS = (
    factbook.value(f"lambda.environment_{what}_s")
    for what in ("idle", "spare", "life", "life_min", "life_max", "loss"))
EARLY = factbook.value("lambda.environment_early_share")
DRAWN = 64                          # fates at a time


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


def cold_start(runtime: str, memory: float, package: float = 0.0) -> float:
    """How long an environment with `memory` MB takes to start for a function in one of `RUNTIMES`
    that is `package` MB zipped, s. Facts: lambda.cold_start_python_s and its like."""
    if runtime not in COLD_STARTS:
        raise unknown("runtime", runtime, RUNTIMES)
    return (duration(COLD_WORK.get(runtime, 0.0), memory, waits=COLD_STARTS[runtime],
                     threads=False) + package * PER_PACKAGE_MB)


def shortest(life: float, keep: float, spare: float) -> float:
    """No environment ends within so many s, but for one in a hundred or three by chance."""
    return min(life * LIFE_LEAST / LIFE, keep, spare)


def fates(life: float, keep: float, spare: float,
          random: np.random.Generator) -> Iterator[tuple[float, float]]:
    """Of each new environment how old it may become, s, and how long it bears to be idle while its
    function works. It is replaced at an age of about `life` s, unless it is lost by chance before;
    it is spare for `spare` s, some for no more than `keep`. Facts: lambda.environment_life_s,
    lambda.environment_loss_s, lambda.environment_spare_s, lambda.environment_early_share."""
    least, most = life * LIFE_LEAST / LIFE, life * LIFE_MOST / LIFE
    while True:
        for age, lost, early in random.random((DRAWN, 3)).tolist():
            yield (min(least + (most - least) * age, -LOSS * math.log1p(-lost)),
                   min(keep, spare) if early < EARLY else spare)


@cache
def backoff(attempt: int) -> float:
    """Wait before an asynchronous event that was throttled is tried again, s; it doubles."""
    first, longest = BACKOFF
    return min(longest, first * 2.0 ** min(attempt - 1, DOUBLINGS))


def visibility_timeout(timeout: float, window: float = 0.0) -> float:
    """The visibility timeout that AWS advises for a queue before a function, s."""
    return 6 * timeout + window


def checked_batch(windowless: int = WINDOWLESS, **given: float) -> None:
    """`ParameterError` unless batch size and window (s), given in this order by the names to blame,
    fit together: what holds more than `windowless` records needs a second to gather them. Facts:
    lambda.esm_batch_max, lambda.esm_window_max_s, lambda.esm_sqs_windowless."""
    (batch_name, batch_size), (window_name, window) = given.items()
    if not 1 <= batch_size <= BATCH_MOST:
        raise ParameterError(batch_name, batch_size, f"1 to {BATCH_MOST:,}")
    if not 0 <= window <= WINDOW_MOST:
        raise ParameterError(window_name, window, f"0 to {WINDOW_MOST:g} s")
    if batch_size > windowless and window < 1:
        raise ParameterError(batch_name, batch_size, f"at most {windowless} without a batch window "
                             f"of a second or more ({window_name})")


def checked_queue(timeout: float, **given: float) -> None:
    """`ParameterError` unless a queue's visibility timeout (s) and the mapping's maximum
    concurrency (0: not set), given in this order by the names to blame, suit a function with this
    timeout. Facts: lambda.esm_sqs_visibility_least, lambda.esm_sqs_max_concurrency_min."""
    (visibility_name, visibility), (most_name, most) = given.items()
    if not visibility >= timeout:
        raise ParameterError(visibility_name, visibility,
                             f"at least the function's timeout, {timeout:g} s")
    least, highest = MAX_CONCURRENCY
    if most and not least <= most <= highest:
        raise ParameterError(most_name, most, f"{least} to {highest:,} batches, or 0 for none")
