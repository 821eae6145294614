"""The model of the lab `sqs-delivery`: a producer, a queue, and consumers who are only human.

Picture the rail of a kitchen and its order slips. A cook takes a slip and turns it face down. If
he spikes it, that dish is done. If he is slow, or has walked out of the door, the slip turns face
up again after a while, and another cook begins the same dish from the start.

Start reading at `consumer`. One message at a time, as plain SimPy processes: a learner follows
each of them, so there are hundreds and not millions. A poll that finds nothing costs no event.
"""

import numpy as np

from labsim.builtin.sqs_delivery.params import SqsDeliveryParams
from labsim.builtin.sqs_delivery.recorder import CRASHED, DONE, FAILED, Books
from labsim.declare import Run
from labsim.engine import Estimate, Order, Simulation
from labsim.services.sqs import client as sqs_client
from labsim.services.sqs.messages import DEDUPLICATION, MessageQueue

MOST_DICE = 8   # deliveries of a message whose crashes are drawn for it alone


def simulate(p: SqsDeliveryParams, sim: Simulation) -> Run:
    """Messages are sent, received, worked on and deleted, or come back."""
    fifo = p.queue_type == "fifo"
    dead_letters = MessageQueue(fifo=fifo, retention=p.dlq_retention) if p.dead_letters else None
    luck = {} if fifo else {"order_window": p.order_window, "duplicates": p.duplicate_share,
                            "old_receipts": p.old_receipts, "rng": sim.stream("queue")}
    queue = MessageQueue(fifo=fifo, visibility_timeout=p.visibility_timeout, delay=p.delay,
                         retention=p.retention, max_receives=p.max_receives,
                         dead_letters=dead_letters, in_flight_limit=p.in_flight_limit, **luck)
    client = sqs_client.Client(
        sim, queue, most=p.receive_batch, wait=p.wait_time, pause=p.poll_pause,
        call_time=p.call_time, sees=p.short_poll_sees, size=p.message_size,
        **({"rate": p.fifo_rate} if fifo else {}))
    books = Books(sim, queue, client, Items(p, sim))
    sim.process(producer(p, sim, client, books))
    for number in range(p.consumers):
        sim.process(consumer(p, sim, client, books, number))
    sim.run()
    client.end()
    if dead_letters:
        dead_letters.settle(sim.now)
    return books.report(p)


class Items:
    """What is to be sent: of each item its time, size of work, and whatever will befall it.

    Each use of chance has its own stream, so that a parameter moves nothing but its own effect.
    """

    def __init__(self, p: SqsDeliveryParams, sim: Simulation):
        n = wanted(p)
        gaps = sim.stream("arrivals").standard_exponential(n)
        at = {"random": lambda: np.cumsum(gaps) / p.arrival_rate, "at once": lambda: np.zeros(n),
              "even": lambda: np.arange(n) / p.arrival_rate}[p.arrivals]()
        self.made = at[at < p.duration]

        def share(of: float, name: str) -> list[bool]:
            """Which of them: so many as the share says, chosen by lot."""
            lots = sim.stream(name).random(n)[:len(self.made)]
            chosen = np.zeros(len(lots), dtype=bool)
            chosen[np.argsort(lots)[:some(of, len(lots))]] = True
            return chosen.tolist()
        work = p.service_time, p.service_time * p.slow_factor
        self.work = [work[slow] for slow in share(p.slow_share, "slow")]
        self.poison = share(p.poison_share, "poison")
        self.delayed = share(p.delayed_share, "delayed")
        self.resent = share(p.resend_share, "resent")
        self.group = (sim.stream("groups").random(n) * p.groups).astype(int).tolist()
        self.crashes = sim.stream("crashes").random((n, MOST_DICE)).tolist()
        self.more_crashes = sim.stream("more crashes")

    def sends(self, p: SqsDeliveryParams) -> list[tuple[float, list[int]]]:
        """When which items are sent together; an item may be sent twice."""
        again = [i for i in range(len(self.made)) if self.resent[i]]
        times = np.concatenate([self.made, self.made[again] + p.resend_after])
        items = [*range(len(self.made)), *again]
        batch = sqs_client.entries(p.send_batch, p.message_size)
        order = [k for k in np.argsort(times, kind="stable").tolist() if times[k] < p.duration]
        batches = [order[i:i + batch] for i in range(0, len(order), batch)]
        return [(float(times[b[-1]]), [items[k] for k in b]) for b in batches]


def some(share: float, n: float) -> int:
    """How many of `n` a share is: at least one, unless it is none."""
    return min(max(int(share * n + 0.5), 1), int(n)) if share else 0


def wanted(p: SqsDeliveryParams) -> int:
    """Items to draw: `messages`, or fewer if the run is too short for them at any luck."""
    if p.arrivals == "at once":
        return p.messages
    return int(min(p.messages, p.arrival_rate * p.duration * 1.2 + 100)) if p.arrival_rate else 0


def producer(p, sim, client, books):
    """Sends the items, in time or as soon as the queue lets it."""
    items = books.items
    for t, batch in items.sends(p):
        yield sim.until(max(t, sim.now), Order.CAPACITY)
        yield from client.turn(sqs_client.SEND)
        client.told(sqs_client.SEND, len(batch) * p.message_size)
        for i in batch:
            if p.queue_type == "fifo":
                message = client.queue.send(sim.now, group=str(items.group[i]), dedup=str(i))
            else:
                message = client.queue.send(
                    sim.now, delay=p.message_delay if items.delayed[i] else None)
            books.sent(message, i)
        client.tell()


