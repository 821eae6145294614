"""What an Amazon SQS queue measures and draws, and what holds for it whatever happens.

Picture the slate beside the counter: how many have come, how many wait, how long, what was lost.

*Models:* the metrics, panels and laws of `sqs.Queue`. *Leaves out:* how they come about (`queue`).
"""

from labsim.declare import Count, Line, Metric, Panel, conserved

METRICS = (
    Count("offered", "messages", "messages sent to the queue, a backlog at the start included",
          "", lambda q: q.backlog + q.record.total("offered"), aliases=("arrived",)),
    Count("completed", "messages", "messages worked on and deleted", "higher",
          lambda q: q.record.total("completed"), aliases=("processed",)),
    Count("queue_end", "messages", "messages still visible at the end", "lower",
          lambda q: q.told["queue"][0][-1], aliases=("backlog_end",)),
    Count("in_flight_end", "messages", "messages received but not deleted at the end", "",
          lambda q: q.told["in_flight"][0][-1]),
    Count("queue_max", "messages", "most visible messages at a recorded instant", "lower",
          lambda q: q.told["queue"][0].max(), aliases=("backlog_max",)),
    Metric("wait_mean", "s", "mean time from arrival to the start of work", "lower",
           lambda q: q.waits.mean() if len(q.waits) else 0.0),
    Metric("wait_p50", "s", "half of the messages wait no longer than this", "lower",
           lambda q: q.wait_quantiles[50]),
    Metric("wait_p95", "s", "19 of 20 messages wait no longer than this", "lower",
           lambda q: q.wait_quantiles[95]),
    Metric("wait_p99", "s", "99 of 100 messages wait no longer than this", "lower",
           lambda q: q.wait_quantiles[99]),
    Metric("oldest_age_max", "s", "largest age of a message not yet deleted", "lower",
           lambda q: q.oldest_age_max()),
    Count("redelivered", "messages", "messages lost with an instance and received again",
          "lower", lambda q: q.told["returned"][0][-1]),
    Count("dead_lettered", "messages", "messages that went to the dead-letter queue", "lower",
          lambda q: q.record.total("dead")),
    Count("expired", "messages", "messages dropped unread, for they were too old", "lower",
          lambda q: q.record.total("expired"), label="expired unread"),
    Count("failed", "messages", "messages that the queue refused while it was down", "",
          lambda q: q.record.total("failed")),
    Count("stale", "messages", "messages worked on for senders who had given up", "lower",
          lambda q: q.record.total("stale")))
PANELS = (
    Panel("Messages per second", (Line("offered", "offered_rate"),
                                           Line("completed", "completed_rate"))),
    Panel("Queue", (Line("visible", "queue"), Line("in flight", "in_flight"))),
    Panel("Wait until work starts", (Line("mean wait", "wait"),)))
INVARIANTS = (conserved("offered", "completed", "queue", "in_flight", "dead_lettered",
                        "expired", "failed"),)
