"""Request rates per prefix: how do keys have to begin so that S3 keeps up, and what does a retry
do to a bucket that doesn't?

`params` holds the parameters, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.s3_prefix import model, story
from labsim.builtin.s3_prefix.exercises import EXERCISES
from labsim.builtin.s3_prefix.params import S3PrefixParams
from labsim.declare import Lab, with_theory

lab = Lab(
    home=Path(__file__).parent,
    slug="s3-prefix", title="Request rates per S3 prefix", order=4,
    summary="Keys decide how many partitions share the load; retries come back in waves, "
            "and a KMS quota waits behind them.",
    topics=("S3", "KMS", "SDK retry"), Params=S3PrefixParams, simulate=model.simulate,
    estimate=model.estimate, points=model.TICKS,
    metrics=with_theory(story.METRICS, goodput=story.ALLOWED), presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("throttled", "failed", "latency_p99", "cost_usd"),
    facts=("s3.get_rate_per_prefix", "s3.put_rate_per_prefix", "s3.prefix_rule", "s3.split_time",
           "s3.partition_time_s", "s3.cooling_time_s", "s3.new_prefix_rule", "s3.key_range_rule",
           "s3.warming_start", "s3.warming_end", "s3.slowdown_rule", "s3.latency",
           "s3.get_first_byte_p50_s", "s3.get_first_byte_p99_s", "s3.put_first_byte_p50_s",
           "s3.put_first_byte_p99_s", "s3.byte_range_size", "s3.kms_rule", "s3.bucket_key",
           "kms.rate_default", "kms.rate_mid", "kms.rate_big", "kms.throttle_rule",
           "sdk.standard_attempts", "sdk.full_jitter", "sdk.quota_rule", "s3.request_price"),
)
