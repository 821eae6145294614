"""Environments whose invocations end whenever they do: the function calls others, and waits.

Picture the same exchange, where an operator has to ring up somebody else while the caller holds the
line. When she is free again nobody knows beforehand; until then the line is in use.

*Models:* the same rules as `Environments`, for invocations that are begun, and finished some time
later. *Leaves out:* what `Environments` leaves out.

Data plane: request-level, exact, on the agenda; invocations begin and finish in order of time.
"""

from collections.abc import Iterator
from typing import NamedTuple

from labsim.services.lambda_.environments import Environments

NEVER = float("inf")


class Held(NamedTuple):
    """An environment in use: until when it may be used, how long it bears to be idle, s; whether it
    had to be started."""

    until: float
    patience: float
    cold: bool


class OpenEnvironments(Environments):
    """`begin(t)` and `finish(t, held)` instead of `invoke(t, work)`."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self._born = (NEVER, NEVER)             # the fate of the newest, as it is kept
        if self._fates is not None:
            self._fates = self._told(self._fates)

    def _told(self, fates: Iterator[tuple[float, float]]) -> Iterator[tuple[float, float]]:
        for fate in fates:
            self._born = fate
            yield fate

    def begin(self, t: float) -> Held | float:
        """A call at `t` s, never earlier than the last one: the environment that it holds from now
        on, or why it is throttled (negative, as by `invoke`)."""
        if self._fates:
            self._end_some(t)
        one = self.idle[-1] if self.idle else None
        why = self.invoke(t, NEVER)             # in `busy` it ends never: all there are alike
        if why < 0.0:
            return why
        if not self._fates:
            return Held(NEVER, NEVER, one is None)
        if one is None:
            life, patience = self._born
            return Held(t + life, patience, True)
        return Held(one[1], one[2], False)

    def finish(self, t: float, held: Held) -> None:
        """An invocation ends at `t` s; its environment is idle."""
        self.busy.pop()
        self.idle.append((t, held.until, held.patience) if self._fates else t)
        self._last = t
