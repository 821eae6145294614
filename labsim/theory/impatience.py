"""Closed forms for customers who leave: after a while (Erlang A), or at once (M/M/c/K).

Poisson arrivals, `arrival_rate` per second; `servers` (c), exponential service, `service_time` s on
average. Both are birth-death chains: the share of time with n customers goes as the product, up to
n, of the rate at which one more comes over the rate at which one goes. Errors as in `queues`.
"""

from typing import NamedTuple

import numpy as np

from labsim.theory.arguments import check, check_above, check_whole

NEGLIGIBLE = -45.0      # logarithm of a weight, against the largest
BLOCK = 1_024           # states that are added at a time


class Impatience(NamedTuple):
    """abandoned: share of the customers who leave unserved. waiting: share who find all servers
    busy. queue_mean: customers in line. wait_mean: s in line, of all; wait_served: of the served.
    """

    abandoned: float
    waiting: float
    queue_mean: float
    wait_mean: float
    wait_served: float


class Finite(NamedTuple):
    """blocked: share of the customers who find no place. number_mean: customers there; queue_mean:
    of these, in line. wait_mean: s in line, of those who are let in."""

    blocked: float
    number_mean: float
    queue_mean: float
    wait_mean: float


def erlang_a(arrival_rate: float, service_time: float, servers: int,
             patience: float) -> Impatience:
    """M/M/c+M: who waits leaves after an exponential time, `patience` s on average. It has a steady
    state at any load.

    A customer who finds k in line is served with the probability c mu / (c mu + (k + 1) theta),
    theta = 1 / `patience`, and moves up, or leaves, after 1 / (c mu + (j + 1) theta) s on average
    at each place j. `ValueError`. Source: Palm, Tele 4 (1957); Garnett, Mandelbaum and Reiman,
    Manufacturing & Service Operations Management 4 (2002).
    """
    check_above(arrival_rate=arrival_rate, service_time=service_time, patience=patience)
    check_whole(servers=servers)
    states = servers + BLOCK
    while True:
        n = np.arange(1, states)
        goes = np.minimum(n, servers) / service_time + np.maximum(n - servers, 0) / patience
        weight = np.concatenate([[0.0], np.cumsum(np.log(arrival_rate / goes))])
        if arrival_rate < goes[-1] and weight[-1] < weight.max() + NEGLIGIBLE:
            break
        states *= 2
    p = np.exp(weight - weight.max())
    p /= p.sum()
    line = p[servers:]          # all servers busy, so many in line
    ahead = np.arange(len(line))
    moves = servers / service_time + (ahead + 1) / patience
    served = line * (servers / service_time) / moves
    queue = float(line @ ahead)
    return Impatience(queue / patience / arrival_rate, float(line.sum()), queue,
                      queue / arrival_rate,
                      float(served @ np.cumsum(1.0 / moves)) / float(p[:servers].sum()
                                                                     + served.sum()))


def mmck(arrival_rate: float, service_time: float, servers: int, places: int) -> Finite:
    """M/M/c/K: `places` (K) in all, at the servers and in line; who finds none goes away at once.
    With as many as servers it is Erlang B's. It has a steady state at any load.

    `ValueError`. Source: Gross and Harris, Fundamentals of Queueing Theory (1998), ch. 2.
    """
    check(arrival_rate=arrival_rate)
    check_above(service_time=service_time)
    check_whole(servers=servers)
    check_whole(servers, places=places)
    if arrival_rate == 0:
        return Finite(0.0, 0.0, 0.0, 0.0)
    n = np.arange(places + 1)
    weight = np.concatenate([[0.0], np.cumsum(
        np.log(arrival_rate * service_time / np.minimum(n[1:], servers)))])
    p = np.exp(weight - weight.max())
    p /= p.sum()
    queue = float(p @ np.maximum(n - servers, 0))
    let_in = float(p[:-1].sum())
    return Finite(float(p[-1]), float(p @ n), queue, queue / (arrival_rate * let_in))
