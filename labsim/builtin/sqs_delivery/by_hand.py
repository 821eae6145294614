"""A queue played by hand: each call at the second that you say, and what it answers.

Picture the rail with nobody in the kitchen but you. It is the same queue that the lab's consumers
use, so that a sequence from an exam question can be tried as it is written.
"""

from functools import cache

from labsim.engine import Simulation
from labsim.services.sqs import Client
from labsim.services.sqs.messages import MessageQueue, Receipt
from labsim.services.sqs.order import DELAYED, IN_FLIGHT, VISIBLE

MINUTE = 60.0


def sent_per_second(threads: float, nodes: float) -> float:
    """Messages a second that so many threads of so many nodes send, each in calls of one to ten,
    one after the other. A standard queue limits nobody, so one thread is played for a minute."""
    return threads * nodes * _sent_by_one()


@cache
def _sent_by_one() -> float:
    sim = Simulation(1, MINUTE)
    client = Client(sim, "calls", MessageQueue(sim, "queue"))
    sizes = sim.stream("sizes")

    def thread():
        while True:
            yield from client.send([{"body": n} for n in range(sizes.integers(1, 11))])
            yield sim.env.timeout(client.call_time)

    sim.process(thread())
    sim.run()
    return len(client.queue.messages) / MINUTE


def play(steps: list, settings: dict | None = None) -> list:
    """What each of `steps` answers: [second, call, ...], seconds in order.

    send [group, dedup, delay]: the number of the message from 1, that of the first copy for a
    repeat. receive [most, timeout]: messages and their receive counts, "1 x2", or the error
    OverLimit that a short poll of a full standard queue gets. change timeout, delete
    [which]: by the latest receipt, or by that which was handed out as the which-th; whether it
    had an effect. count: visible, in flight, delayed, dead letters.
    settings: those of a `MessageQueue`, and `dlq_retention` of its dead-letter queue.
    """
    sim, settings, dead = Simulation(1, 1.0), dict(settings or {}), None
    if settings.get("max_receives"):
        kept = {"retention": settings.pop("dlq_retention")} if "dlq_retention" in settings else {}
        dead = MessageQueue(sim, "dead letters", fifo=settings.get("fifo", False), **kept)
    queue = MessageQueue(sim, "queue", **settings, dead_letters=dead)
    receipts: list[Receipt] = []
    answers: list = []
    for now, call, *values in steps:
        if call == "send":
            answers.append(queue.send(now, *values).number + 1)
        elif call == "receive":
            queue.settle(now)
            refused = queue.full and not queue.fifo
            got = queue.receive(now, *values)
            receipts += got
            answers.append("OverLimit" if refused else [
                f"{r.message.number + 1} x{r.receive}" for r in got])
        elif call == "change":
            answers.append(queue.change_visibility(now, receipts[-1], *values))
        elif call == "delete":
            answers.append(queue.delete(now, receipts[values[0] - 1 if values else -1]))
        else:
            queue.settle(now)
            if dead:
                dead.settle(now)
            answers.append([queue.count[VISIBLE], queue.count[IN_FLIGHT], queue.count[DELAYED],
                            dead.count[VISIBLE] if dead else 0])
    return answers
