"""Anomaly mitigation: targets with disproportionately many errors get less of the load.

Picture the manager with a list of complaints. Every few seconds she looks who has too many of them,
beside the others, and the usher sends fewer people there; little by little they come back.

*Models:* weights (automatic target weights) that are cut and won back by what the requests since
the last evaluation have come to. *Leaves out:* anomalies in answers that take longer than from one
evaluation to the next, and, where targets can't be full, anomalies without a fault.
"""

import numpy as np

from labsim.services.elb import rules
from labsim.services.elb.fates import ANSWERED


class Weights:
    """cut: the weights, below 1, of the targets of `group` (a `TargetGroup`) that are mitigated."""

    def __init__(self, group):
        self.group, self.cut = group, {}
        self._looked = -1       # the first request not yet weighed; -1: nobody weighs

    def begin(self, always: bool = False) -> None:
        """From now on targets are weighed: until all is well and has its full weight, or always."""
        if self._looked < 0:
            self.group.sim.process(self._weighing(always))

    def _weighing(self, always: bool):
        group = self.group
        self._looked = group.traffic.routed
        while always or self.cut or group.traffic.failing:
            seconds = rules.WEIGHED_EVERY
            yield from group.at((group.sim.now // seconds + 1) * seconds)
            self._weigh(group.sim.now)
            self._looked = group.traffic.routed
        self._looked = -1

    def _weigh(self, now: float) -> None:
        """Weigh the targets by the requests since the last time that have ended by `now`, s."""
        group, fates = self.group, self.group.traffic.fates(self._looked)
        ended = (fates.ended <= now) & fates.went
        count = np.bincount(fates.target[ended], minlength=len(group.zone))
        bad = ended & (fates.kind != ANSWERED)
        errors = np.bincount(fates.target[bad], minlength=len(group.zone))
        usable = {k for zone in group.zones for k in group.nodes[zone].healthy}
        places = [*group.zones, rules.EVERYWHERE]
        for zones in ([places] if group.cross else [[zone] for zone in places]):
            here = [k for k in group.registered if group.zone[k] in zones and k in usable]
            found = rules.anomalous([int(errors[k]) for k in here], [int(count[k]) for k in here])
            worst = {here[place] for place in found}
            for k in here:
                if k in worst and k not in self.cut:
                    group.part.log("anomaly", f"target {k + 1} is anomalous, its weight is cut")
                    if group.traffic.failing.get(k) == rules.ERRORS:    # no check will notice
                        group.detection = max(group.detection, now - group.died[k])
                self.cut[k] = rules.reweighed(self.cut.get(k, 1.0), k in worst)
        self.cut = {k: w for k, w in self.cut.items() if w < 1.0 and k in group.registered}
        for zone in group.zones:
            group.nodes[zone].picker.weight = self.cut
        group.part.record.level("mitigated", now, len(self.cut))
