"""Traffic from files: `read_trace` gives the counts per period that a file says."""

from labsim.traces import cloudwatch_export
from labsim.traces.text_file import TraceError

__all__ = ["TraceError", "read_trace"]


def read_trace(path, metric: str = "", values: str = "file"):
    """The trace in the file at `path`; `TraceError` for any other file."""
    return cloudwatch_export.read_trace(path)
