"""How requests to a load balancer end: answered, or in one of the ways of failing.

Picture the receipts of the day, sorted by what happened: served, sent away, walked out, thrown out
when the till died, given the wrong thing at once.

*Models:* what was in line when a target died or left, or came through a lost node, is cut off, or,
at one that hangs, never answered; what is unanswered for too long has timed out.
*Leaves out:* who tries again (`wired` follows them).

All at once, from the columns of `traffic`, when somebody asks.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labsim.services.elb.rules import ERRORS, HANGS, REFUSES
from labsim.services.elb.users import previous

FOREVER = float("inf")
ANSWERED, REFUSED, TIMED_OUT, CUT, REJECTED, SERVER_ERROR = range(6)
AT_ONCE = {REFUSES: -1.0, ERRORS: -2.0, HANGS: FOREVER}     # instead of an end, until `fates_of`


@dataclass(frozen=True)
class Cut:
    """At `at` s what is unfinished at these targets, or came through this node, is cut off; at
    targets that hang nothing is told, and the answer never comes."""

    at: float
    targets: tuple[int, ...] = ()
    node: int = -1
    hangs: bool = False


@dataclass(frozen=True)
class Fates:
    """Requests: when each came and ended (s), where it went (-1: nowhere) and through which node,
    how it ended, the work (s) it was, whose it was, and whether it began a visit."""

    sent: np.ndarray
    ended: np.ndarray
    target: np.ndarray
    node: np.ndarray
    kind: np.ndarray
    work: np.ndarray
    user: np.ndarray
    first: np.ndarray

    @cached_property
    def went(self) -> np.ndarray:
        """Which were sent to a target."""
        return self.target >= 0

    def moved(self) -> tuple[int, int]:
        """Requests that met another target than their user's last one in the same visit, of so
        many that were not the first of a visit."""
        again = ~self.first
        asked = np.zeros(self.user.max(initial=0) + 1, dtype=bool)
        asked[self.user[again]] = True      # of a sample of the users, where nobody is pinned
        which = asked[self.user]
        user, target, again = self.user[which], self.target[which], again[which]
        before = previous(user, target, np.full(len(asked), -1))
        return int((again & (before != target)).sum()), int(again.sum())


class HandedOn:
    """Which requests have been handed on to other parts, since they had ended: `first` is the first
    one that has not, or that nobody has looked at."""

    def __init__(self):
        self.first, self._given = 0, np.empty(0, dtype=bool)    # of those from that one on

    def on(self, fates: Fates, now: float) -> tuple[np.ndarray, np.ndarray]:
        """When those of `fates`, from `first` on, that have ended by `now` and were not handed on
        yet were answered, and when they failed, s, sorted."""
        given = np.zeros(len(fates.sent), dtype=bool)
        given[:len(self._given)] = self._given
        over, good = fates.ended <= now, fates.kind == ANSWERED
        closed = int(np.argmin(np.append(over, False)))
        self.first, self._given = self.first + closed, over[closed:]
        return (np.sort(fates.ended[over & ~given & good]),
                np.sort(fates.ended[over & ~given & ~good]))


# Time, user, whether first, work, node, target, end of nobody's requests.
NOBODY = [np.empty(0, dtype=kind) for kind in (float, int, bool, float, int, int, float)]


def fates_of(columns: list[np.ndarray], cuts: list[Cut], timeout: float) -> Fates:
    """Of requests by time sent (s), user, whether first of a visit, work (s), node, target (-1:
    nowhere) and end (s, or as `AT_ONCE` has it), all of one length."""
    sent, user, first, work, node, target, end = columns
    kind = np.zeros(len(sent), dtype=np.int8)
    if target.min(initial=0) < 0:
        kind[target < 0] = REJECTED
    if end.min(initial=0) < 0:
        kind[end == AT_ONCE[REFUSES]], kind[end == AT_ONCE[ERRORS]] = REFUSED, SERVER_ERROR
        end = np.where(end < 0, sent, end)
    if cuts:
        end = _cut_off(cuts, timeout, sent, node, target, end, kind)
    late = end > sent + timeout
    if late.any():
        kind[late] = TIMED_OUT
        end[late] = sent[late] + timeout
    return Fates(sent, end, target, node, kind, work, user, first)


def _cut_off(cuts, timeout, sent, node, target, end, kind) -> np.ndarray:
    """When requests end that may be cut off, s; `kind` is brought up to date."""
    cut = np.full(len(sent), np.inf)
    for one in sorted(cuts, key=lambda one: not one.hangs):
        low, high = sent.searchsorted([one.at - timeout, one.at], side="right")
        some = slice(max(int(low) - 1, 0), int(high))   # others have timed out, or come later
        of = node[some] == one.node if one.node >= 0 else np.isin(target[some], one.targets)
        inside = of & (end[some] > one.at) & (target[some] >= 0)
        if one.hangs:
            end[some][inside] = np.inf
        else:
            cut[some][inside] = np.minimum(cut[some][inside], one.at)
    kind[np.isfinite(cut)] = CUT
    return np.minimum(end, cut)
