"""The parameters of the lab `kinesis-shards`: name, unit, range and meaning of each, said once."""

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
from labsim.errors import ParameterError
from labsim.services.kinesis.rules import GET_CALLS, GET_RECORDS, POLL_INTERVAL

LOAD, KEYS, PRODUCERS = "Load", "Keys", "Producers"
STREAM, CONSUMERS = "Stream", "Consumers"
PROVISIONED, ON_DEMAND = ("mode", ("provisioned",)), ("mode", ("on-demand",))


class KinesisShardsParams(TraceParams):
    """Parameters of `kinesis-shards`."""

    rates = ("record_rate",)

    record_rate: float = number(
        3_000, unit="records/s", bounds=(0, 100_000_000), slider=(0, 20_000), step=100,
        label="Record rate", group=LOAD, when=BY_RATE,
        help="Records per second, outside the spike.")
    record_size: int = integer(
        500, unit="bytes", bounds=(1, 10_485_760), slider=(50, 10_000), step=50,
        label="Record size", group=LOAD,
        help="Data and partition key; at most what the fact on record size allows.")
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(
        1, 300, 300, group=LOAD, when=BY_RATE)
    spike_every: float = every_knob(LOAD, when=BY_RATE)
    duration: float = number(
        1_800, unit="s", bounds=(10, 8_640_000), slider=(300, 14_400), step=300,
        label="Duration", group=LOAD,
        help="Simulated time.")

    keys: int = integer(
        1_000, unit="keys", bounds=(1, 100_000), slider=(1, 2_000), step=1,
        label="Partition keys", group=KEYS, fact="kinesis.hash_rule",
        help="Different partition keys; the MD5 of a key decides its shard.")
    key_skew: float = number(
        0, unit="", bounds=(0, 5), slider=(0, 2), step=0.1, label="Key skew", group=KEYS,
        help="Zipf exponent of how popular keys are; 0 for all alike.")
    hot_key_share: float = number(
        0, unit="of records", bounds=(0, 1), slider=(0, 1), step=0.05, label="Hot key's share",
        group=KEYS, help="Share of all records that has one and the same key; 0 for no hot key.")
    hot_keys: int = integer(
        1, unit="keys", bounds=(1, 100_000), slider=(1, 20), step=1, label="Hot keys", group=KEYS,
        help="How many keys have that share together, all alike. Two of them may meet in a shard.")

    batch_size: int = integer(
        500, unit="records", bounds=(1, 500), slider=(1, 500), step=1, label="Batch size",
        group=PRODUCERS, fact="kinesis.put_records_max",
        help="Records per PutRecords call; 1 is PutRecord, which rounds each record up to a KB.")
    aggregation: bool = flag(
        False, label="Aggregation", group=PRODUCERS, fact="kinesis.kpl_aggregation_bytes",
        help="The producer library packs many small records into one Kinesis record.")
    retries: int = integer(
        3, unit="retries", bounds=(0, 10), slider=(0, 10), step=1, label="Retries",
        group=PRODUCERS, help="How often a refused record is put again before it is dropped.")
    retry_wait: float = number(
        0.5, unit="s", bounds=(0.01, 10), slider=(0.1, 5), step=0.1, label="Wait before a retry",
        group=PRODUCERS, help="On average; a wait is from half of it to half as much again.")

    mode: Literal["provisioned", "on-demand"] = choice(
        "provisioned", label="Capacity mode", group=STREAM,
        help="Who decides how many shards there are: you, or AWS by the load.")
    shards: int = integer(
        4, unit="shards", bounds=(1, 10_000), slider=(1, 32), step=1, label="Shards at start",
        group=STREAM, help="Shards that the stream starts with.", when=PROVISIONED)
    split_at: float = number(
        0, unit="s", bounds=(0, 8_640_000), slider=(0, 3_600), step=60, label="Split at",
        group=STREAM, help="When a split is asked for; 0 for never.", when=PROVISIONED)
    split_what: Literal["hottest", "all"] = choice(
        "hottest", label="Split", group=STREAM, when=PROVISIONED,
        help="The shard that gets most, or each of them, one after the other.")
    merge_at: float = number(
        0, unit="s", bounds=(0, 8_640_000), slider=(0, 3_600), step=60, label="Merge at",
        group=STREAM, when=PROVISIONED,
        help="When a merge of the two coldest neighbours is asked for; 0 for never.")
    reshard_time: float = number(
        30, unit="s", bounds=(0, 86_400), slider=(0, 300), step=10, label="Time of a reshard",
        group=STREAM, fact="kinesis.reshard_s", when=PROVISIONED,
        help="How long one split or merge takes. AWS publishes no figure.")
    ondemand_peak: float = number(
        0, unit="bytes/s", bounds=(0, 10_000_000_000), slider=(0, 50_000_000), step=500_000,
        label="Peak of the last month", group=STREAM, when=ON_DEMAND,
        fact="kinesis.ondemand_double_rule",
        help="Highest write rate of the last 30 days, of which AWS keeps twice; 0: new stream.")
    ondemand_split_time: float = number(
        900, unit="s", bounds=(1, 86_400), slider=(60, 1_800), step=60,
        label="Time to split", group=STREAM, fact="kinesis.ondemand_split_s", when=ON_DEMAND,
        help="How long a shard must be busy before AWS splits it: within 15 min.")
    retention: float = number(
        86_400, unit="s", bounds=(60, 31_536_000), slider=(86_400, 604_800), step=3_600,
        label="Retention", group=STREAM, fact="kinesis.retention_default_s",
        help="How long a record can be read. AWS allows 24 h to 8,760 h; less shows it in class.")

    consumers: int = integer(
        1, unit="consumers", bounds=(1, 20), slider=(1, 10), step=1, label="Consumers",
        group=CONSUMERS, help="Applications that each read every record.")
    fan_out: Literal["shared", "enhanced"] = choice(
        "shared", label="Fan-out", group=CONSUMERS, fact="kinesis.efo_bytes_per_s",
        help="Consumers poll and share each shard's reads, or each has its own push.")
    read_by: Literal["library", "lambda"] = choice(
        "library", label="Read by", group=CONSUMERS, fact="kinesis.mapping_p50_ms",
        help="The client library, with the delay that AWS states, or a Lambda mapping, with the "
             "one that somebody has measured.")
    poll_interval: float = number(
        POLL_INTERVAL, unit="s", bounds=(0.01, 300), slider=(0.1, 5), step=0.1,
        label="Poll interval", group=CONSUMERS, fact="kinesis.poll_interval_s",
        when=("fan_out", ("shared",)),
        help="Time between two GetRecords calls of a consumer to a shard, which answers five a "
             "second of all consumers together.")
    consumer_capacity: float = number(
        GET_CALLS * GET_RECORDS, unit="records/s", bounds=(0, 1_000_000_000), slider=(0, 50_000),
        step=100, label="Consumer capacity", group=CONSUMERS,
        help="Records per second that a consumer can process of each shard; at first as many as "
             "GetRecords can return.")
    outage_start: float = number(
        300, unit="s", bounds=(0, 8_640_000), slider=(0, 3_600), step=60, label="Outage starts at",
        group=CONSUMERS, help="When all consumers stop reading.")
    outage_duration: float = number(
        0, unit="s", bounds=(0, 8_640_000), slider=(0, 3_600), step=60, label="Outage lasts",
        group=CONSUMERS, help="How long nobody reads; 0 for no outage.")

    def check(self) -> None:
        """A record is no larger than today, or the notes, allow; a spike ends before the next."""
        check_spikes(self)
        most = int(self.fact("kinesis.record_size_max_bytes"))
        if self.record_size > most:
            raise ParameterError("record_size", self.record_size,
                                 f"at most {most:,} bytes, the largest record")
        if self.hot_keys > self.keys:
            raise ParameterError("hot_keys", self.hot_keys, f"at most {self.keys:,}, all keys")
