"""Amazon SQS: queues, messages, consumers."""

from labsim.services.sqs.queue import Queue

__all__ = ["Queue"]
