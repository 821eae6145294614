"""S3 replication: the same bucket in several regions, a little later.

Picture a firm with offices in several towns. A copy of every new paper goes to the others by the
next van. What was filed before the van was hired doesn't come, and an office doesn't send its
copies on.

*Models:* the price of copies: storage, transfer, PUTs, Time Control. When a copy gets a change is
drawn by who uses it (`cloudfront.Buckets`).
*Leaves out:* what Time Control promises (facts s3.rtc, s3.rtc_s), deletes, versions of one object
in the same second, Batch Replication, failures, changes at a replica.
"""

from labsim import factbook

TRANSFER = factbook.value("s3.replication_gb")
TIME_CONTROL = factbook.value("s3.rtc_gb")
STORAGE = factbook.value("s3.standard_price")
PUT = factbook.value("s3.put_price_1000") / 1_000


def cost(copies: int, stored_gb: float, written_gb: float, written: float,
         time_control: bool = False) -> dict[str, float]:
    """USD by line for a month with `copies` beside the bucket itself: `stored_gb` in each of all,
    and `written` objects of `written_gb` together that were new or changed."""
    moved = TRANSFER + (TIME_CONTROL if time_control else 0.0)
    return {"storage": (1 + copies) * stored_gb * STORAGE,
            "replication": copies * (written_gb * moved + written * PUT)}
