"""What AWS Lambda costs: requests, memory for as long as it is used, and what stands ready.

Picture a phone bill: a little for each call, more for each minute, and a rent for the operators who
wait for you alone.

*Models:* requests, GB-seconds on demand and on provisioned concurrency, provisioned concurrency
itself, /tmp beyond what is included, the free tier. *Leaves out:* tiers of the price above the
first.
"""

from collections.abc import Sequence

from labsim import factbook

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


def gb_seconds(requests: float, seconds: float, memory: float) -> float:
    """GB-s of so many requests, each of so many seconds with `memory` MB."""
    return requests * seconds * memory / MB


def bill(on_demand: Sequence[Sequence[float]] = (), on_provisioned: Sequence[Sequence[float]] = (),
         provisioned: Sequence[Sequence[float]] = (), free: bool = False, *,
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
