"""The way to a warm function: from a producer's call until its event, message or record is there.

Picture the exchange's messengers. A note to the desk is there in a moment, one to the back office
takes a while longer, and the box at the gate is emptied once a second.

*Models:* how long a message takes through a standard queue and an event through Lambda's own queue
(measured as of an SNS topic); a stream's shards that are polled once a second each, or pushed with
enhanced fan-out; records of a shard stay in their order. *Leaves out:* the way to who calls and
waits for the answer, of which nobody measured a delay apart from the function's own time; FIFO
queues and topics, EventBridge, Step Functions; that the way takes longer under load.
"""

import numpy as np

from labsim.services.common.delays import Delay
from labsim.services.kinesis.rules import MAPPING_POLLED, POLL_INTERVAL

QUEUE = Delay.measured("lambda.delivery_sqs_p10_ms", "lambda.delivery_sqs_p50_ms",
                       "lambda.delivery_sqs_p90_ms")
EVENTS = Delay.measured("lambda.delivery_async_p10_ms", "lambda.delivery_async_p50_ms",
                        "lambda.delivery_async_p90_ms")


def polled(times: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """When records that come at `times` s are at the function, each of a shard that is polled
    first at `phases` s and then every second, s."""
    rounds = np.ceil((times - phases) / POLL_INTERVAL)
    return phases + POLL_INTERVAL * rounds + MAPPING_POLLED


def in_order(at: np.ndarray, lanes: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The same moments `at`, s, given out so that nobody in a lane overtakes: neither another one
    of these, who stand in order of time, nor who came `before`, s, the last one of each lane; which
    is brought up to date."""
    given = np.empty_like(at)
    given[lanes.argsort(kind="stable")] = at[np.lexsort((at, lanes))]
    given = np.maximum(given, before[lanes])
    np.maximum.at(before, lanes, given)
    return given


def last_together(at: np.ndarray, lanes: np.ndarray) -> np.ndarray:
    """Which of these, in order in their lanes, are the last of those there at the same moment."""
    order = lanes.argsort(kind="stable")
    last = np.ones(len(at), dtype=bool)
    one, next_one = order[:-1], order[1:]
    last[one] = (at[one] != at[next_one]) | (lanes[one] != lanes[next_one])
    return last
