"""Amazon SQS in numbers: batches, what counts as a request, and whose message is a repeat.

Picture the post office's tariff: so many letters in one bundle, a stamp for each started ounce, and
a letter with the same seal as one of a moment ago is the same letter.

*Models:* entries of a batch and its payload, requests billed by chunks of 64 KiB, content-based
deduplication. *Leaves out:* attributes, encryption.
"""

import hashlib
import math

from labsim import factbook

CHUNK = factbook.value("sqs.price_chunk_bytes")
MOST_ENTRIES = int(factbook.value("sqs.batch_entries_max"))
MOST_BYTES = factbook.value("sqs.batch_payload_max_bytes")


def batch_entries(wanted: int, size: float) -> int:
    """Messages of `size` bytes in one SendMessageBatch of up to `wanted`."""
    return max(1, min(wanted, MOST_ENTRIES, int(MOST_BYTES // size)))


def billed_requests(size: float) -> int:
    """Requests that a call with a payload of `size` bytes is billed as."""
    return max(1, math.ceil(size / CHUNK))


def content_id(body: str) -> str:
    """The deduplication id of a body (fact sqs.fifo_content_dedup)."""
    return hashlib.sha256(body.encode()).hexdigest()
