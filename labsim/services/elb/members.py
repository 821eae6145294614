"""The instances of a fleet among the targets of a load balancer.

Picture two agencies that send cashiers to one supermarket. People stand before whoever the usher
points at; but each agency asks about its own, and takes its own home.

*Models:* instances that are registered as they enter service, in the emptiest zone, and
deregistered as they leave; how long each group has worked; requests that are another amount of work
for another fleet. *Leaves out:* weights between target groups: fleets of one balancer are one.
"""

import numpy as np

from labsim.engine import ServiceTimes, one_by_one
from labsim.services.elb import rules
from labsim.services.elb.fates import REFUSED, SERVER_ERROR


class Members:
    """Those of the fleet `name`; `work` is a request for them. An `ec2.Fleet` talks to it."""

    def __init__(self, balancer, name: str, work: ServiceTimes | None):
        self.balancer, self.name, self.work = balancer, name, work
        self.numbers: list[int] = []        # of its targets
        self._works = work and one_by_one(
            work.draw, lambda: balancer.random(f"service of {name}"))

    def works(self, targets: list[int]) -> None:
        """At these, requests are work as this fleet's are."""
        if self.work != self.balancer.traffic.work:
            for target in targets:
                self.balancer.traffic.works_at(target, self._works)

    def advance(self, now: float) -> None:
        """Let requests flow until `now`."""
        self.balancer.advance(now)

    def add_consumer(self) -> None:
        """An instance enters service: it is registered, where the fewest are."""
        balancer, targets = self.balancer, self.balancer.targets
        if now := balancer.sim.now:     # else parts are still being wired
            balancer.advance(now)
        self.numbers.append(len(targets.zone))
        targets.register(targets.emptiest(1), ready=not now)
        if balancer.follows:
            self.works(self.numbers[-1:])

    def remove_consumer(self, random: np.random.Generator, *, drain: bool) -> float:
        """An instance, any of them, is to leave: when it is let go, s. drain: when its requests
        have ended, or the deregistration delay is over; else they are cut off now."""
        balancer, targets = self.balancer, self.balancer.targets
        now = balancer.sim.now
        balancer.advance(now)
        (target,) = targets.deregister(1, None if drain else 0.0, among=self.numbers)
        return rules.let_go(now, targets.waits[target], targets.traffic.done_at(target))

    def busy_seconds(self) -> float:
        """Seconds that its targets have worked by now; who died had worked its line off."""
        traffic, now = self.balancer.targets.traffic, self.balancer.sim.now
        if self.balancer.follows:
            return traffic.busy(self.numbers) / self.balancer.threads
        fates = traffic.fates()
        worked = fates.went & (fates.kind != REFUSED) & (fates.kind != SERVER_ERROR)
        if len(self.numbers) < len(traffic.free):
            worked &= np.isin(fates.target, self.numbers)
        return float(fates.work[worked].sum()) - sum(
            max(traffic.free[k] - now, 0.0) for k in self.numbers)
