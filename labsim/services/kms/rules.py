"""AWS KMS, the arithmetic: calls per object, the quota, the price.

Picture one notary for the whole town. Whoever stores or fetches a sealed letter needs a stamp,
and the notary makes only so many a second, for everybody together.

*Models:* one KMS call per object read or written with SSE-KMS; bucket keys, which save up to 99
of 100; calls beyond the quota are throttled, reads and writes alike; price per request.
*Leaves out:* asymmetric keys and their own quota, grants, key policies, latency of a call.
"""

from labsim import factbook

SSE_S3, SSE_KMS, BUCKET_KEY = "sse-s3", "sse-kms", "sse-kms-bucket-key"
ENCRYPTIONS = SSE_S3, SSE_KMS, BUCKET_KEY
RATE = factbook.value("kms.rate_default")       # requests/s of an account in a region
PRICE_10K = factbook.value("kms.price_10k")


def calls_per_object(encryption: str) -> float:
    """KMS calls for an object written (GenerateDataKey) or read (Decrypt)."""
    if encryption == SSE_S3:
        return 0.0
    return 1.0 if encryption == SSE_KMS else 1.0 - factbook.value("s3.bucket_key_pct") / 100


def throttled(calls: float, quota: float) -> float:
    """Calls beyond the quota, which fail; both per second, or both in a tick."""
    return max(0.0, calls - quota)


def cost(calls: float, free: float = 0.0) -> float:
    """USD for so many calls, of which `free` are free."""
    return max(0.0, calls - free) / 10_000 * PRICE_10K
