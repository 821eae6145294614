"""Viewers all over the world: edges, dates on copies, and what an ocean costs.

`params` holds the knobs, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.cloudfront_cache import model, story
from labsim.builtin.cloudfront_cache.exercises import EXERCISES
from labsim.builtin.cloudfront_cache.params import CloudfrontCacheParams
from labsim.declare import Lab, with_theory

lab = Lab(
    home=Path(__file__).parent,
    slug="cloudfront-cache", title="Copies all over the world", order=11,
    summary="Who prints the date on a copy, how many edges share the viewers and who may serve "
            "them decide how near, how old and how dear each byte is.",
    topics=("CloudFront", "Lambda@Edge", "S3"), Params=CloudfrontCacheParams,
    simulate=model.simulate, estimate=model.estimate, points=model.TICKS,
    metrics=with_theory(story.METRICS, offload=story.OFFLOAD),
    presets=story.PRESETS, panels=story.PANELS, boxes=story.BOXES, links=story.LINKS,
    invariants=story.INVARIANTS, exercises=EXERCISES,
    headline=("offload", "latency_p95", "stale_share", "month_usd"),
    facts=("cf.pops", "cf.default_ttl", "cf.ttl_rule", "cf.cache_key_rule", "cf.evict_rule",
           "cf.shield_rule", "cf.collapse_rule",
           "cf.stale_rule", "cf.error_ttl_s", "cf.origin_connect", "cf.response_timeout_s",
           "cf.origin_failover_rule", "cf.invalidation_free", "cf.invalidation_price",
           "cf.versioned_rule", "cf.signed_url_rule", "cf.price_classes", "cf.out_us",
           "cf.out_asia", "cf.out_south_america", "s3.out_us", "cf.free_tb", "cf.origin_price",
           "cf.oai", "cf.max_file", "cf.rate_quota", "lambda_edge.event_types",
           "lambda_edge.timeout_s", "lambda_edge.rps", "s3.replication_rule",
           "s3.replication_delay", "s3.rtc", "regions.us_europe", "regions.us_asia",
           "regions.us_south_america", "regions.europe_asia", "regions.europe_south_america",
           "regions.asia_south_america"),
)
