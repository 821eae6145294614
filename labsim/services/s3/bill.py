"""Amazon S3 storage classes: when a lifecycle rule acts, and what an archive costs.

Picture a cellar under the library. Boxes are carried down at midnight only; each gets a label
that takes up room of its own, and whoever fetches a box up early pays for the whole season.

*Models:* due times of lifecycle rules; Flexible Retrieval's overhead per object, its price
against Standard, its transition fee and its minimum storage time.
*Leaves out:* the other archive classes, retrieval, tiers of the price by volume.

Prices are for us-east-1; sizes in bytes, a GB of the bill is 2**30 bytes, a month 30 days.
"""

from datetime import datetime, timedelta

from labsim import factbook

GB = 2**30
MONTH = 30.0    # days
STANDARD = factbook.value("s3.standard_price")
FLEXIBLE = factbook.value("s3.flexible_price")
TRANSITION = factbook.value("s3.flexible_transition_price") / 1000
MINIMUM = factbook.value("s3.glacier_min_days")
IN_ARCHIVE = factbook.value("s3.archive_overhead_bytes")
IN_STANDARD = factbook.value("s3.index_overhead_bytes")


def due(created: str, days: int) -> str:
    """When a rule of so many days acts on an object: created + days, up to the next midnight.

    Times are UTC, ISO 8601. Fact: s3.lifecycle_rule.
    """
    time = datetime.fromisoformat(created) + timedelta(days=days)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight if midnight == time else midnight + timedelta(days=1)).isoformat()


def standard_month(objects: float, size: float) -> float:
    """USD a month for objects of `size` bytes in Standard."""
    return objects * size / GB * STANDARD


def flexible_month(objects: float, size: float) -> float:
    """USD a month for objects of `size` bytes in Flexible Retrieval, their overhead included."""
    return objects * ((size + IN_ARCHIVE) * FLEXIBLE + IN_STANDARD * STANDARD) / GB


def pay_back(objects: float, size: float) -> float:
    """Months until the transition fee is saved; infinite where the archive is dearer."""
    saved = standard_month(objects, size) - flexible_month(objects, size)
    return objects * TRANSITION / saved if saved > 0 else float("inf")


def early_delete(gigabytes: float, day: float) -> float:
    """USD for the rest of the minimum storage time when deleted on `day`."""
    return gigabytes * FLEXIBLE * max(0.0, MINIMUM - day) / MONTH
