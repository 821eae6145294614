"""Who stays where: the cookies (ALB) and connections (NLB) that pin users to targets.

Picture regulars who insist on *their* till. A loyalty card is valid for so long from each time it
was shown (a cookie); a taxi waits for so long from when it was called (a connection).

*Models:* per user the target, the node it came through, and until when; an ALB renews its cookie
with every answer (fact elb.cookie_renewed), a connection lasts from when it was opened.
*Leaves out:* clients that refuse cookies; addresses that several users share.
"""

import numpy as np

from labsim.services.elb.lines import in_order

ROUNDS = 24     # connections of a user in a piece, beyond which one by one is quicker


class Pins:
    """keep: how long (s) a user stays; 0: for one request. renewed: from each request on, not from
    the pick. by_connection: requests go through the node that the connection was opened at."""

    def __init__(self, keep: float, renewed: bool, by_connection: bool):
        self.keep, self.by_connection = keep, by_connection
        self.renewed = renewed or keep == np.inf    # for ever, whenever that began
        self.target, self.via = np.full(1, -1, dtype=np.int32), np.zeros(1, dtype=np.int8)
        self.until = np.zeros(1)

    def welcome(self, users: int) -> int:
        """There are so many users more; the number of the first of them."""
        first = len(self.target)
        self.target = np.append(self.target, np.full(users, -1, dtype=np.int32))
        self.via = np.append(self.via, np.zeros(users, dtype=np.int8))
        self.until = np.append(self.until, np.zeros(users))
        return first

    def often(self, t: np.ndarray) -> bool:
        """Whether a user may open too many connections between these times, s, for `stay`."""
        return not self.renewed and t[-1] - t[0] > ROUNDS * self.keep

    def stay(self, piece, doors: np.ndarray, held: np.ndarray, picks) -> tuple:
        """(target, node) of each request, where what a user may stay on is `held` (zones, targets)
        the whole piece long; picks(which) names the targets of requests that need one, in order.
        """
        n, user = len(piece), piece.user
        order = in_order(user, len(self.target))
        user, t = user[order], piece.t[order]
        begins = np.append(True, user[1:] != user[:-1])     # a user's first one here
        who, at = user[begins], begins.nonzero()[0]
        target, via, until = self.target[who], self.via[who], self.until[who]
        node = via if self.by_connection else doors[order[at]]
        new = piece.first[order]
        new[at] |= (target < 0) | ~held[node, target] | (t[at] >= until)
        if self.renewed:
            new[1:] |= ~begins[1:] & (t[1:] >= t[:-1] + self.keep)
            last = np.maximum.accumulate(np.where(new | begins, np.arange(n), 0))
        else:
            opened = np.zeros(n)
            while True:         # whose connection has run out opens another, which may run out
                last = np.maximum.accumulate(np.where(new | begins, np.arange(n), 0))
                opened[at] = until - self.keep
                opened[new] = t[new]
                over = t >= opened[last] + self.keep
                over[1:] &= (last[1:] != last[:-1]) | ~over[:-1]    # the first of those in a row
                over &= ~new
                if not over.any():
                    break
                new |= over
        which = np.sort(order[new])
        picked, through = np.full(n, -1, dtype=np.int32), doors.astype(np.int8)
        picked[which] = picks(which)
        picked, through = picked[order], through[order]
        old = at[~new[at]]
        picked[old], ends = target[~new[at]], np.append(at[1:], n) - 1
        if self.by_connection:
            through[old] = via[~new[at]]
            through = through[last]
        picked = picked[last]
        since = t if self.renewed else opened[last]
        self.target[who], self.via[who] = picked[ends], through[ends]
        self.until[who] = since[ends] + self.keep
        back = np.empty(n, dtype=np.int64)
        back[order] = np.arange(n)
        return picked[back], through[back]
