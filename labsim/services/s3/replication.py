"""S3 replication: the same bucket in several regions, a little later.

Picture a firm with offices in several towns. A copy of every new paper goes to the others by the
next van. What was filed before the van was hired doesn't come, and an office doesn't send its
copies on.

*Models:* which objects are replicated; a lag that is exponentially distributed, or so that Time
Control's promise just holds; the price of copies: storage, transfer, PUTs, Time Control.
*Leaves out:* deletes, versions of one object in the same second, Batch Replication, failures,
changes at a replica.

No data plane: a lag is drawn per object and region by who uses it.
"""

import math

from labsim import factbook

TRANSFER = factbook.value("s3.replication_gb")
TIME_CONTROL = factbook.value("s3.rtc_gb")
PROMISED, WITHIN = factbook.value("s3.rtc") / 100, factbook.value("s3.rtc_s")
STORAGE = factbook.value("s3.standard_price")
PUT = factbook.value("s3.put_price_1000") / 1_000


def is_replicated(written: float, rule_since: float, is_copy: bool = False) -> bool:
    """Whether an object written at `written` s goes on to the other buckets under a rule that is
    there since `rule_since` s; a copy that was replicated itself doesn't. Fact:
    s3.replication_rule."""
    return written >= rule_since and not is_copy


def late_share(mean_lag: float, after: float) -> float:
    """The part of the objects that is not there yet `after` s, for an exponential lag."""
    return math.exp(-after / mean_lag) if mean_lag else 0.0


def longest_mean_lag(share: float = PROMISED, within: float = WITHIN) -> float:
    """The mean of an exponential lag of which `share` is over `within` s: as slow as replication
    may be with Time Control's promise just kept."""
    return within / -math.log(1.0 - share)


def cost(copies: int, stored_gb: float, written_gb: float, written: float,
         time_control: bool = False) -> dict[str, float]:
    """USD by line for a month with `copies` beside the bucket itself: `stored_gb` in each of all,
    and `written` objects of `written_gb` together that were new or changed."""
    moved = TRANSFER + (TIME_CONTROL if time_control else 0.0)
    return {"storage": (1 + copies) * stored_gb * STORAGE,
            "replication": copies * (written_gb * moved + written * PUT)}
