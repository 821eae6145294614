"""The questions of the lab `sqs-delivery`; every number in an answer comes from the model."""

from labsim.builtin.sqs_delivery.timeline import RECEIVE
from labsim.declare import Choice, Design, Explain, Predict
from labsim.services.sqs.order import DEAD
from labsim.text import format_value


def moments(result, kind: str) -> list[float]:
    """When things of a kind happened to the messages of the timeline, s."""
    return sorted(span.start for span in result.spans if span.kind == kind)


def second_receive(result) -> float:
    """Seconds from the first receive to the second."""
    first, second, *_ = moments(result, RECEIVE)
    return second - first


def moved_after(result) -> float:
    """Seconds from the first receive until the message is a dead letter."""
    return moments(result, DEAD)[0] - moments(result, RECEIVE)[0]


def rounds(p) -> dict[str, str]:
    """How long the receives of a message that fails take, in words."""
    return {"together": format_value(p.max_receives * p.visibility_timeout, "s"),
            "one_more": format_value(p.max_receives + 1)}


def calls(p) -> dict[str, str]:
    """Calls of short and of long polls on an empty queue, in words."""
    longest = p.fact("sqs.long_poll_max_s")
    return {"each": format_value(p.duration / p.call_time, "calls"),
            "longest": format_value(longest, "s"),
            "long": format_value(p.consumers * p.duration / longest, "calls")}


def doors(p) -> dict[str, str]:
    """What the door of a FIFO queue lets through, in words."""
    return {"per_second": format_value(p.fifo_rate * p.send_batch, "msg/s")}


STALL = {"messages": 1, "visibility_timeout": 60, "heartbeat": 15, "heartbeat_timeout": 10,
         "service_time": 120, "wait_time": 20, "arrivals": "at once"}
POISON = {"messages": 1, "poison_share": 1, "visibility_timeout": 25, "dead_letters": True,
          "max_receives": 4, "wait_time": 20}
EMPTY = {"messages": 0, "consumers": 3, "duration": 3_600, "call_time": 0.02}
DOOR = {"queue_type": "fifo", "messages": 6_000, "arrivals": "even", "arrival_rate": 3_000,
        "send_batch": 4, "consumers": 0, "duration": 2}

