"""A function at a crowd: how many copies does it take, who gets none, and what do callers then do?

`params` holds the knobs, `model` the simulation (read that first), `by_hand` its parts alone,
`story` what is measured, told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.lambda_concurrency import model, story
from labsim.builtin.lambda_concurrency.exercises import EXERCISES
from labsim.builtin.lambda_concurrency.params import LambdaConcurrencyParams
from labsim.declare import Lab, with_theory

lab = Lab(
    home=Path(__file__).parent,
    slug="lambda-concurrency", title="A function and a crowd", order=8,
    summary="Concurrency is rate times duration; beyond the limit a function is throttled, and "
            "each kind of caller takes that in its own way.",
    topics=("Lambda", "API Gateway"), Params=LambdaConcurrencyParams, simulate=model.simulate,
    estimate=model.estimate, points=model.POINTS,
    metrics=with_theory(story.METRICS, concurrency_mean=story.UNDER_WAY,
                        throttled_share=story.TURNED_AWAY),
    presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("failed", "latency_p99", "cold_starts", "cost_usd"),
    facts=("lambda.timeout_max_s", "lambda.timeout_default_s", "lambda.memory_max_mb",
           "lambda.memory_min_mb", "lambda.mb_per_vcpu", "lambda.tmp_default_mb",
           "lambda.concurrency_account", "lambda.concurrency_formula", "lambda.rps_rule",
           "lambda.scaling_rate", "lambda.reserved_unreserved_min", "lambda.reserved_zero_rule",
           "lambda.provisioned_rate", "lambda.cold_start_rule", "lambda.cold_start",
           "lambda.cold_start_python_s", "lambda.cold_start_nodejs_s", "lambda.cold_start_ruby_s",
           "lambda.cold_start_go_s", "lambda.cold_start_java_s", "lambda.cold_start_dotnet_s",
           "lambda.cold_start_dotnet_work", "lambda.cold_start_package_s", "lambda.idle",
           "lambda.environment_idle_s", "lambda.environment_spare_s",
           "lambda.environment_early_share", "lambda.environment_life_s",
           "lambda.environment_life_min_s", "lambda.environment_life_max_s",
           "lambda.environment_loss_s", "lambda.init_billed", "lambda.throttle_status",
           "lambda.async_retries", "lambda.async_waits", "lambda.async_backoff",
           "lambda.esm_sqs_start", "lambda.esm_sqs_ramp", "lambda.esm_sqs_max",
           "lambda.esm_sqs_idle_rule", "lambda.esm_sqs_back_off", "lambda.esm_sqs_throttle_rule",
           "lambda.delivery_sqs_p50_ms", "lambda.delivery_async_p50_ms", "kinesis.mapping_p50_ms",
           "kinesis.mapping_efo_p50_ms", "lambda.esm_sqs_visibility_least",
           "lambda.esm_sqs_visibility_rule", "lambda.esm_sqs_max_concurrency_min",
           "lambda.esm_sqs_max_concurrency_max", "lambda.esm_batch_max",
           "lambda.esm_sqs_windowless", "lambda.esm_window_max_s", "lambda.esm_stream_retry_rule",
           "lambda.esm_stream_bisect_rule", "lambda.esm_stream_age_min_s",
           "lambda.esm_stream_age_max_s", "apigw.rate_account", "apigw.burst_account",
           "apigw.token_bucket_rule", "apigw.timeout_max_s", "apigw.cache_ttl_default_s"),
)
