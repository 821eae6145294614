"""What a run may cost, and what it is expected to cost, before it starts.

Picture a kitchen scale beside the door: a run that would not fit is turned away there,
with its weight and the ingredient to leave out.
"""

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Estimate:
    """What a run with given parameters will take: counts from arithmetic, not from a try."""

    requests: float             # data-plane requests followed one by one (messages)
    events: float               # control-plane events, ticks of a counted data plane among them
    cells: float = 0.0          # numbers kept of a counted data plane: ticks x keys x arrays
    touched: float = 0.0        # numbers that it works on and doesn't keep
    served: float = math.inf    # requests that may be served: those beyond cost little
    lower: str = "duration"     # the parameter whose decrease helps most

    @property
    def bytes(self) -> float:
        """Peak memory of the run's arrays, bytes: a wait is kept per request, twice in passing."""
        return 40.0 * self.requests + 400.0 * self.events + 32.0 * self.cells

    @property
    def seconds(self) -> float:
        """Time of the run in plain Python on a small machine, s, within a factor of three."""
        return (0.5e-3 + 0.035e-6 * self.requests + 0.17e-6 * min(self.served, self.requests)
                + 18e-6 * self.events + 20e-9 * self.cells + 1e-9 * self.touched)


@dataclass(frozen=True)
class Budget:
    """The most that one run may take."""

    requests: float = 20e6
    events: float = 2e6
    cells: float = 30e6
    bytes: float = 1e9
    seconds: float = 60.0

    def excess(self, estimate: Estimate) -> str | None:
        """Why the estimate does not fit, in words, or None."""
        for limit in fields(self):
            needed, allowed = getattr(estimate, limit.name), getattr(self, limit.name)
            if not needed <= allowed:
                digits = ".0f" if allowed >= 100 else ".2g"
                return f"about {needed:,{digits}} {limit.name}, allowed {allowed:,{digits}}"
        return None
