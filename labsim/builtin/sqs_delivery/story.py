"""What the lab `sqs-delivery` measures, tells, draws and guarantees."""

from labsim import theory
from labsim.builtin.sqs_delivery.timeline import CHANGE, LATE, RECEIVE, REPEAT, WAITS
from labsim.declare import (
    COST_ADDS_UP,
    Box,
    Invariant,
    Line,
    Link,
    Metric,
    NotApplicable,
    Panel,
    Preset,
    Theory,
)
from labsim.services.sqs.order import DEAD, DELAYED, DELETED, EXPIRED, IN_FLIGHT

METRICS = (
    Metric("made", "messages", "messages that the producer wanted to send, each once"),
    Metric("sent", "messages", "messages in the queue by now, deleted ones among them"),
    Metric("deduplicated", "messages", "sends that a FIFO queue accepted and dropped"),
    Metric("deleted", "messages", "messages deleted", "higher"),
    Metric("dead_lettered", "messages", "messages moved to the dead-letter queue", "lower"),
    Metric("expired", "messages", "messages that grew older than the retention", "lower"),
    Metric("visible_end", "messages", "messages still visible at the end", "lower"),
    Metric("in_flight_end", "messages", "messages received but not deleted at the end"),
    Metric("delayed_end", "messages", "messages whose delay has not ended at the end"),
    Metric("dead_letters_end", "messages", "messages kept in the dead-letter queue at the end"),
    Metric("receives", "messages", "messages that receives returned, repeats counted"),
    Metric("received_again", "messages", "of these, not the first of their message", "lower"),
    Metric("done", "messages", "messages whose work was done, each once", "higher"),
    Metric("done_again", "messages", "times that work was done that had been done before",
           "lower"),
    Metric("wasted_work", "s", "consumers' time spent on work that failed, broke off or was a "
           "repeat", "lower"),
    Metric("out_of_order", "messages", "messages begun after a later one (of their group)",
           "lower"),
    Metric("in_flight_max", "messages", "most messages in flight at a recorded instant"),
    Metric("wait_mean", "s", "mean time from visible to the first receive", "lower"),
    Metric("wait_p95", "s", "19 of 20 messages wait no longer than this", "lower"),
    Metric("latency_mean", "s", "mean time from made to done for the first time", "lower"),
    Metric("latency_p95", "s", "19 of 20 messages are done within this", "lower"),
    Metric("oldest_age_max", "s", "largest age of a message in the queue", "lower"),
    Metric("send_calls", "calls", "SendMessage, alone or in batches", "lower"),
    Metric("receive_calls", "calls", "ReceiveMessage", "lower"),
    Metric("empty_receives", "calls", "of these, those that returned nothing", "lower"),
    Metric("change_calls", "calls", "ChangeMessageVisibility", "lower"),
    Metric("delete_calls", "calls", "DeleteMessage, alone or in batches", "lower"),
    Metric("api_calls", "calls", "all of them", "lower"),
    Metric("cost_usd", "USD", "the requests as billed", "lower"),
)

SLOW = {"slow_share": 0.15, "slow_factor": 8, "consumers": 3}
CRASHES = {"crash_share": 0.25, "consumers": 3}
POISON = {"poison_share": 0.15, "messages": 20, "visibility_timeout": 20}
DOOR = {"queue_type": "fifo", "messages": 1_000, "arrival_rate": 500, "groups": 100,
        "service_time": 0.01, "consumers": 8, "receive_batch": 10, "delete_batch": True,
        "wait_time": 20, "duration": 2}
QUIET = {"messages": 10, "arrivals": "random", "arrival_rate": 0.003, "duration": 3_600,
         "service_time": 90, "visibility_timeout": 120}

PRESETS = (
    Preset("1 Slip by slip", "A slip is taken and turned face down, the dish is cooked, the slip "
                             "is spiked. Nothing goes wrong."),
    Preset("2 Too slow", "Some dishes take longer than the slip stays face down: it turns up "
                         "again, and a second cook begins the same dish.", SLOW),
    Preset("3 Still cooking", "The same dishes, but a cook calls out every ten seconds: each "
                              "call hides the slip for thirty more.",
           {**SLOW, "heartbeat": 10}),
    Preset("4 Out of the door", "Cooks walk out in the middle of a dish. Nobody tells the queue; "
                                "only the timeout brings the slip back.", CRASHES),
    Preset("5 Long patience", "The same crashes with a long timeout: no dish is cooked twice, "
                              "but what was lost waits for minutes.",
           {**CRASHES, "visibility_timeout": 90}),
    Preset("6 A poisoned slip", "Some dishes fail every time. Their slips go round and round, "
                                "for as long as the retention lasts.", POISON),
    Preset("7 Three times is enough", "The same with a dead-letter queue: the fourth receive "
                                      "moves the slip aside.",
           {**POISON, "dead_letters": True, "max_receives": 3}),
    Preset("8 A handful", "Ten slips in one hand, cooked one by one: the last of them turn up "
                          "again before they have been begun.",
           {"receive_batch": 10, "arrivals": "at once", "wait_time": 20, "consumers": 4}),
    Preset("9 At least once", "Now and then the queue itself hands out a slip twice, and it "
                              "promises no order either: the cooks must cope with both.",
           {"arrivals": "at once", "consumers": 4, "duplicate_share": 0.3, "order_window": 4,
            "wait_time": 20, "duration": 120}),
    Preset("10 Table by table", "A FIFO queue: the slips of one table in order. A poisoned slip "
                               "shuts its table until it is moved aside.",
           {**POISON, "queue_type": "fifo", "dead_letters": True, "max_receives": 3}),
    Preset("11 Sent twice", "The producer repeats some sends. A FIFO queue drops the repeat, "
                            "unless it comes after five minutes.",
           {"queue_type": "fifo", "resend_share": 0.3, "resend_after": 20}),
    Preset("12 Not before", "A delay queue: each slip is hung up face down, some for longer.",
           {"delay": 30, "delayed_share": 0.3, "message_delay": 90}),
    Preset("13 Walking to the rail", "A quiet hour and short polls: two cooks walk to the rail "
                                     "and back, hundreds of thousands of times.", QUIET),
    Preset("14 Standing beside it", "The same hour with long polls: a few hundred calls, and "
                                    "nobody waits longer.", {**QUIET, "wait_time": 20}),
    Preset("15 A narrow door", "A FIFO queue takes so many calls per second and no more: the "
                               "producer falls behind.", DOOR),
    Preset("16 Ten through at once", "The same door, ten messages in each call.",
           {**DOOR, "send_batch": 10}),
)

