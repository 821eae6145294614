"""The model of the lab `sqs-delivery`: a producer, a queue, and consumers who are only human.

Picture the rail of a kitchen and its order slips. A cook takes a slip and turns it face down. If
he spikes it, that dish is done. If he is slow, or has walked out of the door, the slip turns face
up again after a while, and another cook begins the same dish from the start.

Start reading at `simulate`, then at `Consumers.consume` in labsim/services/sqs/consumers.py.

*Models:* every message and every consumer is followed one by one, at any magnitude, as plain SimPy
processes: a handful to look at each, and up to the limit of 120,000 in flight in some seconds. What
is counted instead are the polls that find nothing or are refused: they cost no event. Nothing is
sampled. *Leaves out:* see the parts, labsim/services/sqs.
"""

import math
from typing import NamedTuple

import numpy as np

from labsim import declare as kit
from labsim.builtin.sqs_delivery import timeline
from labsim.builtin.sqs_delivery.params import SqsDeliveryParams
from labsim.engine import Estimate, Order, Simulation, so_far
from labsim.services.sqs import Client, Consumers, MessageQueue
from labsim.services.sqs.consumers import broken_off
from labsim.services.sqs.messages import DEDUPLICATION
from labsim.services.sqs.rules import batch_entries

KEPT = 20.0     # of a message, as room for so many numbers
MOST_DICE = 8   # deliveries of a message whose crashes are drawn for it alone


def simulate(p: SqsDeliveryParams, sim: Simulation) -> "Delivery":
    """Messages are sent, received, worked on and deleted, or come back."""
    fifo = p.queue_type == "fifo"
    dead_letters = None
    if p.dead_letters:
        dead_letters = MessageQueue(sim, "dead letters", fifo=fifo, retention=p.dlq_retention)
    luck = {} if fifo else {"order_window": p.order_window, "duplicates": p.duplicate_share,
                            "old_receipts": p.old_receipts, "random": sim.stream("queue")}
    queue = MessageQueue(sim, "queue", p.visibility_timeout, fifo=fifo, delay=p.delay,
                         retention=p.retention, max_receives=p.max_receives,
                         dead_letters=dead_letters, in_flight_limit=p.in_flight_limit,
                         fifo_scan=p.fifo_scan, **luck)
    client = Client(sim, "calls", queue, most=p.receive_batch, wait=p.wait_time,
                    pause=p.poll_pause, call_time=p.call_time, sees=p.short_poll_sees,
                    size=p.message_size, rate=p.fifo_rate if fifo else None,
                    price=p.fifo_price if fifo else p.request_price)
    items = Items(p, sim)
    sim.process(producer(p, sim, client, items))
    consumers = Consumers(
        sim, "consumers", client, p.consumers, work=lambda m: items.work[m.body],
        fails=lambda m: items.poison[m.body], crashes=items.crash_after, restart=p.restart_time,
        heartbeat=p.heartbeat, heartbeat_timeout=p.heartbeat_timeout, delete_batch=p.delete_batch,
        release_failed=p.release_failed, made=lambda m: items.made[m.body])
    return Delivery(p, sim, queue=queue, dead_letters=dead_letters, client=client, items=items,
                    consumers=consumers)


class Delivery(kit.Outcome):
    """A queue, those who send to it and those who receive."""

    def series(self) -> dict:
        """Those of the parts; what was wanted, and of that what has not been sent; what was sent in
        vain, and done in vain, per second."""
        t = self.record.t
        sent: dict[int, float] = {}
        for message in self.queue.messages:
            sent.setdefault(message.body, message.sent)
        offered = so_far(t, self.items.made)
        told = {**self.queue.told, **self.consumers.series(), **self.client.series(),
                "offered": (offered, "messages"),
                "unsent": (offered - so_far(t, list(sent.values())), "messages")}
        told["sends"] = told["sent"][0] + told["deduplicated"][0], "sends"
        for name in ("deduplicated", "duplicates"):
            told[f"{name}_rate"] = kit.per_tick(np.diff(told[name][0]) / self.sim.tick, "msg/s")
        dead = self.dead_letters
        told["dead_letters_kept"] = dead.series()["queue"] if dead else (
            np.zeros(len(t)), "messages")
        return told

    def cost(self) -> dict:
        """The requests."""
        return self.client.cost()

    @property
    def spans(self) -> tuple:
        """The timeline."""
        return tuple(timeline.spans(self.queue.messages, self.consumers.works, self.sim.now))


