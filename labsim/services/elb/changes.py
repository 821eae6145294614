"""What is done to a load balancer: targets come and leave, something breaks.

Picture the manager's diary: four tills more at nine, two fewer at six, and a till that jams.

*Models:* changes at a moment, made as control events. *Leaves out:* what they do to the targets
(`target_group`, `trouble`).
"""

from labsim.declare import Asked
from labsim.errors import require, require_each
from labsim.services.elb import rules
from labsim.services.elb.trouble import EVICTION


class Changed(Asked):
    """A load balancer whose `targets` (a `TargetGroup`) change."""

    @property
    def is_target_group(self) -> bool:
        """Whether it is but a target group of others of its kind: one whose requests all come from
        these, as to a target of theirs or by `then`. An ALB behind an NLB is one of its own."""
        return bool(self.askers) and not (self.is_fed or self.fed_by) and all(
            isinstance(asker, Changed) and asker.kind == self.kind for asker in self.askers)

    def add(self, at: float, how_many: int, cold_factor: float = 1.0, warm_time: float = 0.0
            ) -> None:
        """So many targets are registered at `at` s, where the fewest are. At first they need
        `cold_factor` times as long for everything, for `warm_time` s less and less."""
        require_each(at=at, how_many=how_many, warm_time=warm_time)
        require("cold_factor", cold_factor, 1)

        def coming():
            yield from self.targets.at(at)
            self.targets.register(self.targets.emptiest(how_many), cold=(cold_factor, warm_time))
        self.sim.process(coming())

    def remove(self, at: float, how_many: int) -> None:
        """So many targets are deregistered at `at` s, the oldest where the most are."""
        require_each(at=at, how_many=how_many)

        def leaving():
            yield from self.targets.at(at)
            self.targets.deregister(how_many)
        self.sim.process(leaving())

    def fault(self, at: float, lasts: float, what: str, zone: str, how_many: int = 1,
              eviction: float = EVICTION) -> None:
        """From `at` on for `lasts` s (0: to the end) so many targets of `zone` refuse
        ("target-refuses"), never answer ("target-hangs") or answer 5xx at once and pass their
        checks ("target-errors"), or the zone with its node is lost ("zone-lost"). eviction: how
        long DNS goes on naming that node, s."""
        rules.one_of("what", what, rules.FAULTS)
        require_each(at=at, lasts=lasts, how_many=how_many, eviction=eviction)
        place = rules.ZONES.index(rules.one_of("zone", zone, rules.ZONES))

        def breaking():
            yield from self.targets.at(at)
            self.targets.fault(lasts, what, place, how_many, eviction)
        self.sim.process(breaking())

    def breakable(self) -> dict:
        """Itself, its targets ("web-1"), its zones ("web-a")."""
        return self.targets.trouble.breakable()

    def suffer(self, piece: str, what: str, amounts: list[float]) -> None:
        """Faults of these amounts hold from now on for a target, a zone, or all of it."""
        self.targets.trouble.suffer(piece, what, amounts)
