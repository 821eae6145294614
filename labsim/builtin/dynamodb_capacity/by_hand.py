"""The lab's own parts, played by hand: somebody who lowers a table's capacity whenever he may.

Picture a shop on its last day: each minute somebody asks whether the water works may come again to
fit a narrower pipe.
"""

from labsim.services.dynamodb.scaling import MINUTE, Decreases


def decreases(hours: float) -> int:
    """How often a table's capacity can be lowered within so many hours of a day."""
    limit, n = Decreases(), 0
    for minute in range(round(hours * 60)):
        if limit.allowed(minute * MINUTE):
            limit.make(minute * MINUTE)
            n += 1
    return n
