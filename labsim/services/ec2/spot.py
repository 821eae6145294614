"""EC2 Spot: spare capacity, cheap, until EC2 wants it back.

Picture a guest house that lets empty rooms for a third of the price, on one condition: when
somebody books properly, you are out in two minutes, and everybody of your corridor with you.

*Models:* reclaims that strike all Spot instances of a zone at once, at random times; the notice of
two minutes; a successor launched at the notice (capacity rebalancing) or only when the instance
is gone.
*Leaves out:* prices that move, several instance types (pools), a launch that finds no Spot
capacity, rebalance recommendations that come before the notice, notices that come late.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from labsim import factbook
from labsim.declare import Component, Count
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError
from labsim.services.ec2.fleet import ZONES, Instance

NOTICE = factbook.value("ec2.spot_interruption_notice")


def reclaim_times(per_day: float, duration: float, rng: np.random.Generator) -> list[float]:
    """When a zone's Spot capacity is wanted back: Poisson, so many a day on average."""
    count = int(rng.poisson(per_day * duration / 86_400))
    return sorted((rng.random(count) * duration).tolist())


@runtime_checkable
class Scaled(Protocol):
    """an autoscaling.Group"""

    def replace(self, instance: Instance) -> None:
        """A successor is launched for an instance that will go."""

    def lose(self, instance: Instance) -> None:
        """An instance is gone."""


class Reclaims(Component):
    """EC2 takes back the Spot instances of `group` (an `autoscaling.Group`), `per_day` times a day
    in each zone; `lost` counts those that it took.

    rebalance: a successor is launched at the notice (CapacityRebalance).
    random: the name of the streams that say when it strikes, one per zone; by default its own.
    """

    METRICS = (
        Count("spot_lost", "instances", "Spot instances taken back in service or booting",
              "lower", lambda r: r.lost),)
    control = True

    def __init__(self, sim: Simulation, name: str, group: Scaled, per_day: float, *,
                 rebalance: bool = False, random: str = ""):
        super().__init__(sim, name)
        if not per_day >= 0:
            raise ParameterError("per_day", per_day, "at least 0")
        self.group, self.rebalance, self.lost = group, rebalance, 0
        self.link(group.fleet, "take back")
        if group.fleet.spot_share:
            for zone in ZONES:
                sim.process(self._reclaiming(zone, reclaim_times(
                    per_day, sim.duration, sim.stream(f"{random or name} {zone}"))))

    def _reclaiming(self, zone: str, times: list[float]):
        for t in times:
            yield self.sim.until(t, Order.CAPACITY)
            noticed = [i for i in self.group.fleet.instances
                       if i.spot and i.zone == zone and i.state != "terminating" and not i.noticed]
            if noticed:
                self.log("spot", f"{len(noticed)} Spot instances of zone {zone} get their "
                                 f"notice, {NOTICE:g} s")
                self.sim.process(self._end(noticed))

    def _end(self, noticed: list):
        for instance in noticed:
            instance.noticed = True
            if self.rebalance:
                self.group.replace(instance)
        yield self.sim.until(self.sim.now + NOTICE, Order.CAPACITY)
        for instance in noticed:
            if instance.state != "terminating" and instance.state != "terminated":
                self.lost += 1
                self.group.lose(instance)
