"""Closed forms for customers of several ranks, of whom the higher one is served first."""

from collections.abc import Sequence

from labsim.theory.arguments import check_above, check_rates
from labsim.theory.queues import erlang_c, utilization


def cobham_waits(arrival_rates: Sequence[float], service_time: float,
                 servers: int = 1) -> tuple[float, ...]:
    """Mean wait of each rank, s, the first before the others, in M/M/c without preemption and with
    the same service for all: W_k = C / (c mu) / ((1 - sigma_k-1) (1 - sigma_k)), C of `erlang_c`,
    sigma_k the utilization by the ranks up to k.

    `Unstable`, `ValueError`. Source: Cobham, Operations Research 2 (1954); Kella and Yechiali,
    Naval Research Logistics 32 (1985).
    """
    rates = check_rates(arrival_rates)
    check_above(service_time=service_time)
    utilization(float(rates.sum()), service_time, servers)
    behind = erlang_c(servers, float(rates.sum()) * service_time) * service_time / servers
    waits, before = [], 0.0
    for rate in rates.tolist():
        upto = before + rate * service_time / servers
        waits.append(behind / ((1.0 - before) * (1.0 - upto)))
        before = upto
    return tuple(waits)