EXERCISES = (
    Predict(
        id="changed-lease", runs=(STALL,), ask=second_receive, unit="s", within=0.05,
        question="A queue with a visibility timeout of {visibility_timeout}. A consumer receives "
                 "a message, and {heartbeat} later sets its timeout to {heartbeat_timeout}; then "
                 "it works on without another word in time. How many seconds after the first "
                 "receive is the message received again?",
        hints=("A change does not add to what is left, it replaces it.",
               "{heartbeat_timeout}, counted from the call."),
        solution="The call at {heartbeat} starts the clock anew with {heartbeat_timeout}: "
                 "{answer}, long before the {visibility_timeout} of the queue. A heartbeat that "
                 "sets less than the time to the next one is worse than none."),
    Predict(
        id="when-dead", runs=(POISON,), ask=moved_after, unit="s", within=0.05, numbers=rounds,
        question="A message fails whenever it is worked on, in {service_time}. The visibility "
                 "timeout is {visibility_timeout}, maxReceiveCount is {max_receives}. How many "
                 "seconds after its first receive is it in the dead-letter queue?",
        hints=("What moves the message: the end of a timeout, or a receive?",
               "It is delivered {max_receives} times; the receive after that moves it."),
        solution="Receive number {one_more} moves it instead of delivering it. Between two "
                 "receives lies a whole timeout, since the consumer does not give the message "
                 "back: {together} in all, {answer} in the model."),
    Predict(
        id="empty-rail", runs=(EMPTY,), ask=lambda r: r.summary["receive_calls"], unit="calls",
        within=0.1, numbers=calls,
        question="Nothing is sent for an hour. {consumers} poll with WaitTimeSeconds 0, a call "
                 "takes {call_time}, and they poll again at once. How many ReceiveMessage calls "
                 "does the bill show?",
        hints=("How many calls does one consumer make?", "One makes {each} in the hour."),
        solution="{each} for each of {consumers}: {answer}, every one of them billed. With long "
                 "polls of {longest} it would be {long}."),
    Predict(
        id="narrow-door", runs=(DOOR,), ask=lambda r: r.summary["sent"], unit="messages",
        within=0.05, numbers=doors,
        question="A producer wants to send {arrival_rate} to a FIFO queue, {send_batch} in each "
                 "call; the queue takes {fifo_rate} of each action. How many messages are in the "
                 "queue after {duration}?",
        hints=("The limit counts calls, not messages.",
               "{send_batch} in each call are {per_second}."),
        solution="{fifo_rate} times {send_batch} are {per_second}, {answer} in {duration}. A "
                 "batch holds ten at most; beyond that there is high-throughput mode."),
    Explain(
        id="never-gone",
        question="In the preset with slow dishes a message is done, deleted, done, deleted, "
                 "although each of these calls succeeds. Why does it stay?",
        choices=(
            Choice("The consumer deletes it too early, before it has been worked on.",
                   "It deletes after the work, as it should."),
            Choice("Each delete comes with a receipt that is no longer the latest: meanwhile the "
                   "message has been received by somebody else.",
                   "Work takes longer than the timeout, so there is always a newer receipt.",
                   right=True),
            Choice("A standard queue keeps copies of each message, and only one is deleted.",
                   "That happens now and then by bad luck, not every time."),
            Choice("The message is a duplicate that the producer has sent.",
                   "The producer sends each message once here.")),
        hints=("Look where the hatched part of its bars ends, and what has happened before.",
               "With which receipt does the first consumer delete?"),
        solution="A delete is sure to work only with the receipt of the latest receive. Whoever "
                 "works longer than the timeout holds an old one, and so does the next. Extend "
                 "the timeout while working, or make it longer than the work."),
    Explain(
        id="shut-table",
        question="In a FIFO queue a message that always fails is received again and again. What "
                 "happens to the other messages?",
        choices=(
            Choice("Nothing: FIFO is about order, and each message is on its own.",
                   "Order means that the later ones of its group must wait."),
            Choice("All of the queue waits until it is gone.",
                   "Groups are independent: that is what they are for."),
            Choice("Later messages of the same group wait until it is deleted or moved to the "
                   "dead-letter queue; other groups go on.", "While it is in flight its group is "
                   "shut, and when it is visible it comes first.", right=True),
            Choice("Later ones overtake it after its first failure.",
                   "In a standard queue they would.")),
        hints=("Which rows have a long thin line in the preset with tables?",
               "Compare their letters with that of the failing message."),
        solution="Within a group nothing overtakes. So a FIFO queue needs a dead-letter queue "
                 "even more, and enough groups that a bad message shuts only a few others out."),
    Explain(
        id="handful",
        question="Consumers receive ten messages at once and work on them one by one, "
                 "{service_time} each; the timeout is {visibility_timeout}. Which messages are "
                 "done twice?",
        choices=(
            Choice("The first ones of each batch.", "They are deleted before the timeout ends."),
            Choice("The last ones of each batch.", "Their timeout began at the receive, not when "
                   "the work on them began.", right=True),
            Choice("None, since each takes less than the timeout.",
                   "Each does, but the batch does not."),
            Choice("All of them, since a batch is deleted as a whole.",
                   "Each is deleted when it is done, unless you say otherwise.")),
        hints=("When does the timeout of the tenth message begin?",
               "And when does the work on it begin?"),
        solution="All ten clocks start at the receive. A timeout must cover the batch, not the "
                 "message; or the consumer takes fewer, or extends what it still holds."),
    Design(
        id="calm-kitchen", cost="api_calls",
        start={"messages": 60, "arrivals": "random", "arrival_rate": 0.2, "duration": 600,
               "consumers": 4, "slow_share": 0.15, "slow_factor": 10, "crash_share": 0.15,
               "poison_share": 0.05},
        free=("visibility_timeout", "heartbeat", "heartbeat_timeout", "dead_letters",
              "max_receives", "wait_time", "receive_batch", "delete_batch", "release_failed"),
        goals=(("duplicates", "<=", 0.0), ("latency_p95", "<=", 90.0), ("completed", ">=", 57.0),
               ("queue_end", "<=", 0.0), ("in_flight_end", "<=", 0.0)),
        good={"heartbeat": 25, "dead_letters": True, "max_receives": 4, "wait_time": 20},
        question="Most work takes {service_time}, some {slow_factor} that; consumers crash now "
                 "and then, and some messages always fail. Let nothing be done twice or be left "
                 "over, and let what is lost come back soon, with as few API calls as you can.",
        hints=("A long timeout makes crashes slow, a short one makes slow work double. What "
               "tells the queue which of the two it is?",
               "Heartbeats cost calls, so not more often than needed. Which calls are most of "
               "the bill at the start? And a message that was lost in crashes must not end as a "
               "dead letter."),
        solution="A short timeout for the crashes, a heartbeat just before it ends for the slow "
                 "ones, a dead-letter queue for what always fails, with a count that crashes do "
                 "not reach, and long polls: {answer}."),
)
