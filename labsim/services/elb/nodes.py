"""The nodes of a load balancer: how each picks a target for a request, and whom it may pick.

Picture the ushers again. One points to the tills in turn, however long their lines (round robin).
Another counts whom he has sent where and is not back yet, and points to the shortest line (least
outstanding requests). A third tosses a die. None knows what the others do. A till that sends
everybody away at once always looks empty, and the second usher falls for it.

*Models:* each node's own turn and its own count; a slow-starting target that takes only a share of
its turns; weights of a die; pinned users that a node may keep on a target.
*Leaves out:* weights between target groups. AWS doesn't say whether nodes share their counts; here
they don't.

Data plane: request-level, since a picker's choice depends on what is unfinished at that moment.
"""

from heapq import heapify, heappop, heappush

import numpy as np

from labsim.services.elb.rules import LEAST, RANDOM, slow_start_share

LINE = 1 << 40          # more turns than there are


class RoundRobin:
    """Points to the members in turn; those in `since` only for a share that grows in `slow` s."""

    def __init__(self, slow: float = 0.0, first: int = 0):
        self.members: list[int] = []
        self.slow, self.since = slow, {}        # since when (s) a target starts slowly
        self._credit: dict[int, float] = {}
        self._turn = first - 1

    def set_members(self, members: list[int]) -> None:
        """From now on these may be picked."""
        self.members = members

    def start_slowly(self, target: int, others: set[int], now: float) -> None:
        """`target` has become healthy beside `others`, one of which has its full share already.
        Fact: elb.slow_start_enters."""
        self.since.pop(target, None)
        if self.slow and any(now - self.since.get(k, -self.slow) >= self.slow for k in others):
            self.since[target], self._credit[target] = now, 0.0

    def pick(self, now: float, chance: float) -> int:
        """A member, the next whose turn it is."""
        members = self.members
        n = len(members)
        for _ in range(n if self.since else 1):
            turn = self._turn + 1
            self._turn = turn = turn if turn < n else 0
            target = members[turn]
            if target not in self.since or self._takes(target, now):
                break
        return target

    by_chance = False

    def picks(self, times: np.ndarray, chances: np.ndarray) -> np.ndarray:
        """The members for requests at `times` (s), as `pick` would name them one by one."""
        if self.since:
            return np.array([self.pick(now, 0.0) for now in times.tolist()])
        n = len(self.members)
        turns = ((self._turn + 1) * (self._turn + 1 < n) + np.arange(len(times))) % n
        self._turn = int(turns[-1])
        return np.array(self.members)[turns]

    def _takes(self, target: int, now: float) -> bool:
        share = slow_start_share(now - self.since[target], self.slow)
        if share >= 1.0:
            del self.since[target]
            return True
        self._credit[target] += share
        if self._credit[target] < 1.0:
            return False
        self._credit[target] -= 1.0
        return True


class AtRandom(RoundRobin):
    """Tosses a die, by the members' `weight` (1 where nothing is said). An NLB's hash is as good.
    Fact: elb.nlb_flow_rule."""

    by_chance = True

    def __init__(self):
        super().__init__()
        self.weight: dict[int, float] = {}

    def pick(self, now: float, chance: float) -> int:
        """A member, each as likely as its weight says; `chance` is uniform in [0, 1)."""
        if not self.weight:
            return self.members[int(chance * len(self.members))]
        return int(self.picks(np.empty(1), np.array([chance]))[0])

    def picks(self, times: np.ndarray, chances: np.ndarray) -> np.ndarray:
        """The same for many."""
        members = np.array(self.members)
        if not self.weight:
            return members[(chances * len(members)).astype(np.int64)]
        weights = np.cumsum([self.weight.get(k, 1.0) for k in self.members])
        return members[np.searchsorted(weights, chances * weights[-1], side="right")]


class LeastOutstanding:
    """Points to a member with the fewest requests that this node has sent there and that are
    still unfinished; among several, to the one that it has not picked for longest.

    keys: of each member, its unfinished requests times `LINE` plus the turn at which it was picked
    last, so that the least key is that one.
    """

    by_chance = False

    def __init__(self):
        self.members: list[int] = []
        self.keys: list[int] = []
        self.place: dict[int, int] = {}     # of each member in these
        self.elsewhere: dict[int, int] = {}     # keys of targets no longer members
        self.turn = 0
        self.out: list[tuple[float, int, float]] = []   # heap: (ends, target, since)

    def set_members(self, members: list[int]) -> None:
        """From now on these may be picked."""
        self.elsewhere.update(zip(self.members, self.keys))
        self.members = list(members)
        self.place = {k: i for i, k in enumerate(members)}
        self.keys = [self.elsewhere.pop(k, 0) for k in members]

    def start_slowly(self, target: int, others: set[int], now: float) -> None:
        """No slow start: it works with round robin only."""

    @property
    def unfinished(self) -> list[int]:
        """Requests out at each member."""
        return [key // LINE for key in self.keys]

    def ended(self, now: float) -> None:
        """Those who are back by `now` are counted."""
        out, keys, place = self.out, self.keys, self.place
        while out and out[0][0] <= now:
            target = heappop(out)[1]
            if target in place:
                keys[place[target]] -= LINE
            else:
                self.elsewhere[target] -= LINE

    def pick(self, now: float, chance: float) -> int:
        """A member with the fewest requests out at `now`."""
        self.ended(now)
        return self.members[self.keys.index(min(self.keys))]

    def sent(self, member: int, now: float, until: float) -> None:
        """A request went to `member`; it is out until `until` s."""
        heappush(self.out, (until, member, now))
        self.goes(member)

    def goes(self, member: int) -> None:
        """A request goes to `member`; it is out until it is `back`."""
        self.turn += 1
        place = self.place.get(member)
        if place is None:           # a pinned user may go to one that nobody else is sent to
            old = self.elsewhere.get(member, 0)
            self.elsewhere[member] = (old // LINE + 1) * LINE + self.turn
        else:
            self.keys[place] = (self.keys[place] // LINE + 1) * LINE + self.turn

    def back(self, member: int) -> None:
        """A request is back from `member`."""
        if member in self.place:
            self.keys[self.place[member]] -= LINE
        else:
            self.elsewhere[member] -= LINE

    def settle(self, targets: set[int], now: float, timeout: float) -> None:
        """`targets` die: what is out there has failed `now`, or `timeout` s after it was sent."""
        self.out = [(since + timeout if timeout else now, k, since)
                    if k in targets and end > now else (end, k, since)
                    for end, k, since in self.out]
        heapify(self.out)


class Node:
    """The balancer's node in one zone.

    first: whose turn it is first. up: it answers. healthy: the targets that it has found healthy.
    holds: those on which a pinned user may stay.
    """

    def __init__(self, zone: int, algorithm: str, slow: float, first: int):
        self.zone, self.up, self.in_dns = zone, True, True
        self.healthy: set[int] = set()
        self.counts = algorithm == LEAST
        self.holds: set[int] = set()
        self.picker = (LeastOutstanding() if algorithm == LEAST else
                       AtRandom() if algorithm == RANDOM else RoundRobin(slow, first))

    def sends_to(self, registered: list[int], draining: list[int]) -> bool:
        """Take note of the targets in its scope; whether any of them is healthy. If none is, it
        sends to all of them: it fails open. Fact: elb.fail_open_rule."""
        healthy = [k for k in registered if k in self.healthy]
        members = healthy or registered
        self.picker.set_members(members)
        self.holds = {*members, *draining}
        return bool(healthy)
