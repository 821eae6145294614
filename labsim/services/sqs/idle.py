"""Amazon SQS: who of the idle consumers looks for messages next.

Picture cooks without a slip who walk to the rail and back, each in his own rhythm, or stay beside
it for a while and then go for a walk. Something is hung up: who is the first to see it?

*Models:* polls that begin one period after the other, counted from when a consumer became idle;
short polls look at an instant, long ones for their whole time. *Leaves out:* what they find, which
the queue knows (`messages`), and what they cost (`client`).

The consumers are sorted by the phase of their polls, so the next one is searched, not tried out:
the cost hardly depends on how many there are.
"""

import math
from bisect import bisect_left, bisect_right, insort

PHASES = 10**9      # of a period that are told apart


class Idle:
    """A consumer without a message: its call number `call` since `since` found nothing yet."""

    __slots__ = "since", "phase", "call", "wake"

    def __init__(self, since: float, phase: int):
        self.since, self.phase, self.call = since, phase, 0


class Sleepers:
    """Idle consumers, each of whose polls is `wait` s long (0: short) and begins `period` s after
    the last."""

    def __init__(self, wait: float, period: float):
        self.wait, self.period = wait, period
        self._line: list[tuple[int, int, Idle]] = []    # phase, number, who
        self._naps = 0

    def __bool__(self) -> bool:
        return bool(self._line)

    def idle(self, now: float) -> Idle:
        """A consumer whose first poll begins now, and finds nothing."""
        return Idle(now, self._phase(now))

    def add(self, idle: Idle) -> None:
        """It sleeps until it is called."""
        self._naps += 1
        insort(self._line, (idle.phase, self._naps, idle))

    def pop(self, place: int) -> Idle:
        """The one at a place in the line is called."""
        return self._line.pop(place)[2]

    def first(self, now: float) -> tuple[float, int, int]:
        """When the first of them looks, with its how-manyth call, and its place in the line. The
        line is sorted by phase, then by who sleeps the longest: the first is who began a poll that
        is not over yet, or else begins one next."""
        line = self._line
        over = (self._phase(now - self.wait) - 1) % PHASES
        place = start = bisect_left(line, (over,)) % len(line)
        first = math.inf, 0, 0
        while True:
            phase, _, idle = line[place]
            t, call = self._look(idle, now)
            if t < first[0]:
                first = t, call, place
            if t == now or phase - over > 2:    # else its poll may have just ended
                return first
            place = bisect_right(line, (phase, math.inf)) % len(line)
            if place == start:
                return first

    def _phase(self, t: float) -> int:
        """Where in its period a poll is that began at `t`, in billionths. Whose long polls follow
        each other has none."""
        if self.period == self.wait:
            return 0
        return round(t % self.period / self.period * PHASES) % PHASES

    def _look(self, idle: Idle, now: float) -> tuple[float, int]:
        """When an idle consumer looks next, and with its how-manyth call."""
        period, since = self.period, idle.since
        call = max(int((now - since) / period + 1 / PHASES), idle.call)
        begun = now - since - call * period     # ago
        if -period / PHASES <= begun <= max(self.wait, period / PHASES) and (
                self.wait or call > idle.call):
            return now, call
        return max(since + (call + 1) * period, now), call + 1
