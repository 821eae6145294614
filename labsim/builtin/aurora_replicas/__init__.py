"""Read load on Aurora replicas: why is one of them worn out while another one idles?

`params` holds the knobs, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.aurora_replicas import model, story
from labsim.builtin.aurora_replicas.exercises import EXERCISES
from labsim.builtin.aurora_replicas.params import AuroraReplicasParams
from labsim.declare import Lab

lab = Lab(
    home=Path(__file__).parent,
    slug="aurora-replicas", title="Read load on Aurora replicas", order=2,
    summary="The reader endpoint shares out connections, not reads: a new replica idles "
            "while an old one burns, and a failover lasts as long as clients remember the "
            "old name.",
    topics=("Aurora", "RDS"), Params=AuroraReplicasParams, simulate=model.simulate,
    estimate=model.estimate, points=model.TICKS, metrics=story.METRICS, presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("imbalance", "lost", "latency_p99", "cost_usd"),
    facts=("aurora.reader_lb_rule", "aurora.endpoint_ttl", "aurora.replicas_max",
           "rds.read_replicas_max", "aurora.replica_lag", "rds.replica_rule",
           "aurora.custom_endpoint_rule", "aurora.as_rule", "aurora.as_cooldown",
           "aurora.failover", "aurora.promotion_s", "aurora.failover_no_replica",
           "aurora.failover_tier_rule",
           "rds.multi_az_rule", "rds.multi_az_failover", "rds.pool_read_only_rule",
           "rds.tcp_gives_up", "rds.proxy_failover_gain", "rds.proxy_borrow_timeout",
           "aurora.copies", "aurora.quorum_rule"),
)
