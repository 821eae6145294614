"""AWS Lambda: functions, their execution environments, and those who call them."""

from labsim.services.lambda_.callers import Asynchronous, Synchronous
from labsim.services.lambda_.event_source_mappings import SqsEventSourceMapping
from labsim.services.lambda_.function import Function
from labsim.services.lambda_.stream_mapping import KinesisEventSourceMapping

__all__ = ["Asynchronous", "Function", "KinesisEventSourceMapping", "SqsEventSourceMapping",
           "Synchronous"]
