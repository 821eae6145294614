"""Traffic from files: what people export of their own systems, read exactly or refused."""

from labsim.traces.text_file import MAX_BYTES, TraceError, bring, brought, forget
from labsim.traces.trace import Trace, read_readings, read_trace

__all__ = ["MAX_BYTES", "Trace", "TraceError", "bring", "brought", "forget", "read_readings",
           "read_trace"]
