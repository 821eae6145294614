"""What a run may cost, and what it is expected to cost, before it starts.

Picture a kitchen scale beside the door: a run that would not fit is turned away there,
with its weight and the ingredient to leave out.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """What a run with given parameters will take: counts from arithmetic, not from a try."""

    requests: float             # data-plane requests (messages, reads, ...)
    events: float               # control-plane events
    lower: str = "duration"     # the parameter whose decrease helps most

    @property
    def bytes(self) -> float:
        """Peak memory of the run's arrays, bytes: a wait is kept per request, twice in passing."""
        return 40.0 * self.requests + 400.0 * self.events

    @property
    def seconds(self) -> float:
        """Rough time of the run in plain Python, seconds."""
        return 0.35e-6 * self.requests + 25e-6 * self.events


@dataclass(frozen=True)
class Budget:
    """The most that one run may take."""

    requests: float = 20e6
    events: float = 2e6
    bytes: float = 1.5e9

    def excess(self, estimate: Estimate) -> str | None:
        """Why the estimate does not fit, in words, or None."""
        for name in ("requests", "events", "bytes"):
            needed, allowed = getattr(estimate, name), getattr(self, name)
            if not needed <= allowed:
                return f"about {needed:,.0f} {name}, allowed {allowed:,.0f}"
        return None
