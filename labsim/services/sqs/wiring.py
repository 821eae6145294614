"""How queues are wired: which of them follow their messages one by one, and what can't be.

Picture a sorting office. Parcels come by the lorry load, or each with a messenger who waits; the
room behind takes them as they come, but a lorry can't leave before it is loaded.

*Models:* a queue's messages are followed on the agenda if it, or a queue before it, has been asked
for what needs that or passes them on (`then`), or if somebody before it works on the agenda.
*Leaves out:* a part that hands over in blocks between two on the agenda: it would have to know what
comes before it comes.
"""

from collections.abc import Iterator

import numpy as np

from labsim.declare import Asked, Component
from labsim.declare.asked import AnswerOutlet
from labsim.errors import LabsimError


class QueueOutlet(AnswerOutlet):
    """Where messages leave a queue, one by one or in blocks."""

    def hand_on(self, times: np.ndarray) -> None:
        """Messages have left at `times` (s, sorted)."""
        self.give(times)
        for other in self.asked if len(times) else ():
            other.take(times)

    @property
    def on_agenda(self) -> bool:
        """Whether what leaves here is followed one by one where it comes to."""
        return any(map(on_agenda, self.asked))


def on_agenda(part: Component) -> bool:
    """Whether the requests of a part are followed on the agenda."""
    return followed(part) if hasattr(part, "follow") else isinstance(part, Asked)


def followed(queue) -> bool:
    """Whether the messages of a queue are: it follows them for a reason of its own, or one before
    it does."""
    before = [queue]
    for part in before:     # queues only
        if part.follow or part.askers or part.onward:
            return True
        for other in part.fed_by:
            if hasattr(other, "follow"):
                before += [other] if other not in before else []
            elif on_agenda(other):
                return True
    return False


def block_feeders(queue) -> list[Component]:
    """Parts that hand messages over in blocks, and so advance first."""
    return [part for part in queue.fed_by if not on_agenda(part)]


def upstream(part: Component) -> Iterator[Component]:
    """All parts from which something comes to this one, however far; itself, if in a circle."""
    before, seen = [part], []
    for one in before:
        for other in (*one.fed_by, *getattr(one, "askers", ())):
            if other not in seen:
                seen.append(other)
                before.append(other)
                yield other


def check(queue) -> None:
    """LabsimError for a circle, or a way from the agenda to the agenda, that cannot be advanced."""
    if not followed(queue):
        if queue in (before := list(upstream(queue))):
            ways = ", ".join(p.name for p in before if p is not queue)
            raise LabsimError(f"what leaves {queue.name} comes back to {queue.name}"
                              f"{' by way of ' + ways if ways else ''}: one `done.to` has to go")
        feeders = [queue] if any(outlet.on_agenda for outlet in queue.outlets) else []
    else:
        feeders = block_feeders(queue)
    for feeder in feeders:
        if known := [part.name for part in upstream(feeder) if on_agenda(part)]:
            raise LabsimError(
                f"requests are followed one by one in {known[0]}, but {feeder.name} after it hands "
                "them over in blocks, to a part that follows them again: one `to` has to go")
