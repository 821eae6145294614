"""Shard throughput: how many shards does a stream need, which keys spoil it, and what does a
consumer's absence cost?

`params` holds the parameters, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.kinesis_shards import model, story
from labsim.builtin.kinesis_shards.exercises import EXERCISES
from labsim.builtin.kinesis_shards.params import KinesisShardsParams
from labsim.declare import Lab

lab = Lab(
    home=Path(__file__).parent,
    slug="kinesis-shards", title="Shard throughput of a Kinesis stream", order=3,
    summary="A key is always one shard's: one hot key throttles while other shards idle, "
            "and a consumer that was away catches up slowly.",
    topics=("Kinesis Data Streams",), Params=KinesisShardsParams, simulate=model.simulate,
    estimate=model.estimate, points=model.TICKS, metrics=story.METRICS, presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("incomplete", "expired", "iterator_age_max", "cost_usd"),
    facts=("kinesis.shard_write_bytes_per_s", "kinesis.shard_write_records_per_s",
           "kinesis.record_size_max_bytes", "kinesis.hash_rule", "kinesis.put_records_max",
           "kinesis.put_records_bytes_max", "kinesis.put_records_partial",
           "kinesis.put_record_rounding", "kinesis.kpl_aggregation_bytes",
           "kinesis.read_bytes_per_s_shared", "kinesis.get_records_tps",
           "kinesis.get_records_bytes_max", "kinesis.poll_interval_s",
           "kinesis.poll_throttle_rule",
           "kinesis.efo_bytes_per_s", "kinesis.latency_shared_one_ms", "kinesis.latency_efo_ms",
           "kinesis.mapping_p50_ms", "kinesis.mapping_efo_p50_ms",
           "kinesis.retention_default_h", "kinesis.retention_max_h", "kinesis.iterator_age_rule",
           "kinesis.shard_count_formula", "kinesis.split_rule", "kinesis.reshard_s",
           "kinesis.ondemand_initial_write", "kinesis.ondemand_double_rule",
           "kinesis.ondemand_split_rule", "kinesis.ondemand_split_s",
           "kinesis.price_shard_hour", "kinesis.price_put_unit_million"),
)
