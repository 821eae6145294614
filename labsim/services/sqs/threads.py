"""The threads that receive from an Amazon SQS queue, and how many of them may hold a message.

Picture a cloakroom with so many hangers, and helpers at the counter. A helper without a hanger
takes no coat; a coat whose helper has run away keeps its hanger until somebody misses it.

*Models:* the limit of messages in flight: beyond it a long poll returns nothing, and whoever polls
waits. A message that is lost with its consumer is in flight until it is visible again.
*Leaves out:* short polls, which get an error there (OverLimit).

Source: fact sqs.inflight_max_standard. All threads are alike, so one without room is one that the
station does not know.
"""

import numpy as np

from labsim.engine import Due, Station


class Threads:
    """The servers of `station`, and those threads for which there is no room: at most `most`
    messages are in flight."""

    def __init__(self, station: Station, most: int):
        self.station = station
        self.outside = 0            # threads without room
        self._room = most           # nobody has it
        self._room_later = Due()    # nobody will have it from then on

    def add(self, count: int) -> None:
        """So many more threads receive from now on."""
        now = self.station.now
        self._room += sum(1 for _ in self._room_later.upto(now))
        inside = min(count, self._room)
        self._room -= inside
        self.station.add(now, inside)
        self.outside += count - inside
        while self.outside and len(self._room_later):
            self._enter(self._room_later.pop()[0])

    def leave(self, count: int, rng: np.random.Generator) -> list[int]:
        """So many of the threads, any of them, receive no more: returns which servers of the
        station that are. Their room is to be given back (`give_back`)."""
        inside = self.station.servers
        among = inside + self.outside
        which = ([int(rng.integers(among))] if count == 1
                 else rng.choice(among, count, replace=False).tolist())
        servers = [thread for thread in which if thread < inside]
        self.outside -= count - len(servers)
        return servers

    def give_back(self, times: list[float]) -> None:
        """Nobody has this room from `times` (s, now or later) on; those without any get it."""
        now = self.station.now
        for t in sorted(times):
            if self.outside:
                self._enter(t)
            elif t <= now:
                self._room += 1
            else:
                self._room_later.put(t)

    def _enter(self, t: float) -> None:
        self.outside -= 1
        self.station.add(t)
