"""The parameters of the lab `s3-prefix`: name, unit, range and meaning of each, said once."""

from typing import Literal

from labsim.declare import (
    BY_RATE,
    TraceParams,
    check_spikes,
    choice,
    every_knob,
    flag,
    integer,
    number,
    spike_knobs,
)

LOAD, KEYS, RETRIES, ENCRYPTION, OBJECTS = "Load", "Keys", "Retries", "Encryption", "Objects"
SPACED = ("retry_mode", ("fixed", "exponential", "full-jitter", "decorrelated-jitter"))
RETRIED = ("retry_mode", ("at-once", *SPACED[1]))
KMS = ("encryption", ("sse-kms", "sse-kms-bucket-key"))


class S3PrefixParams(TraceParams):
    """Parameters of `s3-prefix`."""

    rates = ("get_rate", "put_rate")

    get_rate: float = number(
        8_000, unit="req/s", bounds=(0, 100_000_000), slider=(0, 50_000), step=500,
        label="GET rate", group=LOAD,
        help="GET requests per second, outside the spike; of a trace's requests its part of both.")
    put_rate: float = number(
        1_000, unit="req/s", bounds=(0, 100_000_000), slider=(0, 20_000), step=250,
        label="PUT rate", group=LOAD,
        help="PUT requests per second, outside the spike; of a trace's requests its part of both.")
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(
        1, 60, 5, group=LOAD, of="both rates during the spike", lasts=(0, 600), steps=(0.5, 10, 5),
        when=BY_RATE)
    spike_every: float = every_knob(LOAD, when=BY_RATE)
    ramp_factor: float = number(
        1, unit="x", bounds=(0, 1_000), slider=(0, 10), step=0.5, label="Ramp factor", group=LOAD,
        when=BY_RATE,
        help="Both rates go evenly from the start of the run to so many times as much; 1 for none.")
    ramp_duration: float = number(
        1_800, unit="s", bounds=(0, 8_640_000), slider=(0, 7_200), step=60, label="Ramp lasts",
        group=LOAD, when=BY_RATE,
        help="How long the rates take for that; 0: they are there from the start.")
    duration: float = number(
        3_600, unit="s", bounds=(10, 8_640_000), slider=(60, 14_400), step=60, label="Duration",
        group=LOAD, help="Simulated time; a tick of the model is a part of it.")

    key_scheme: Literal["one-prefix", "date", "hashed", "random"] = choice(
        "hashed", label="Key scheme", group=KEYS,
        help="How keys begin: all alike, with the date, with a hash, or at random.")
    prefixes: int = integer(
        4, unit="prefixes", bounds=(1, 100_000), slider=(1, 64), step=1, label="Prefixes",
        group=KEYS, help="Prefixes that a hash makes, or days that are read.",
        when=("key_scheme", ("date", "hashed")))
    key_ranges: int = integer(
        1, unit="ranges", bounds=(1, 1_000), slider=(1, 16), step=1, label="Ranges in a prefix",
        group=KEYS, help="Into how many ranges of keys, equally busy, S3 can divide a prefix; 1: "
                         "not at all, as with keys in sequence or one hot object.")
    partition_time: float = number(
        540, unit="s", bounds=(0, 8_640_000), slider=(0, 3_600), step=60,
        label="Time to a partition more", group=KEYS, fact="s3.partition_time_s",
        help="How long more must be asked than the published rate before S3 has a partition more; "
             "its limit rises evenly meanwhile. 0: all are there from the start. AWS publishes no "
             "figure.")
    cooling_time: float = number(
        86_400, unit="s", bounds=(1, 8_640_000), slider=(60, 172_800), step=60,
        label="Time to a partition less", group=KEYS, fact="s3.cooling_time_s",
        help="How long the load must fit into a partition less before S3 has one less. Assumed: "
             "nobody has published a figure.")
    start_partitions: int = integer(
        1, unit="partitions", bounds=(1, 100_000), slider=(1, 64), step=1,
        label="Partitions at first", group=KEYS,
        help="1: a new bucket; more (at most as the keys can be divided): one that has grown, each "
             "of which heats up by itself.")
    start_rate: float = number(
        100, unit="%", bounds=(1, 100), slider=(5, 100), step=5, label="Rate of a new bucket",
        group=KEYS, help="What the first partitions allow of the published rates, until they have "
                         "adapted. AWS publishes no figure.")

    retry_mode: Literal["none", "at-once", "fixed", "exponential", "full-jitter",
                        "decorrelated-jitter"] = choice(
        "full-jitter", label="Retries", group=RETRIES,
        help="How long a client waits before it tries again.")
    max_attempts: int = integer(
        3, unit="attempts", bounds=(1, 10), slider=(1, 10), step=1, label="Attempts at most",
        group=RETRIES, fact="sdk.standard_attempts", when=RETRIED,
        help="Attempts of a request in all, the first included.")
    retry_base: float = number(
        1, unit="s", bounds=(0.01, 60), slider=(0.1, 5), step=0.1, label="Wait before a retry",
        group=RETRIES, fact="sdk.backoff_base_s", when=SPACED,
        help="Before the first retry; exponential backoff doubles it each time.")
    retry_cap: float = number(
        20, unit="s", bounds=(0.01, 600), slider=(1, 60), step=1, label="Longest wait",
        group=RETRIES, fact="sdk.backoff_cap_s", help="Backoff grows no further than this.",
        when=("retry_mode", ("exponential", "full-jitter", "decorrelated-jitter")))
    retry_quota: bool = flag(
        True, label="Retry quota", group=RETRIES, fact="sdk.quota_rule", when=RETRIED,
        help="A client's bucket of retry tokens, as in the SDK's standard mode.")
    clients: int = integer(
        100, unit="clients", bounds=(1, 1_000_000), slider=(1, 500), step=1, label="Clients",
        group=RETRIES, help="Clients, each with a retry quota of its own.", when=RETRIED)

    encryption: Literal["sse-s3", "sse-kms", "sse-kms-bucket-key"] = choice(
        "sse-s3", label="Encryption", group=ENCRYPTION,
        help="Who keeps the keys: S3, or KMS with a call per object, or KMS with bucket keys.")
    kms_quota: float = number(
        10_000, unit="req/s", bounds=(0, 10_000_000), slider=(0, 100_000), step=500,
        label="KMS quota", group=ENCRYPTION, fact="kms.rate_default", when=KMS,
        help="KMS requests per second of the account in this region.")

    object_size: float = number(
        8_000_000, unit="bytes", bounds=(1, 5e13), slider=(1_000_000, 200_000_000),
        step=1_000_000, label="Object size", group=OBJECTS,
        help="Size of a downloaded object; it counts only for the time of a download.")
    ranges: int = integer(
        1, unit="ranges", bounds=(1, 100), slider=(1, 32), step=1, label="Byte ranges",
        group=OBJECTS, help="A download is so many parallel GETs, each for a part of the object.")
    first_byte: Literal["measured", "documented"] = choice(
        "measured", label="First byte", group=OBJECTS,
        help="How long a small object takes: as somebody measured it, or as AWS's guide says.")

    def check(self) -> None:
        """A spike is over before the next one begins."""
        check_spikes(self)
