"""A table with units by the second: what is a request charged, who is throttled, who pays?

`params` holds the knobs, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.dynamodb_capacity import model, story
from labsim.builtin.dynamodb_capacity.exercises import EXERCISES
from labsim.builtin.dynamodb_capacity.params import DynamodbCapacityParams
from labsim.declare import Lab

lab = Lab(
    home=Path(__file__).parent,
    slug="dynamodb-capacity", title="Capacity of a DynamoDB table", order=9,
    summary="Units by the second, a tank of five minutes, one hot key that no capacity helps, and "
            "three ways to pay for the same day.",
    topics=("DynamoDB", "DAX"), Params=DynamodbCapacityParams, simulate=model.simulate,
    estimate=model.estimate, points=model.TICKS, metrics=story.METRICS, presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("throttled", "failed", "hit_ratio", "cost_usd"),
    facts=("ddb.item_size_max_bytes", "ddb.capacity_mode_default", "ddb.rcu_bytes",
           "ddb.wcu_bytes", "ddb.read_arith", "ddb.write_arith", "ddb.query_arith",
           "ddb.batch_get", "ddb.partition_rcu_max", "ddb.partition_wcu_max",
           "ddb.replicas", "ddb.eventual_rule", "ddb.partition_size_bytes", "ddb.burst_window_s",
           "ddb.adaptive_rule", "ddb.split_rule", "ddb.split_s", "ddb.ondemand_first",
           "ddb.ondemand_double_rule", "ddb.read_p50_s", "ddb.write_p50_s",
           "ddb.ondemand_price_ratio", "ddb.autoscale_alarms", "ddb.autoscale_rule",
           "ddb.autoscale_zero", "ddb.decreases", "ddb.gsi_backpressure",
           "ddb.throttle_error", "dax.rule", "dax.ttl_default_s", "ddb.price_wcu_hour",
           "ddb.price_wru_million"),
)
