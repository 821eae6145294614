"""What a DynamoDB table tells of itself: metrics, panels, and what always holds.

Picture the dials on the front of a machine, and the plate that says which readings can't be.

*Models:* requests, units, throttles, partitions, times of a `table.Table`, and its curves.
*Leaves out:* times by the hour.
"""

import numpy as np

from labsim.declare import (
    CLIENT_METRICS,
    MOST_BARS,
    Count,
    Invariant,
    Line,
    Metric,
    Panel,
    bars,
    per_tick,
)
from labsim.services.dynamodb import rules

READ, WRITE = 0, 1
OPS = "reads", "writes"


def saved(r) -> bool:
    """Whether reads and writes never used more in a tick than the capacity then, and what the tank
    held at its start."""
    tick = r.series["used_writes"].t[1]
    for op in OPS:
        used, capacity, tank = (r.series[name].value for name in (
            f"used_{op}", f"{op[:-1]}_capacity", f"burst_{op}"))
        most = capacity[1:] * tick + tank[:-1]
        if (used[1:] * tick > most * (1 + 1e-9) + 1e-6).any():
            return False
    return True


METRICS = (
    Count("reads_offered", "requests", "reads that came", value=lambda t: t.offered[READ]),
    Count("writes_offered", "requests", "writes that came", value=lambda t: t.offered[WRITE]),
    Count("completed", "requests", "requests that the table served", "higher",
          lambda t: t.fates[0], aliases=("served",)),
    Count("throttled", "attempts", "attempts that were throttled", "lower",
          lambda t: (t.throttled.sum(axis=0) + t.heard[:, 1]).sum()),
    Count("throttled_reads", "attempts", "reads among them", "lower",
          lambda t: t.throttled[:, READ].sum() + t.heard[READ, 1]),
    Count("throttled_writes", "attempts", "writes among them", "lower",
          lambda t: t.throttled[:, WRITE].sum() + t.heard[WRITE, 1]),
    Count("throttled_by_gsi", "attempts", "writes throttled because of the index", "lower",
          lambda t: t.held_up.sum(), aliases=("held_up",), label="throttled for the index"),
    Count("retries", "attempts", "attempts beyond the first", "lower", lambda t: t.retried),
    Count("failed", "requests", "requests given up after their last attempt", "lower",
          lambda t: t.fates[1]),
    Count("waiting_end", "requests", "requests that came last, or wait to be tried again, at the "
          "end", value=lambda t: t.fates[2]),
    Metric("read_units", "units", "read units consumed", value=lambda t: t.used[READ]),
    Metric("write_units", "units", "write units consumed", value=lambda t: t.used[WRITE]),
    Metric("read_utilization", "of capacity", "read units consumed, of those allowed",
           value=lambda t: t.utilization(READ)),
    Metric("write_utilization", "of capacity", "write units consumed, of those allowed",
           value=lambda t: t.utilization(WRITE)),
    Metric("latency_p50", "s", "half of the answers come within this, waits included", "lower",
           lambda t: t.latency.p50),
    Metric("latency_p99", "s", "99 of 100 answers come within this, waits included", "lower",
           lambda t: t.latency.p99),
    Count("partitions", "partitions", "partitions of the table at the end",
          value=lambda t: t.parts),
    Metric("partition_load_max", "of limit", "most that was asked of a partition in a second",
           "lower", lambda t: t.load.max(), aliases=("busiest",), label="busiest partition's load"),
    Metric("read_capacity_end", "units/s", "read units allowed at the end",
           value=lambda t: t.allowed[-1, READ]),
    Metric("write_capacity_end", "units/s", "write units allowed at the end",
           value=lambda t: t.allowed[-1, WRITE]),
    Count("attempts", "attempts", "requests offered and retries made", "lower",
          lambda t: t.attempted.sum() + t.attempts.stopped.sum() + t.on_its_way.sum()),
    Count("errors", "attempts", "attempts that failed since something was broken", "lower",
          lambda t: t.erred.sum() + t.heard[:, 2].sum()),
    *CLIENT_METRICS)
PANELS = (
    Panel("Reads", (
        Line("asked for", "asked_reads"), Line("used", "used_reads"),
        Line("capacity", "read_capacity", step=True))),
    Panel("Writes", (
        Line("asked for", "asked_writes"), Line("used", "used_writes"),
        Line("capacity", "write_capacity", step=True))),
    Panel("Throttled", (
        Line("reads", "throttled_reads_rate"), Line("writes", "throttled_writes_rate"))),
    Panel("Busiest partition", (
        Line("asked of it", "partition_load"), Line("limit", limit=lambda p: 1)), unit="of limit"))
INVARIANTS = (
    Invariant("offered = completed + failed + waiting", lambda r: (
        r.summary["reads_offered"] + r.summary["writes_offered"]
        == r.summary["completed"] + r.summary["failed"] + r.summary["waiting_end"])),
    Invariant("never more than capacity and what was saved of it", saved),
    Invariant("never more than the partitions can do", lambda r: bool(
        (r.series["used_writes"].value <= r.series["partitions"].value * rules.PARTITION_WRITES
         * (1 + 1 / r.series["used_writes"].t[1]) * (1 + 1e-9)).all())))


def series(table) -> dict[str, tuple[np.ndarray, str]]:
    """Units and requests per second, what is in the tanks, and how loaded partitions are; in
    `load00`, ... the busiest of each of as many groups of neighbours as a box has columns."""
    tick, throttled = table.sim.tick, table.throttled / table.sim.tick
    tank = np.vstack([table.burst_first, table.burst_left])
    groups = np.array_split(table.load.max(axis=1), min(MOST_BARS, table.parts), axis=1)
    rates = {
        **{f"{op}_offered_rate": table.arrived[:, i] / tick for i, op in enumerate(OPS)},
        **{f"throttled_{op}_rate": throttled[:, i] for i, op in enumerate(OPS)},
        "throttled_rate": table.throttled.sum(axis=1) / tick,
        "throttled_by_gsi_rate": table.held_up / tick}
    units = {f"{what}_{op}": values[:, i] for i, op in enumerate(OPS)
             for what, values in (("asked", table.attempted * table.units / tick),
                                  ("used", table.consumed))}
    units |= {"read_capacity": table.allowed[:, READ], "write_capacity": table.allowed[:, WRITE]}
    return {
        **{name: per_tick(values, "req/s") for name, values in rates.items()},
        **{name: per_tick(values, "units/s") for name, values in units.items()},
        **{f"burst_{op}": (tank[:, i], "units") for i, op in enumerate(OPS)},
        "burst": (tank.min(axis=1), "units"),
        "partitions": per_tick(table.parts_then, "partitions"),
        "partition_load": per_tick(table.load.max(axis=(1, 2)), "of limit"),
        **bars("load", [group.max(axis=1) for group in groups])}