def consumer(p, sim, client, books, number):
    """Receives, works on one message after the other, deletes; or fails, or crashes."""
    while True:
        held = yield from client.receive()
        beat = sim.now + p.heartbeat        # when the next heartbeat is due
        yield sim.env.timeout(p.call_time)
        done = []
        while held:
            work = books.begin(held[0], number)
            crash = books.crash_after(work, p.crash_share)
            end = sim.now + min(work.seconds, crash)
            while p.heartbeat and beat < end:
                yield sim.until(max(beat, sim.now), Order.METRIC)
                client.change(held + done, p.heartbeat_timeout)
                beat += p.heartbeat
            yield sim.until(end, Order.CAPACITY)
            if crash < work.seconds:
                books.end(work, CRASHED)
                yield sim.env.timeout(p.restart_time)
                break                       # what it held comes back by itself
            receipt = held.pop(0)
            if work.poison:
                books.end(work, FAILED)
                if p.release_failed:
                    client.change([receipt], 0.0)
                    yield sim.env.timeout(p.call_time)
                continue
            books.end(work, DONE)
            done.append(receipt)
            if not p.delete_batch:
                yield from client.delete(done)
                done = []
        else:
            if done:
                yield from client.delete(done)


def estimate(p: SqsDeliveryParams) -> Estimate:
    """What a run will take: sends, and deliveries of each message, as many as its fate demands
    and consumers can work on in that time."""
    n = wanted(p) if p.arrivals == "at once" else min(p.messages, p.arrival_rate * p.duration)
    fifo = p.queue_type == "fifo"
    if fifo:
        n = min(n, p.fifo_rate * p.duration * p.send_batch)
    n *= 1 + (0 if fifo and p.resend_after < DEDUPLICATION else p.resend_share)
    received, work = deliveries(p, n)
    sees = 1.0 if fifo or p.wait_time else p.short_poll_sees
    looks = 1 if fifo else min(p.order_window, n)   # at messages, by a receive, if many wait
    looks = looks / sees if work > 0.9 * p.consumers * p.duration else 1 / sees
    return Estimate(requests=n, events=0.7 * n + 0.3 * p.consumers + (
        1.6 + 0.02 * looks + 0.06 / sees) * received + (
        0.4 * work / p.heartbeat if p.heartbeat else 0.0), lower="messages")


def deliveries(p: SqsDeliveryParams, n: float) -> tuple[float, float]:
    """How often messages will be worked on, and for how many seconds in all, about: by kind of
    message, and at most as often as the consumers have time for."""
    sent_by = 0.0 if p.arrivals == "at once" else min(n / max(p.arrival_rate, 1e-9), p.duration)
    delay = p.delay + p.delayed_share * (p.message_delay - p.delay)
    if sent_by > 0:     # until a batch is full
        delay += (min(p.send_batch, n) - 1) / 2 / p.arrival_rate
    life = min(p.duration - sent_by / 2, p.retention) - delay
    if life <= 0 or not p.consumers:
        return 0.0, 0.0
    lasts = min(p.duration, sent_by + p.retention)
    n *= max(1 - p.poll_pause / p.duration, 0.0)    # the others are slept through
    most = p.max_receives if p.dead_letters else np.inf
    kept = p.heartbeat and p.heartbeat <= p.visibility_timeout and (
        p.heartbeat_timeout > p.heartbeat)
    spare, fifo = p.consumers > 1, p.queue_type == "fifo"
    total = spent = held = worked = 0.0
    slowed, poison = (min(max(share, 1 / max(n, 1)), 1) if share else 0.0
                      for share in (p.slow_share, p.poison_share))
    for slow, of_slow in ((1.0, 1 - slowed), (p.slow_factor, slowed)):
        work = p.service_time * slow
        cycle = work + 2 * p.call_time
        late = (spare or fifo) and not kept and work > p.visibility_timeout
        again = max(p.visibility_timeout, 0.0 if spare else cycle, p.call_time,
                    p.poll_pause / max(p.consumers, 1))
        at_once = max(n * of_slow * work / max(sent_by, work), 1.0)
        others = min(p.consumers / at_once, work / again) if late else 0.0
        if p.heartbeat and work > p.heartbeat:      # its last one says when it comes back
            again = max(again, p.heartbeat_timeout)
        if p.release_failed and not late:
            again = min(again, cycle)
        forever = min(most, 1 + life / max(again, cycle if kept else 0.0))
        copies = min(1 / max(1 - p.duplicate_share, 1e-9), p.consumers) if spare else 1.0
        tries = forever if late and fifo else min(1 / max(1 - p.crash_share, 1e-9), forever)
        usual = tries if fifo else max((copies + others) * min(tries, 2.0), tries)
        mean = poison * forever + (1 - poison) * usual
        total += of_slow * n * mean
        worked += of_slow * n * mean * min(work, p.duration)
        spent += of_slow * n * mean * (
            cycle * (1 - p.crash_share / 2) + p.crash_share * min(p.restart_time, p.duration / 2))
        held += of_slow * n * mean * min(p.visibility_timeout, again if mean > 1.5 else cycle)
    if not total:
        return 0.0, 0.0
    slots = min(p.in_flight_limit, p.groups * p.receive_batch) if fifo else p.in_flight_limit
    able = total * lasts * min(p.consumers / max(spent, 1e-9), slots / max(held, 1e-9))
    able = min(total, able + p.consumers)
    return able, min(worked * able / total, p.consumers * p.duration)
