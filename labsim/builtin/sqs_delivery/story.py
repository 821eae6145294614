"""What the lab `sqs-delivery` measures, tells, draws and guarantees."""

from labsim import declare as kit
from labsim import theory
from labsim.builtin.sqs_delivery.timeline import CHANGE, LATE, RECEIVE, REPEAT, WAITS
from labsim.declare import Box, Count, Line, Link, Panel, Preset
from labsim.services.sqs import Client, Consumers, MessageQueue
from labsim.services.sqs.order import DEAD, DELAYED, DELETED, EXPIRED, IN_FLIGHT, VISIBLE

METRICS = (
    Count("offered", "messages", "messages that the producer wanted to send, each once", "",
          lambda o: len(o.items.made), aliases=("made",)),
    *kit.of_part("queue", MessageQueue.METRICS),
    Count("dead_letters_end", "messages", "messages kept in the dead-letter queue at the end", "",
          lambda o: o.dead_letters.count[VISIBLE] if o.dead_letters else 0),
    *kit.of_part("consumers", Consumers.METRICS),
    *kit.of_part("client", Client.METRICS),
    kit.Metric("cost_usd", "USD", "the requests as billed", "lower", kit.Outcome.total_cost),
)

SLOW = {"slow_share": 0.15, "slow_factor": 8, "consumers": 3}
CRASHES = {"crash_share": 0.25, "consumers": 3}
POISON = {"poison_share": 0.15, "messages": 20, "visibility_timeout": 20}
DOOR = {"queue_type": "fifo", "messages": 1_000, "arrival_rate": 500, "groups": 100,
        "service_time": 0.01, "consumers": 8, "receive_batch": 10, "delete_batch": True,
        "wait_time": 20, "duration": 2}
QUIET = {"messages": 10, "arrivals": "random", "arrival_rate": 0.003, "duration": 3_600,
         "service_time": 90, "visibility_timeout": 120}

TWICE = ("duplicates", "wasted_work_s", "redelivered", "latency_p95")
BACK = ("completed", "redelivered", "duplicates", "latency_p95")
ROUND = ("redelivered", "dead_lettered", "wasted_work_s", "completed")
POLLS = ("empty_receives", "api_calls", "latency_p95", "cost_usd")
THROUGH = ("sent", "completed", "send_calls", "latency_p95")


