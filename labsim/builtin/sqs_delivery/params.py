"""The knobs of the lab `sqs-delivery`: each one's name, unit, range and meaning, said once."""

from typing import Literal

from labsim import factbook
from labsim.declare import BY_RATE, TraceParams, choice, flag, integer, number, replayed
from labsim.errors import ParameterError
from labsim.services.sqs.rules import MOST_ENTRIES

SENDING, QUEUE, WORK, TROUBLE = "Producer", "Queue", "Consumers", "Trouble"
LUCK, POLLING, COST = "Standard queue", "Polling", "Cost"
FIFO, STANDARD = ("queue_type", ("fifo",)), ("queue_type", ("standard",))
DAY = 86_400


class SqsDeliveryParams(TraceParams):
    """Parameters of `sqs-delivery`."""

    rates = ("arrival_rate",)

    messages: int = integer(
        25, unit="messages", bounds=(0, 1_000_000), slider=(1, 1_000), step=1, label="Messages",
        group=SENDING, when=BY_RATE,
        help="Messages that the producer sends, if the run lasts long enough.")
    arrivals: Literal["random", "even", "at once"] = choice(
        "even", label="They come", group=SENDING, when=BY_RATE,
        help="At random times (Poisson), evenly spaced, or all at the start.")
    arrival_rate: float = number(
        0.2, unit="msg/s", bounds=(0, 10_000), slider=(0, 2), step=0.05, label="Arrival rate",
        group=SENDING, help="Messages made per second.", when=("arrivals", ("random", "even")))
    burst_size: int = integer(
        0, unit="messages", bounds=(0, 1_000_000), slider=(0, 1_000), step=1, label="Burst of",
        group=SENDING, help="Messages made all at once, beside the others; 0 for none.")
    burst_start: float = number(
        60, unit="s", bounds=(0, 20 * DAY), slider=(0, 3_600), step=10, label="Burst comes at",
        group=SENDING, help="When they are made.")
    send_batch: int = integer(
        1, unit="messages", bounds=(1, MOST_ENTRIES), slider=(1, MOST_ENTRIES), step=1,
        label="Sent together", group=SENDING,
        help="Messages in one call; it is made when so many have come together.")
    message_size: float = number(
        1_024, unit="bytes", bounds=(1, factbook.value("sqs.message_size_max_bytes")),
        slider=(1_024, 262_144), step=1_024, label="Message size", group=SENDING,
        help="Body and attributes; billed by started chunks of 64 KiB per call.")
    delayed_share: float = number(
        0, unit="of messages", bounds=(0, 1), slider=(0, 1), step=0.05, label="Share delayed",
        group=SENDING, help="Share of the messages sent with a DelaySeconds of their own.",
        fact="sqs.delay_fifo_rule", when=STANDARD)
    message_delay: float = number(
        60, unit="s", bounds=(0, factbook.value("sqs.delay_max_s")), slider=(0, 300), step=5,
        label="Their delay", group=SENDING, help="The DelaySeconds of those messages; it "
        "overrides the queue's.", when=STANDARD)
    resend_share: float = number(
        0, unit="of messages", bounds=(0, 1), slider=(0, 1), step=0.05, label="Share sent twice",
        group=SENDING, help="Share of the messages that the producer sends again, since it did "
        "not hear that the first call had gone well.")
    resend_after: float = number(
        5, unit="s", bounds=(0, DAY), slider=(0, 600), step=1, label="Sent again after",
        group=SENDING, help="Time between the two; both have the same deduplication id.")
    duration: float = number(
        240, unit="s", bounds=(1, 20 * DAY), slider=(60, 3_600), step=30, label="Duration",
        group=SENDING, help="Simulated time.")

    queue_type: Literal["standard", "fifo"] = choice(
        "standard", label="Queue", group=QUEUE,
        help="Standard: at least once, order as far as possible. FIFO: in order in each group, "
             "repeated sends are dropped.")
    groups: int = integer(
        3, unit="groups", bounds=(1, 1_000), slider=(1, 20), step=1, label="Message groups",
        group=QUEUE, fact="sqs.fifo_group_lock", when=FIFO,
        help="Message group ids, drawn by lot; in each of them one batch is in flight at a time.")
    hot_group: float = number(
        0, unit="of messages", bounds=(0, 1), slider=(0, 1), step=0.05, label="Share of one group",
        group=QUEUE, when=FIFO, help="Share of the messages that are of one group whatever the "
        "lot says.")
    visibility_timeout: float = number(
        30, unit="s", bounds=(0, factbook.value("sqs.visibility_max_s")), slider=(0, 120), step=1,
        label="Visibility timeout", group=QUEUE, fact="sqs.visibility_default_s",
        help="How long a message stays hidden once it is received; 0: not at all.")
    delay: float = number(
        0, unit="s", bounds=(0, factbook.value("sqs.delay_max_s")), slider=(0, 120), step=5,
        label="Delivery delay", group=QUEUE, fact="sqs.delay_default_s",
        help="How long a new message stays hidden at first (delay queue).")
    dead_letters: bool = flag(
        False, label="Dead-letter queue", group=QUEUE, fact="sqs.dlq_rule",
        help="A message that was received too often is moved there.")
    max_receives: int = integer(
        10, unit="receives", bounds=(1, 1_000), slider=(1, 10), step=1,
        label="Received at most", group=QUEUE, fact="sqs.dlq_max_receive_default",
        when=("dead_letters", (True,)),
        help="maxReceiveCount: the receive after these moves the message instead.")
    retention: float = number(
        4 * DAY, unit="s", bounds=(factbook.value("sqs.retention_min_s"),
                                   factbook.value("sqs.retention_max_s")),
        slider=(60, 14 * DAY), step=60, label="Retention", group=QUEUE,
        fact="sqs.retention_default_s", help="A message older than this is deleted.")
    dlq_retention: float = number(
        4 * DAY, unit="s", bounds=(factbook.value("sqs.retention_min_s"),
                                   factbook.value("sqs.retention_max_s")),
        slider=(60, 14 * DAY), step=60, label="Retention there", group=QUEUE,
        fact="sqs.retention_default_s", when=("dead_letters", (True,)),
        help="The same of the dead-letter queue: from the first send in a standard queue, from "
             "the move in a FIFO queue.")
    in_flight_limit: int = integer(
        120_000, unit="messages", bounds=(1, 120_000), slider=(1, 200), step=1,
        label="In flight at most", group=QUEUE, fact="sqs.inflight_max_standard",
        help="AWS's limit; lower it to feel it with a handful of messages.")
    fifo_scan: int = integer(
        120_000, unit="messages", bounds=(1, 120_000), slider=(1, 200), step=1,
        label="Looked at", group=QUEUE, fact="sqs.fifo_scan_messages", when=FIFO,
        help="Of so many of its oldest messages a FIFO queue sees the groups; lower it to feel it.")
    fifo_rate: float = number(
        300, unit="calls/s", bounds=(1, factbook.value("sqs.fifo_high_throughput_us_east_1")),
        slider=(10, 1_000), step=10, label="FIFO calls", group=QUEUE, fact="sqs.fifo_tps",
        help="Calls per second of each action (send, receive, delete); more in high-throughput "
             "mode.", when=FIFO)

    order_window: int = integer(
        3, unit="messages", bounds=(1, 100), slider=(1, 20), step=1, label="Best-effort order",
        group=LUCK, fact="sqs.at_least_once", when=STANDARD,
        help="A receive takes any of so many oldest messages; AWS publishes no number.")
    duplicate_share: float = number(
        0, unit="of deletes", bounds=(0, 1), slider=(0, 0.5), step=0.01, label="Copies that stay",
        group=LUCK, fact="sqs.at_least_once", when=STANDARD,
        help="Share of receives after which a copy stays visible (at least once); AWS publishes "
             "no number.")
    old_receipts: float = number(
        0.3, unit="of late deletes", bounds=(0.2, 1), slider=(0.2, 1), step=0.05,
        label="Late deletes that work",
        group=LUCK, when=STANDARD, help="Share of deletes that work although the message has been "
        "received again; AWS says that they may not.")
    short_poll_sees: float = number(
        0.7, unit="of messages", bounds=(0.1, 1), slider=(0.1, 1), step=0.05,
        label="A short poll sees", group=LUCK, fact="sqs.short_poll_rule", when=STANDARD,
        help="Share of the messages on the servers that a short poll asks.")

    consumers: int = integer(
        2, unit="consumers", bounds=(0, 12_000), slider=(0, 100), step=1, label="Consumers",
        group=WORK, help="Each receives, works on its messages one by one, and deletes them.")
    service_time: float = number(
        6, unit="s", bounds=(0.01, 43_200), slider=(0.5, 60), step=0.5, label="Work takes",
        group=WORK, help="Time a consumer works on one message.")
    slow_share: float = number(
        0, unit="of messages", bounds=(0, 1), slider=(0, 1), step=0.05, label="Share of slow ones",
        group=WORK, help="Share of the messages that take longer; at least one of them.")
    slow_factor: float = number(
        10, unit="x", bounds=(1, 1_000), slider=(1, 20), step=1, label="Slow ones take",
        group=WORK, help="So many times as long.")
    receive_batch: int = integer(
        1, unit="messages", bounds=(1, factbook.value("sqs.receive_max_messages")),
        slider=(1, factbook.value("sqs.receive_max_messages")), step=1, label="Received together",
        group=WORK, fact="sqs.receive_default_messages",
        help="Messages that one receive may return (MaxNumberOfMessages).")
    delete_batch: bool = flag(
        False, label="Delete together", group=WORK,
        help="One call deletes all messages of a batch, once all are done.")
    heartbeat: int = integer(
        0, unit="s", bounds=(0, 43_200), slider=(0, 60), step=1, label="Heartbeat every",
        group=WORK, fact="sqs.visibility_change_rule",
        help="A consumer changes the visibility timeout of what it holds so often; 0: never.")
    heartbeat_timeout: float = number(
        30, unit="s", bounds=(0, factbook.value("sqs.visibility_max_s")), slider=(0, 120), step=1,
        label="Hidden for another", group=WORK,
        help="What a heartbeat sets: so long, counted from then.")

    crash_share: float = number(
        0, unit="of receives", bounds=(0, 1), slider=(0, 1), step=0.05, label="Share of crashes",
        group=TROUBLE, help="Chance that a consumer crashes while it works on a message.")
    restart_time: float = number(
        20, unit="s", bounds=(0.1, DAY), slider=(1, 120), step=1, label="Restart takes",
        group=TROUBLE, help="Until a consumer that has crashed receives again.")
    poison_share: float = number(
        0, unit="of messages", bounds=(0, 1), slider=(0, 1), step=0.05, label="Share of poison",
        group=TROUBLE, help="Share of the messages whose work always fails at its end; at least "
        "one of them.")
    release_failed: bool = flag(
        False, label="Give back at once", group=TROUBLE, fact="sqs.visibility_change_rule",
        help="After a failure the consumer sets the timeout to 0 instead of letting it run out.")

    wait_time: float = number(
        0, unit="s", bounds=(0, factbook.value("sqs.long_poll_max_s")),
        slider=(0, factbook.value("sqs.long_poll_max_s")), step=1, label="Wait for messages",
        group=POLLING, fact="sqs.long_poll_default_s",
        help="WaitTimeSeconds: 0 is short polling, more is long polling.")
    poll_pause: float = number(
        0, unit="s", bounds=(0, 3_600), slider=(0, 60), step=1, label="Pause after nothing",
        group=POLLING, help="How long a consumer sleeps after a receive that returned nothing.")
    call_time: float = number(
        factbook.value("sqs.call_s"), unit="s", bounds=(0.001, 10), slider=(0.01, 0.1), step=0.01,
        label="A call takes", group=POLLING, fact="sqs.call_s",
        help="Time of one API call, always the same. AWS promises none; this is the mean of "
        "somebody's calls.")

    request_price: float = number(
        0.4, unit="USD/million", bounds=(0, 1_000), slider=(0, 1), step=0.1,
        label="Request price", group=COST, fact="sqs.price_per_million_standard",
        help="Per million requests to a standard queue.", when=STANDARD)
    fifo_price: float = number(
        0.5, unit="USD/million", bounds=(0, 1_000), slider=(0, 1), step=0.1,
        label="Request price", group=COST, fact="sqs.price_per_million_fifo",
        help="Per million requests to a FIFO queue.", when=FIFO)

    @property
    def to_make(self) -> int:
        """Messages that the producer is to make, but for a burst: a trace's, or so many."""
        return replayed(self).total if self.traced else self.messages

    @property
    def all_at_once(self) -> bool:
        """Whether they are all made at the start."""
        return self.arrivals == "at once" and not self.traced

    @property
    def usual_rate(self) -> float:
        """Messages made per second; of a trace the mean."""
        return self.to_make / self.duration if self.traced else self.arrival_rate

    def check(self) -> None:
        """No delay of a single message in a FIFO queue; the largest message of notes or today."""
        if self.queue_type == "fifo" and self.delayed_share:
            raise ParameterError("delayed_share", self.delayed_share,
                                 "0 in a FIFO queue, where only the queue's delay exists")
        largest = self.fact("sqs.message_size_max_bytes")
        if self.message_size > largest:
            raise ParameterError("message_size", self.message_size,
                                 f"at most {largest:,.0f} bytes in the notes")
