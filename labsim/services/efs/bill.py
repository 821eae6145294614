"""What Amazon EFS costs: by what is stored, by throughput that is rented, or by what is moved.

Picture a well's keeper who asks for a share of the land, for the pump, or a coin for each bucket.

*Models:* Standard storage, provisioned throughput beyond the baseline, elastic transfers, of which
each counts as 32 KiB at least. A GB of the price list is a GiB: EFS meters in KiB.
*Leaves out:* One Zone, other storage classes.
"""

from labsim import factbook
from labsim.services.efs.rules import BASELINE, PROVISIONED

PRICE = factbook.value("efs.standard_price")
PROVISIONED_PRICE = factbook.value("efs.provisioned_price")
READ_PRICE = factbook.value("efs.elastic_read_gb")
WRITE_PRICE = factbook.value("efs.elastic_write_gb")
LEAST = 32      # KiB; efs.elastic_min


def month_price(mode: str, size: float, throughput: float = 0.0) -> dict[str, float]:
    """What a file system costs per month, USD by line, without an elastic one's transfers."""
    lines = {"storage": PRICE * size}
    if mode == PROVISIONED:
        beyond = max(0.0, throughput - BASELINE * size)
        lines["provisioned throughput"] = PROVISIONED_PRICE * beyond
    return lines


def transfer_price(reads: float, writes: float, io_size: float) -> float:
    """What an elastic file system charges for so many reads and writes of `io_size` KiB, USD."""
    gib = max(io_size, LEAST) / 2**20
    return gib * (reads * READ_PRICE + writes * WRITE_PRICE)
