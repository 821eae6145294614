"""What Amazon Aurora and RDS cost: instances by the hour, and Aurora's writes to its storage.

Picture the kitchen's pay roll: cooks by the hour, a bigger one for more, the deputy as much as the
chef although he stands by; and a fee for each thing that is put into the shared pantry.

*Models:* instances while they exist, in proportion to their size; RDS's standby; Aurora's I/O of
writes; RDS Proxy by the vCPU of each instance. *Leaves out:* storage, backups, I/O of reads, the
proxy's least charge, what is reserved.
"""

import numpy as np

from labsim import factbook
from labsim.services.aurora.rules import AURORA, RDS
from labsim.services.aurora.writers import Proxy

PRICES = {AURORA: factbook.value("aurora.t3_large_price"),  # USD per instance and hour
          RDS: factbook.value("rds.t3_large_price")}
IO_PRICE = factbook.value("aurora.io_price_million") / 1e6


def instance_hours(billed: np.ndarray, size: np.ndarray, length: np.ndarray) -> float:
    """Hours of an instance of size 1; billed: whether each is, (steps, instances); size: of each,
    (instances,); length: of each step, s."""
    return float(((billed * length[:, None]).sum(axis=0) / 3600 * size).sum())


def bill(engine: str, hours: float, price: float, *, writes: float, standby: float,
         proxy: Proxy | None) -> dict:
    """{line: USD} of so many instance hours, and hours of a standby, at `price` USD/h."""
    lines = {"instances": hours * price}
    if engine == AURORA:
        lines["write I/O"] = writes * IO_PRICE
    else:
        lines["standby"] = standby * price
    if proxy:
        lines["proxy"] = hours * proxy.vcpus * proxy.price
    return lines
