"""Closed-form results for queues, closed loops, retries and caches, to check models against and to
draw beside them.

`queues`: M/M/c, M/G/1, G/G/c; `impatience`: Erlang A, M/M/c/K; `priorities`: Cobham; `closed`:
users who think, machine repair, closed networks; `retries`: amplification, mean waits of each
backoff; `caches`: LRU and TTL.

Errors: `ValueError` naming the argument and value that is not allowed (negative, infinite, NaN, no
number); its kinds `NotApplicable` where a closed form says nothing, and of these `Unstable` where
there is no steady state.
"""

from labsim.errors import NotApplicable
from labsim.theory.arguments import Unstable
from labsim.theory.caches import characteristic_time, lru_hit_ratios, ttl_hit_ratios
from labsim.theory.closed import Loop, Station, closed_network, machine_repair
from labsim.theory.impatience import Finite, Impatience, erlang_a, mmck
from labsim.theory.priorities import cobham_waits
from labsim.theory.queues import (
    ekm1_wait_mean,
    erlang_b,
    erlang_c,
    ggc_wait_mean,
    kingman_wait_mean,
    md1_wait_mean,
    mg1_wait_mean,
    mmc_queue_mean,
    mmc_wait_mean,
    mmc_wait_quantile,
    utilization,
    wait_mean,
)
from labsim.theory.retries import amplification, backoff_mean, failed_share, layers_amplification

__all__ = [
    "Finite", "Impatience", "Loop", "NotApplicable", "Station", "Unstable", "amplification",
    "backoff_mean", "characteristic_time", "closed_network", "cobham_waits", "ekm1_wait_mean",
    "erlang_a", "erlang_b", "erlang_c", "failed_share", "ggc_wait_mean", "kingman_wait_mean",
    "layers_amplification", "lru_hit_ratios", "machine_repair", "md1_wait_mean", "mg1_wait_mean",
    "mmc_queue_mean", "mmc_wait_mean", "mmc_wait_quantile", "mmck", "ttl_hit_ratios",
    "utilization", "wait_mean"]
