"""What a part asks others in the course of its work.

Picture a clerk who rings up other offices while you wait, one after the other, and may do without
what one of them says.

*Models:* calls in order, each by a client of its own with timeouts, retries and a pool of
connections; who has lost the request in whose course he calls does not call again.
*Leaves out:* calls at the same time.
"""

import math
from dataclasses import dataclass

from labsim.declare import Asked, Client, Retry
from labsim.engine.center import WORKS
from labsim.errors import ParameterError


@dataclass(frozen=True)
class Ask:
    """A call that each request makes to `to`, a part that answers, in the course of its work.

    retry: what is done if no answer comes. pool: at most so many such calls are under way; the
    others wait for a connection. trip: s there and back. optional: the request goes on without it.
    """

    to: Asked
    retry: Retry | None = None
    pool: float = math.inf
    trip: float = 0.0
    optional: bool = False


class Inner(Client):
    """What a part asks another one in the course of its work: the arrow between their boxes."""

    boxed = False

    def _goes_on(self, request) -> bool:
        """Whether the call is still worked on; and wanted, where work is cancelled otherwise."""
        call = request.asker
        return call.state == WORKS and (not self.owner.cancels or call.wanted)


def asks(calls) -> list[Ask]:
    """The calls that each request makes, each as an `Ask`."""
    calls = calls if isinstance(calls, (list, tuple)) else [calls]
    for one in calls:
        if not isinstance(one.to if isinstance(one, Ask) else one, Asked):
            raise ParameterError("calls", getattr(one, "name", one), "a part that answers, or "
                                 "labsim.ask(part, ...), or several of them")
    return [one if isinstance(one, Ask) else Ask(one) for one in calls]