class Items:
    """What is to be sent: of each item its time, size of work, and whatever will befall it.

    Each use of chance has its own stream, so that a parameter moves nothing but its own effect;
    what can't befall anybody is not drawn.
    """

    def __init__(self, p: SqsDeliveryParams, sim: Simulation):
        n = wanted(p)
        at = times(p, sim.stream("arrivals"), n)
        n += p.burst_size       # they come last, so that the others' luck stays as it was
        at = np.append(at, np.full(p.burst_size, p.burst_start))
        self.made = at[at < p.duration]

        def share(of: float, name: str) -> list[bool]:
            """Which of them: so many as the share says, chosen by lot."""
            if not of:
                return [False] * len(self.made)
            lots = sim.stream(name).random(n)[:len(self.made)]
            chosen = np.zeros(len(lots), dtype=bool)
            chosen[np.argsort(lots)[:some(of, len(lots))]] = True
            return chosen.tolist()
        work = p.service_time, p.service_time * p.slow_factor
        self.work = [work[slow] for slow in share(p.slow_share, "slow")]
        self.poison = share(p.poison_share, "poison")
        self.delayed = share(p.delayed_share, "delayed")
        self.resent = share(p.resend_share, "resent")
        if p.queue_type == "fifo":
            lots = np.maximum(sim.stream("groups").random(n) - p.hot_group, 0.0)
            rest = max(1 - p.hot_group, 1e-9)
            self.group = np.minimum(lots / rest * p.groups, p.groups - 1).astype(int).tolist()
        self.crash_share = p.crash_share
        if p.crash_share:
            self.crashes = sim.stream("crashes").random((n, MOST_DICE)).tolist()
            self.more_crashes = sim.stream("more crashes")

    def crash_after(self, work) -> float:
        """Seconds of work until its consumer crashes; infinite if it doesn't."""
        if not self.crash_share:
            return math.inf
        dice = self.crashes[work.message.body]
        drawn = dice[work.receive - 1] if work.receive <= len(dice) else self.more_crashes.random()
        return broken_off(work.seconds, drawn, self.crash_share)

    def sends(self, p: SqsDeliveryParams) -> list[tuple[float, list[int]]]:
        """When which items are sent together; an item may be sent twice."""
        again = [i for i in range(len(self.made)) if self.resent[i]]
        times = np.concatenate([self.made, self.made[again] + p.resend_after])
        items = [*range(len(self.made)), *again]
        batch = batch_entries(p.send_batch, p.message_size)
        order = [k for k in np.argsort(times, kind="stable").tolist() if times[k] < p.duration]
        batches = [order[i:i + batch] for i in range(0, len(order), batch)]
        return [(float(times[b[-1]]), [items[k] for k in b]) for b in batches]


def times(p: SqsDeliveryParams, dice: np.random.Generator, n: int) -> np.ndarray:
    """When `n` items are made, s; those of a trace all within the run."""
    if p.traced:
        at = np.concatenate([np.empty(0), *kit.load(p, "arrival_rate").arrivals(dice)])
        return np.minimum(at, math.nextafter(p.duration, 0))
    gaps = dice.standard_exponential(n)
    return {"random": lambda: np.cumsum(gaps) / p.arrival_rate, "at once": lambda: np.zeros(n),
            "even": lambda: np.arange(n) / p.arrival_rate}[p.arrivals]()


def some(share: float, n: float) -> int:
    """How many of `n` a share is: at least one, unless it is none."""
    return min(max(int(share * n + 0.5), 1), int(n)) if share else 0


def wanted(p: SqsDeliveryParams) -> int:
    """Items to draw: a trace's, `messages`, or fewer if the run is too short for them at any
    luck."""
    if p.traced or p.all_at_once:
        return p.to_make
    return int(min(p.messages, p.arrival_rate * p.duration * 1.2 + 100)) if p.arrival_rate else 0


def producer(p: SqsDeliveryParams, sim: Simulation, client: Client, items: Items):
    """Sends the items, in time or as soon as the queue lets it."""
    fifo = p.queue_type == "fifo"
    for t, batch in items.sends(p):
        yield sim.until(max(t, sim.now), Order.CAPACITY)
        yield from client.send([{"body": i, **(
            {"group": str(items.group[i])} if fifo else
            {"delay": p.message_delay if items.delayed[i] else None})} for i in batch])


def estimate(p: SqsDeliveryParams) -> Estimate:
    """What a run will take: sends, and deliveries of each message, as many as its fate demands
    and consumers can work on in that time; events of 18 microseconds."""
    n = wanted(p) if p.traced or p.all_at_once else min(
        p.messages, p.arrival_rate * p.duration)
    n += p.burst_size
    fifo = p.queue_type == "fifo"
    if fifo:
        n = min(n, p.fifo_rate * p.duration * p.send_batch)
    drawn = 0.1 * (wanted(p) + p.burst_size) * (1 + p.resend_share)
    n *= 1 + (0 if fifo and p.resend_after < DEDUPLICATION else p.resend_share)
    made = deliveries(p, n)
    crowd = made.waiting > 2 or made.busy > 0.9 * p.consumers * p.duration
    in_vain = 0.0 if fifo or p.wait_time else (0.05 if crowd else 0.5) * (
        1 / p.short_poll_sees - 1)      # short polls, of each message
    full = p.in_flight_limit < made.together * p.consumers and not (fifo or p.wait_time)
    return Estimate(requests=n, events=drawn + (
        0.65 if p.retention > p.duration else 1.6) * n + 1.5 * p.consumers + (
        1.9 + 0.3 / made.together + in_vain + 0.6 * p.release_failed * bool(p.poison_share)
        + 1e-3 * full * p.consumers) * made.count + (0.5 + 0.1 * made.together) * made.beats,
        cells=601.0 * p.consumers + KEPT * n, lower="messages")


