"""Amazon SQS. `Queue`: messages wait in line for a fleet, quick at any rate. `MessageQueue`, with
its `Client` and `Consumers`: each message's life one by one, with receives, redelivery, dead
letters, order and deduplication."""

from labsim.services.sqs.client import Client
from labsim.services.sqs.consumers import Consumers
from labsim.services.sqs.messages import MessageQueue
from labsim.services.sqs.queue import Queue

__all__ = ["Client", "Consumers", "MessageQueue", "Queue"]