def burst(p, t: float) -> dict:
    """A third as many as come in the whole run, all at once."""
    return {"burst_size": min(p.burst_size + max(p.to_make // 3, 5), 1_000_000),
            "burst_start": round(min(t, 0.9 * p.duration), 2)}


PRESETS = (
    Preset(
        "Receive, work, delete",
        "A slip is taken and turned face down, the dish is cooked, the slip is spiked. "
        "Nothing goes wrong.",
        headline=("completed", "duplicates", "latency_p95", "cost_usd"),
        hand=("arrival_rate", "consumers", "service_time", "visibility_timeout")),
    Preset(
        "Visibility timeout too short",
        "Some dishes take longer than the slip stays face down: it turns up again, and a "
        "second cook begins the same dish.",
        SLOW, TWICE, ("visibility_timeout", "heartbeat")),
    Preset(
        "Heartbeat",
        "The same dishes, but a cook calls out every ten seconds: each call hides the slip "
        "for thirty more.",
        {**SLOW, "heartbeat": 10}, TWICE, ("visibility_timeout",)),
    Preset(
        "Consumers crash",
        "Cooks walk out in the middle of a dish. Nobody tells the queue; only the timeout "
        "brings the slip back.",
        CRASHES, BACK, ("visibility_timeout", "restart_time")),
    Preset(
        "Long visibility timeout",
        "The same crashes with a long timeout: no dish is cooked twice, but what was lost "
        "waits for minutes.",
        {**CRASHES, "visibility_timeout": 90}, BACK, ("restart_time",), 70),
    Preset(
        "Poison messages",
        "Some dishes fail every time. Their slips go round and round, for as long as the "
        "retention lasts.",
        POISON, ROUND, ("dead_letters", "retention", "visibility_timeout")),
    Preset(
        "Dead-letter queue",
        "The same with a dead-letter queue: the fourth receive moves the slip aside.",
        {**POISON, "dead_letters": True, "max_receives": 3}, ROUND, ("visibility_timeout",), 145),
    Preset(
        "Ten in a receive",
        "Ten slips in one hand, cooked one by one: the last of them turn up again before they "
        "have been begun.",
        {"receive_batch": 10, "arrivals": "at once", "wait_time": 20, "consumers": 4},
        TWICE, ("visibility_timeout", "service_time")),
    Preset(
        "In-flight limit",
        "Nobody spikes a slip. When as many lie face down as the rail allows, whoever looks is "
        "sent away with an error.",
        {"arrivals": "at once", "messages": 60, "poison_share": 1, "consumers": 8,
         "visibility_timeout": 90, "in_flight_limit": 20, "poll_pause": 1},
        ("throttled", "in_flight_max", "completed", "redelivered"), ("visibility_timeout",)),
    Preset(
        "At-least-once delivery",
        "Now and then the queue itself hands out a slip twice, and it promises no order "
        "either: the cooks must cope with both.",
        {"arrivals": "at once", "consumers": 4, "duplicate_share": 0.3, "order_window": 4,
         "wait_time": 20, "duration": 120},
        ("duplicates", "out_of_order", "redelivered", "completed"),
        ("duplicate_share", "order_window", "queue_type"), 25),
    Preset(
        "FIFO message groups",
        "A FIFO queue: the slips of one table in order. A poisoned slip shuts its table until "
        "it is moved aside.",
        {**POISON, "queue_type": "fifo", "dead_letters": True, "max_receives": 3},
        ("completed", "dead_lettered", "out_of_order", "latency_p95"), ("groups",), 160),
    Preset(
        "FIFO backlog",
        "Half of the slips are of one table, which a bad one has shut. The rail is looked at only "
        "so far: once that part is full, the other tables' slips hang behind and are not seen.",
        {"queue_type": "fifo", "messages": 200, "arrival_rate": 1, "groups": 5, "hot_group": 0.5,
         "poison_share": 0.05, "fifo_scan": 20, "consumers": 6, "service_time": 2,
         "wait_time": 20}, ("completed", "queue_end", "redelivered", "oldest_age_max"),
        ("fifo_scan", "hot_group", "dead_letters")),
    Preset(
        "FIFO deduplication",
        "The producer repeats some sends. A FIFO queue drops the repeat, unless it comes "
        "after five minutes.",
        {"queue_type": "fifo", "resend_share": 0.3, "resend_after": 20},
        ("deduplicated", "completed", "duplicates"), (), 90),
    Preset(
        "Delay queue",
        "A delay queue: each slip is hung up face down, some for longer.",
        {"delay": 30, "delayed_share": 0.3, "message_delay": 90},
        ("latency_mean", "latency_p95", "completed")),
    Preset(
        "Short polling",
        "A quiet hour and short polls: two cooks walk to the rail and back, hundreds of "
        "thousands of times.",
        QUIET, POLLS, ("wait_time", "consumers")),
    Preset(
        "Long polling",
        "The same hour with long polls: a few hundred calls, and nobody waits longer.",
        {**QUIET, "wait_time": 20}, POLLS, ("consumers",)),
    Preset(
        "FIFO throughput limit",
        "A FIFO queue takes so many calls per second and no more: the producer falls behind.",
        DOOR, THROUGH, ("send_batch", "fifo_rate", "arrival_rate")),
    Preset(
        "Batches of ten",
        "The same door, ten messages in each call.",
        {**DOOR, "send_batch": 10}, THROUGH, ("fifo_rate", "arrival_rate")),
)

def little(p) -> float:
    """Messages in flight on average while the producer sends: rate x time held."""
    troubles = {"crashes": p.crash_share, "poison": p.poison_share, "slow ones": p.slow_share,
                "copies": p.duplicate_share, "repeats": p.resend_share}
    if p.traced:
        raise kit.NotApplicable("the rate changes")
    if there := [name for name, share in troubles.items() if share]:
        raise kit.NotApplicable(f"there are {' and '.join(there)}")
    if p.traced:
        raise kit.NotApplicable("messages come as a file says")
    if p.burst_size or p.arrivals == "at once" or p.receive_batch > 1 or p.queue_type == "fifo":
        raise kit.NotApplicable("messages come at once, are received together, or wait for a group")
    theory.utilization(p.arrival_rate, p.service_time + 2 * p.call_time, max(p.consumers, 1))
    if p.service_time > p.visibility_timeout or not p.consumers:
        raise kit.NotApplicable("messages come back, or nobody receives them")
    return p.arrival_rate * (p.service_time + p.call_time)


PANELS = (
    Panel("Each message's way", bars=(WAITS, IN_FLIGHT, LATE, DELAYED),
          moments=(RECEIVE, DELETED, DEAD, EXPIRED, CHANGE, REPEAT)),
    Panel("In the queue", (
        Line("visible", "queue", step=True), Line("in flight", "in_flight", step=True),
        Line("unsent", "unsent", step=True),
        Line("in flight at most", limit=lambda p: p.in_flight_limit
             if p.in_flight_limit <= p.to_make else None)),
        marks=("crash",), theory=kit.Theory("Little's law", little)),
    Panel("API calls", (
        Line("in vain", "empty_calls"), Line("others", "other_calls"))),
)

BOXES = (
    Box("Producer", (0, 0), (("sends", "sends"), ("unsent", "unsent")), burst=burst),
    Box("SQS queue", (1, 0), (("visible", "queue"), ("in flight", "in_flight"),
                              ("delayed", "delayed"))),
    Box("Consumers", (2, 0), (("at work", "working"), ("down", "down"),
                              ("polls in vain/s", "empty_calls")),
        bars=("busy", "consumers")),
    Box("Done", (3, 0), (("deleted", "deleted"),)),
    Box("Repeats dropped", (0, 1), (("/s", "deduplicated_rate"),), alarm="deduplicated_rate"),
    Box("Dead letters", (1, 1), (("kept", "dead_letters_kept"),), alarm="dead_letters_kept"),
    Box("Done again", (3, 1), (("/s", "duplicates_rate"),), alarm="duplicates_rate"),
)
LINKS = (
    Link("Producer", "SQS queue", "send", flows=(("sent", "sent"),)),
    Link("SQS queue", "Repeats dropped", flows=(("deduplicated", "lost"),)),
    Link("SQS queue", "Consumers", flows=(("received_first", "sent"), ("redelivered", "retried"))),
    Link("Consumers", "SQS queue", flows=(("returned", "waiting"),)),
    Link("Consumers", "Done", "delete", flows=(("deleted", "served"),)),
    Link("Consumers", "Done again", flows=(("duplicates", "lost"),)),
    Link("SQS queue", "Dead letters", "too often", control=True,
         flows=(("dead_lettered", "lost"),)),
)

INVARIANTS = (
    *MessageQueue.INVARIANTS, *Consumers.INVARIANTS,
    kit.Invariant("no more in flight than allowed", lambda r: bool(
        (r.series["in_flight"].value <= r.params.in_flight_limit).all())),
    kit.Invariant("FIFO drops repeats only, standard none", lambda r: r.summary[
        "deduplicated"] <= (r.summary["offered"] if r.params.queue_type == "fifo" else 0)),
    kit.Invariant("a dead letter was received as often as allowed", lambda r: r.summary[
        "received"] >= r.summary["dead_lettered"] * r.params.max_receives),
    kit.Invariant("no message grows older than the retention", lambda r: r.summary[
        "oldest_age_max"] <= r.params.retention * (1 + 1e-9)),
    kit.Invariant("empty and refused receives are receives", lambda r: r.summary[
        "empty_receives"] + r.summary["throttled"] <= r.summary["receive_calls"]),
)
