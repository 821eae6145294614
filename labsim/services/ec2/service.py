"""A service on EC2 instances: threads that answer requests, and what the instances cost.

Picture the tills of one shop, all fed from one line: whoever is free takes the next customer, and
rings up the storehouse while he waits.

*Models:* all threads of all instances as one group of servers (`labsim.services.common.serving`).
*Leaves out:* who of the instances is asked (`elb.Balancer`), and how many there are (`Fleet`).
"""

import math

import numpy as np

from labsim import factbook
from labsim.engine import ServiceTimes, Simulation
from labsim.engine.center import FIFO
from labsim.errors import require
from labsim.services.common.serving import Serving

PRICE = factbook.value("ec2.t3_medium_price")       # USD per instance and hour


class Service(Serving):
    """`instances` with so many `threads` each, which answer requests, each of which is `work`.
    The other parameters are those of `labsim.services.common.serving.Serving`. price: USD per
    instance and hour."""

    sets = ("servers",)

    def __init__(self, sim: Simulation, name: str, work: ServiceTimes, *, instances: int = 1,
                 threads: int = 1, calls=(), order: str = FIFO, max_queue: float = math.inf,
                 max_wait: float | ServiceTimes = math.inf, contention: float = 0.0,
                 cancels: bool = False, price: float = PRICE,
                 random: np.random.Generator | None = None):
        require("instances", instances, 1, whole=True)
        require("threads", threads, 1, whole=True)
        require("price", price)
        super().__init__(sim, name, instances * threads, work, calls=calls, order=order,
                         max_queue=max_queue, max_wait=max_wait, contention=contention,
                         cancels=cancels, random=random)
        self.instances, self.price = instances, price

    def cost(self) -> dict[str, float]:
        """What the instances cost."""
        hours = self.sim.duration / 3600
        return {"EC2 instances": self.instances * hours * self.price}