class Deliveries(NamedTuple):
    """How often messages are worked on, for how many seconds in all, with how many heartbeats; how
    many a consumer holds at a time, and how many wait for each."""

    count: float
    busy: float
    beats: float
    together: float
    waiting: float


def hidden(p: SqsDeliveryParams, held: float) -> float:
    """Seconds from a receive until the message is visible again, if its consumer holds it for
    `held` s and never deletes it: by its heartbeats, if the first comes in time."""
    if not p.heartbeat or p.heartbeat >= p.visibility_timeout or held <= p.heartbeat:
        return p.visibility_timeout
    if p.heartbeat_timeout <= p.heartbeat:      # it is back before the next
        return p.heartbeat + p.heartbeat_timeout
    return held // p.heartbeat * p.heartbeat + p.heartbeat_timeout


def deliveries(p: SqsDeliveryParams, n: float) -> Deliveries:
    """About how many there will be of `n` messages: by kind of message, and at most as often as
    the consumers have time for."""
    sent_by = min(n / p.usual_rate, p.duration) if p.usual_rate and not p.all_at_once else 0.0
    hidden_first = delay = p.delay + p.delayed_share * (p.message_delay - p.delay)
    if sent_by > 0:     # until a batch is full
        delay += (min(p.send_batch, n) - 1) / 2 / p.usual_rate
    within = min(sent_by, p.duration - delay)       # so early that they can be received
    life = min(p.duration - delay - within / 2, p.retention - hidden_first)
    n *= within / sent_by if sent_by else 1.0
    if life <= 0 or not p.consumers or n <= 0:
        return Deliveries(0.0, 0.0, 0.0, 1.0, 0.0)
    lasts = min(p.duration, sent_by + p.retention)
    fifo, spare = p.queue_type == "fifo", p.consumers > 1
    most = p.max_receives if p.dead_letters else np.inf
    looks = (max(p.wait_time, p.call_time) + p.poll_pause) / p.consumers    # from one to the next
    slowed, poison = (min(max(share, 1 / max(n, 1)), 1) if share else 0.0
                      for share in (p.slow_share, p.poison_share))
    usual = p.service_time * (1 + slowed * (p.slow_factor - 1))
    waiting = n / p.consumers if sent_by < n * usual / p.consumers else 1.0
    together = max(min(p.receive_batch, waiting), 1.0)
    total = spent = in_flight = worked = beats = 0.0
    for slow, of_slow in ((1.0, 1 - slowed), (p.slow_factor, slowed)):
        work = p.service_time * slow
        cycle = work + 2 * p.call_time / together
        held = work + p.call_time + (together - 1) * usual
        again = hidden(p, held)
        late = (spare or fifo) and again < held
        at_once = max(n * of_slow * work / max(sent_by, work), 1.0)     # messages in work
        others = min(p.consumers / at_once, held / max(again, 1e-3)) if late else 0.0
        if not late:
            again = held if p.release_failed else max(again, held)
        if not p.wait_time:
            again = max(again, min(looks, life))
        again = max(again * (1 - p.duplicate_share), 1e-3 if spare else cycle)
        forever = min(most, 1 + life / again)
        copies = min(1 / max(1 - p.duplicate_share, 1e-9), p.consumers) if spare else 1.0
        tries = min(1 / max(1 - p.crash_share, 1e-9), forever)
        if late and fifo:       # its receipt is of no use any more
            tries = forever
        elif late or copies > 1.5:
            tries = min((copies + others + 1 / p.old_receipts - 1) * min(tries, 2.0), most)
        mean = poison * forever + (1 - poison) * max(tries, copies)
        total += of_slow * n * mean
        worked += of_slow * n * mean * min(work, p.duration)
        beats += of_slow * n * mean * (
            min(held, p.duration) // p.heartbeat if p.heartbeat else 0) / together
        spent += of_slow * n * mean * (
            cycle * (1 - p.crash_share / 2) + p.crash_share * min(p.restart_time, p.duration / 2))
        in_flight += of_slow * n * mean * min(p.visibility_timeout, again if mean > 1.5 else cycle)
    slots = min(p.in_flight_limit, p.groups * p.receive_batch) if fifo else p.in_flight_limit
    able = total * lasts * min(p.consumers / max(spent, 1e-9), slots / max(in_flight, 1e-9))
    if fifo:
        able = min(able, p.fifo_rate * lasts * p.receive_batch)
    able = min(total, able + p.consumers)
    busy = min(worked * able / total, p.consumers * p.duration)
    if p.heartbeat:
        beats = min(beats * able / total, p.consumers * p.duration / p.heartbeat)
    return Deliveries(able, busy, beats, together, waiting)
