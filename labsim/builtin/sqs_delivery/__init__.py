"""One SQS message at a time: who gets it, when does it come back, and how often is it done?

`params` holds the knobs, `model` the simulation (read that first), `timeline` what is drawn of each
message's life, `by_hand` the queue alone, `story` what is measured, told and drawn, `exercises` the
questions.
"""

from pathlib import Path

from labsim.builtin.sqs_delivery import model, story
from labsim.builtin.sqs_delivery.exercises import EXERCISES
from labsim.builtin.sqs_delivery.params import SqsDeliveryParams
from labsim.declare import Lab

lab = Lab(
    home=Path(__file__).parent,
    slug="sqs-delivery", title="What becomes of an SQS message", order=5,
    summary="Follow each message of a queue: hidden, back again, done twice, dead-lettered, in "
            "order or not; and what polling costs.",
    topics=("SQS",), Params=SqsDeliveryParams, simulate=model.simulate,
    estimate=model.estimate, metrics=story.METRICS, presets=story.PRESETS, panels=story.PANELS,
    boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS, exercises=EXERCISES,
    headline=("duplicates", "latency_p95", "empty_receives", "cost_usd"),
    facts=("sqs.visibility_default_s", "sqs.visibility_max_s", "sqs.visibility_change_rule",
           "sqs.at_least_once", "sqs.receive_count_rule", "sqs.dlq_rule",
           "sqs.dlq_timestamp_standard", "sqs.dlq_timestamp_fifo", "sqs.delay_default_s",
           "sqs.delay_max_s", "sqs.delay_fifo_rule", "sqs.long_poll_max_s", "sqs.long_poll_rule",
           "sqs.short_poll_rule", "sqs.receive_max_messages", "sqs.batch_entries_max",
           "sqs.inflight_max_standard", "sqs.inflight_max_fifo", "sqs.fifo_tps",
           "sqs.fifo_msgs_batched",
           "sqs.fifo_partition_rule", "sqs.fifo_group_lock", "sqs.fifo_batch_rule",
           "sqs.fifo_scan_messages", "sqs.fifo_dedup_window_s",
           "sqs.fifo_content_dedup", "sqs.retention_default_s", "sqs.retention_min_s",
           "sqs.retention_max_s", "sqs.message_size_max_bytes", "sqs.publish_latency_ms",
           "sqs.call_s"),
)
