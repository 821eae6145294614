"""An Amazon EBS volume at work: its type's limits, its credits, and who is attached to it.

Picture a pipe from the hardware shop in a house: what flows is the least of what the pipe does,
what the tap lets through, and what those who draw ask for at a time.

*Models:* `rules` has what a volume may do, `instance` what those it is attached to may,
`labsim.services.common.storage` how I/Os flow; several volumes striped together. *Leaves out:*
changing a volume, snapshots, a part of the load for each instance.

Data plane: counted, as a fluid.
"""

from labsim.engine import Simulation
from labsim.errors import ParameterError, require, require_each, unknown
from labsim.services.common.storage import Storage
from labsim.services.ebs import bill, rules
from labsim.services.ebs.instance import Instance
from labsim.services.ebs.rules import Spec


class Volume(Storage):
    """A volume of `type` with `size` GiB; `iops` and `throughput` (MiB/s) as provisioned, by
    default the least. I/Os are of `io_size` KiB; `sequential`: in a row, so that small ones are
    merged. instance: what it is attached to, an `Instance`; by default one that limits nothing.

    latency: of an I/O, s. credits: how full the bucket is at first. stripes: so many volumes that
    have a part of the size, the IOPS and the throughput each. Others: see `Storage`.
    """

    def __init__(self, sim: Simulation, name: str, type: str = rules.GP3, size: float = 100.0, *,
                 iops: float | None = None, throughput: float | None = None, io_size: float = 16.0,
                 sequential: bool = False, latency: float | None = None, credits: float = 1.0,
                 stripes: int = 1, instance: Instance | None = None, **load):
        if type not in rules.TYPES:
            raise unknown("type", type, rules.TYPES)
        latency = rules.LATENCY[type] if latency is None else latency
        require_each(above=True, endless=True, io_size=io_size, latency=latency)
        require("stripes", stripes, 1, whole=True)
        require("credits", credits, 0, 1)
        self.spec = Spec(type, size, *(
            stripes * least if given is None else given for given, least in (
                (iops, rules.LEAST_IOPS.get(type, 0.0)),
                (throughput, rules.GP3_THROUGHPUT * (type == rules.GP3)))))
        self.stripes = stripes
        if refused := rules.refusal(rules.striped(self.spec, stripes)):
            what, allowed = refused
            raise ParameterError(what, getattr(self.spec, what), allowed)
        if instance:
            load["taps"] = instance.taps(
                io_size, rules.operations(io_size, type in rules.HDD, sequential))
        super().__init__(sim, name, rules.device(
            self.spec, io_size, latency=latency, sequential=sequential, start=credits,
            stripes=stripes), io_size=io_size, **load)

    def month_price(self) -> dict[str, float]:
        """What it costs per month, USD by line."""
        return bill.month_price(self.spec, self.stripes)
