"""The timeline of the lab `sqs-delivery`: what is drawn of each message's life.

Picture the slips of the evening pinned in a row, each with its times: hung up, turned, turned up
again, spiked. `works` are what the consumers did.
"""

from bisect import bisect_right
from string import ascii_uppercase

from labsim.declare import Span
from labsim.services.sqs.order import (
    DEAD,
    DELAYED,
    DELETED,
    EXPIRED,
    IN_FLIGHT,
    VISIBLE,
    Message,
)

ROWS = 25           # messages in the timeline
FINEST = 500        # what is closer together than this share of the run is drawn as one
WAITS, LATE = "waits", "work without lease"
RECEIVE, CHANGE, REPEAT = "receive", "timeout changed", "repeat dropped"
BARS = {VISIBLE: WAITS, DELAYED: DELAYED, IN_FLIGHT: IN_FLIGHT}


def spans(messages: list[Message], works: list, now: float) -> list[Span]:
    """The timeline: a row per message; if there are too many, those received more than once,
    and of the others some all over the run."""
    eventful = [m for m in messages if len(m.received) > 1][:ROWS]
    others = [m for m in messages if len(m.received) <= 1]
    room = min(ROWS - len(eventful), len(others))
    chosen = eventful + [others[i * len(others) // room] for i in range(room)]
    worked: dict[int, list] = {}
    numbers = {m.number for m in chosen}
    for work in works:
        if work.message.number in numbers:
            worked.setdefault(work.message.number, []).append(work)
    drawn: list[Span] = []
    for message in sorted(chosen, key=lambda m: m.number):
        drawn += _row(message, worked.get(message.number, []), now)
    return drawn


def _row(message: Message, works: list, now: float) -> list[Span]:
    """The life of one message: bars for its states, moments for what was done to it. What is
    closer together than can be seen is one."""
    row = str(message.number + 1)
    if message.group:
        row += f" {ascii_uppercase[int(message.group) % len(ascii_uppercase)]}"
    starts = [t for t, _ in message.history]
    ends = [*starts[1:], now]
    bars: dict[str, list[tuple[float, float]]] = {}
    for (start, state), end in zip(message.history, ends):
        if state in BARS and end > start:
            bars.setdefault(BARS[state], []).append((start, end))
    for work in works:
        received = message.received[work.receive - 1]
        state = bisect_right(starts, received) - 1      # the one that began with this receive
        hidden = message.history[state][1] == IN_FLIGHT     # unless a copy has stayed visible
        lease_ends = ends[state] if hidden else received
        start, end = max(lease_ends, work.start), work.end if work.outcome else now
        if end > start:
            bars.setdefault(LATE, []).append((start, end))
    last, state = message.history[-1]
    moments = {RECEIVE: message.received, CHANGE: message.changed, REPEAT: message.repeats,
               state: [last] if state in (DELETED, DEAD, EXPIRED) else []}
    return [Span(row, kind, start, end) for kind, pairs in bars.items()
            for start, end in _merged(sorted(pairs), now / FINEST)
            if kind != WAITS or end - start > now / FINEST] + [
        Span(row, kind, t, t) for kind, times in moments.items()
        for t, _ in _merged([(t, t) for t in times], now / FINEST)]


def _merged(pairs: list[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Intervals, those less than `gap` apart as one; moments likewise, each at its first."""
    merged = pairs[:1]
    for start, end in pairs[1:]:
        first, last = merged[-1]
        if start - last > gap:
            merged.append((start, end))
        elif end > start:
            merged[-1] = first, max(last, end)
    return merged
