"""Amazon SQS: a counted queue, a queue message by message, and those who call it."""

from labsim.services.sqs.client import Client
from labsim.services.sqs.consumers import Consumers
from labsim.services.sqs.messages import MessageQueue
from labsim.services.sqs.queue import Queue

__all__ = ["Client", "Consumers", "MessageQueue", "Queue"]