def little(p) -> float:
    """Messages in flight on average while the producer sends: rate x time held."""
    troubles = {"crashes": p.crash_share, "poison": p.poison_share, "slow ones": p.slow_share,
                "copies": p.duplicate_share, "repeats": p.resend_share}
    if there := [name for name, share in troubles.items() if share]:
        raise NotApplicable(f"there are {' and '.join(there)}")
    if p.arrivals == "at once" or p.receive_batch > 1 or p.queue_type == "fifo":
        raise NotApplicable("messages come at once, are received together, or wait for a group")
    theory.utilization(p.arrival_rate, p.service_time + 2 * p.call_time, max(p.consumers, 1))
    if p.service_time > p.visibility_timeout or not p.consumers:
        raise NotApplicable("messages come back, or nobody receives them")
    return p.arrival_rate * (p.service_time + p.call_time)


PANELS = (
    Panel("Each message's way", "", bars=(WAITS, IN_FLIGHT, LATE, DELAYED),
          moments=(RECEIVE, DELETED, DEAD, EXPIRED, CHANGE, REPEAT)),
    Panel("In the queue", "messages", (
        Line("visible", "visible", step=True), Line("in flight", "in_flight", step=True),
        Line("unsent", "unsent", step=True),
        Line("in flight at most", limit=lambda p: p.in_flight_limit
             if p.in_flight_limit <= p.messages else None)),
        marks=("crash",), theory=Theory("Little's law", little)),
    Panel("API calls", "calls/s", (
        Line("in vain", "empty_calls"), Line("others", "other_calls"))),
)

BOXES = (
    Box("Producer", (0, 0), (("made", "made"), ("sent", "sent"),
                             ("repeats dropped", "dropped"))),
    Box("SQS queue", (1, 0), (("visible", "visible"), ("in flight", "in_flight"),
                              ("delayed", "delayed"))),
    Box("Consumers", (2, 0), (("at work", "working"), ("down", "down")),
        bars=("busy", "consumers")),
    Box("Done", (3, 0), (("deleted", "deleted"), ("done twice", "done_again")),
        alarm="done_again"),
    Box("Dead letters", (1, 1), (("kept", "dead_letters_kept"),), alarm="dead_letters_kept"),
)
LINKS = (
    Link("Producer", "SQS queue", "send"), Link("SQS queue", "Consumers", "receive"),
    Link("Consumers", "Done", "delete"),
    Link("SQS queue", "Dead letters", "received too often", control=True),
)


def total(r, *names: str) -> float:
    """The sum of these metrics."""
    return sum(r.summary[name] for name in names)


INVARIANTS = (
    Invariant("sent = visible + in flight + delayed + deleted + dead letters + expired, at every "
              "instant", lambda r: bool((r.series["sent"].value == sum(
                  r.series[name].value for name in ("visible", "in_flight", "delayed", "deleted",
                                                    "dead_letter", "expired"))).all())),
    Invariant("the same at the end", lambda r: r.summary["sent"] == total(
        r, "deleted", "dead_lettered", "expired", "visible_end", "in_flight_end", "delayed_end")),
    Invariant("nothing is negative", lambda r: all(
        (s.value >= 0).all() for s in r.series.values()) and all(
            value >= 0 for value in r.summary.values())),
    Invariant("no more in flight than allowed", lambda r: bool(
        (r.series["in_flight"].value <= r.params.in_flight_limit).all())),
    Invariant("no consumer works on two messages", lambda r: bool(
        (r.series["working"].value + r.series["down"].value <= r.params.consumers).all())),
    Invariant("FIFO drops repeats only, standard none", lambda r: r.summary["deduplicated"] <= (
        r.summary["made"] if r.params.queue_type == "fifo" else 0)),
    Invariant("a dead letter was received as often as allowed", lambda r: r.summary[
        "receives"] >= r.summary["dead_lettered"] * r.params.max_receives),
    Invariant("no message grows older than the retention", lambda r: r.summary[
        "oldest_age_max"] <= r.params.retention * (1 + 1e-9)),
    Invariant("empty receives are receives", lambda r: r.summary["empty_receives"] <= r.summary[
        "receive_calls"]),
    COST_ADDS_UP,
)
