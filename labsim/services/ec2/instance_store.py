"""An instance store: a disk in the machine that an EC2 instance runs on.

Picture the drawer of a hotel room's desk. Nothing is nearer at hand, and whoever checks out finds
another room, with an empty drawer.

*Models:* its limit of I/Os, what a stop loses. *Leaves out:* disks that break, several of them.

Data plane: counted, as a fluid: see `labsim.services.common.storage`.
"""

from labsim import factbook
from labsim.declare import Metric
from labsim.engine import Simulation
from labsim.engine.storage_device import Device
from labsim.errors import require_each
from labsim.services.common.storage import Storage

IOPS = factbook.value("istore.iops")
LATENCY = 1e-4      # s; an assumption


class InstanceStore(Storage):
    """A disk of `size` GiB that does `iops`. Others: see `Storage`."""

    METRICS = (*Storage.METRICS, Metric(
        "lost_gib", "GiB", "data lost with a stopped instance", "lower", lambda s: s.lost_gib,
                                        label="lost"))
    emptied = ", with an empty instance store"

    def __init__(self, sim: Simulation, name: str, size: float = 100.0, *, iops: float = IOPS,
                 io_size: float = 16.0, latency: float = LATENCY, **load):
        require_each(above=True, endless=True, size=size, iops=iops, io_size=io_size,
                     latency=latency)
        self.size, self.lost_gib = size, 0.0
        super().__init__(sim, name, Device(iops, iops, latency), io_size=io_size, **load)

    def _stopped(self) -> str:
        self.lost_gib = self.size
        return f"{self.size:g} GiB of the instance store are lost"

    def month_price(self) -> dict[str, float]:
        """Nothing: it is in the instance's price."""
        return {"storage": 0.0}
