"""The knobs of `lambda-concurrency`: each one's name, unit, range and meaning, said once."""

from typing import Literal

from labsim.declare import (
    BY_RATE,
    ClientParams,
    Retry,
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
from labsim.services.lambda_ import event_source_mappings as mappings
from labsim.services.lambda_ import rules

CALLS, FUNCTION, CONCURRENCY = "Calls", "Function", "Concurrency"
FRONT, RETRIES = "API Gateway", "Retries"
GATEWAY = ("caller", (rules.GATEWAY,))
EVENTS = ("caller", (rules.ASYNCHRONOUS,))
WAITING = ("caller", (rules.SYNCHRONOUS, rules.GATEWAY))
QUEUE, STREAM = ("caller", (rules.SQS,)), ("caller", (rules.KINESIS,))
DELIVERED = ("caller", (rules.ASYNCHRONOUS, rules.SQS, rules.KINESIS))
POLLED = ("caller", (rules.SQS, rules.KINESIS))
OWN = "own"             # a cold start of one's own
MEASURED = ("runtime", rules.RUNTIMES)
NO_RESERVATION = -1     # as Terraform's aws_lambda_function writes "no reservation"


class LambdaConcurrencyParams(ClientParams, TraceParams):
    """Parameters of `lambda-concurrency`."""

    rates = ("arrival_rate",)

    caller: Literal["synchronous", "api-gateway", "asynchronous", "sqs", "kinesis"] = choice(
        "synchronous", label="Caller", group=CALLS,
        help="Who invokes the function, and so what a throttle does.")
    arrival_rate: float = number(
        200, unit="req/s", bounds=(0, 1_000_000), slider=(0, 10_000), step=10,
        label="Request rate", when=BY_RATE,
        group=CALLS, help="Requests, events, messages or records per second.")
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(
        6, 20, 10, group=CALLS, most=10_000, longest=864_000, factors=(1, 25), starts=(0, 120),
        lasts=(0, 120), steps=(1, 5, 5), when=BY_RATE)
    spike_every: float = every_knob(CALLS, when=BY_RATE)
    duration: float = number(
        60, unit="s", bounds=(1, 864_000), slider=(30, 600), step=10, label="Duration",
        group=CALLS, help="Simulated time.")
    delivery_delay: bool = flag(
        True, label="Delivery delay", group=CALLS, when=DELIVERED,
        help="Whether events, messages and records take as long on their way to a warm function "
        "as somebody has measured; who waits for the answer has no such way here.")

    memory: int = integer(
        1_769, unit="MB", bounds=(128, 10_240), slider=(128, 3_008), step=64, label="Memory",
        group=FUNCTION, fact="lambda.mb_per_vcpu",
        help="Memory of an environment; its CPU comes with it.")
    cpu_time: float = number(
        1, unit="vCPU-s", bounds=(0, 10_000), slider=(0, 5), step=0.01, label="CPU work",
        group=FUNCTION, help="Work of a request on one vCPU.")
    wait_time: float = number(
        0.25, unit="s", bounds=(0, 900), slider=(0, 5), step=0.01, label="Waits for others",
        group=FUNCTION, help="Time of a request in which the function waits for a database, say.")
    threads: bool = flag(
        False, label="Uses all vCPUs", group=FUNCTION,
        help="Whether the code works on more than one vCPU where it has more.")
    work_cv: float = number(
        0.2, unit="", bounds=(0, 10), slider=(0, 3), step=0.1, label="Unlike requests",
        group=FUNCTION, help="Standard deviation of the duration over its mean.")
    runtime: Literal["own", "python", "nodejs", "ruby", "go", "java", "dotnet"] = choice(
        OWN, label="Runtime", group=FUNCTION,
        help="Whose cold start it has: one that was measured, or a number of your own.")
    init_time: float = number(
        0.25, unit="s", bounds=(0, 900), slider=(0, 10), step=0.05, label="Cold start",
        group=FUNCTION, when=("runtime", (OWN,)),
        help="What a new environment needs before its first request.")
    package_size: float = number(
        0, unit="MB", bounds=(0, 250), slider=(0, 50), step=1, label="Package", group=FUNCTION,
        when=MEASURED, help="Zipped code with all that it needs; a larger one starts later.")
    keep_time: float = number(
        640, unit="s", bounds=(0, 86_400), slider=(0, 3_600), step=20, label="Kept idle",
        group=FUNCTION, fact="lambda.environment_idle_s",
        help="A function idle for longer has no environment any more; measured, AWS publishes no "
        "figure.")
    spare_time: float = number(
        1_450, unit="s", bounds=(0, 86_400), slider=(0, 3_600), step=50, label="Spare kept",
        group=FUNCTION, fact="lambda.environment_spare_s",
        help="How long a spare environment is kept while others work; some only as long as an idle "
        "function's.")
    life_time: float = number(
        6_950, unit="s", bounds=(0, 864_000), slider=(0, 14_400), step=50, label="Replaced after",
        group=FUNCTION, fact="lambda.environment_life_s",
        help="Age at which an environment is replaced, on average; each has its own.")
    timeout: float = number(
        30, unit="s", bounds=(1, 900), slider=(1, 60), step=1, label="Function timeout",
        group=FUNCTION, help="A request that takes longer fails after it.")
    error_share: float = number(
        0, unit="of invocations", bounds=(0, 1), slider=(0, 0.5), step=0.01, label="Errors",
        group=FUNCTION, help="Part of the attempts in which the function fails.")
    error_start: float = number(
        0, unit="s", bounds=(0, 864_000), slider=(0, 300), step=10, label="Errors from",
        group=FUNCTION, help="When the function begins to fail.")
    error_duration: float = number(
        864_000, unit="s", bounds=(0, 864_000), slider=(0, 600), step=10, label="Errors for",
        group=FUNCTION, help="How long until it is mended; by default never.")
    poison_share: float = number(
        0, unit="of requests", bounds=(0, 1), slider=(0, 0.1), step=0.001, label="Poison",
        group=FUNCTION, help="Part of the requests at which the function fails each time.")

    account_concurrency: int = integer(
        1_000, unit="executions", bounds=(1, 100_000), slider=(100, 5_000), step=100,
        label="Account limit", group=CONCURRENCY, fact="lambda.concurrency_account",
        help="Executions at a time, of all functions of the region.")
    reserved: int = integer(
        NO_RESERVATION, unit="executions", bounds=(NO_RESERVATION, 100_000),
        slider=(NO_RESERVATION, 899), step=1, label="Reserved", group=CONCURRENCY,
        fact="lambda.reserved_zero_rule",
        help="Kept for this function, and the most that it gets: 0 switches it off, -1 is no "
        "reservation.")
    provisioned: int = integer(
        0, unit="environments", bounds=(0, 100_000), slider=(0, 900), step=50,
        label="Provisioned", group=CONCURRENCY,
        help="Environments that are there and paid for all the time.")
    other_concurrency: int = integer(
        0, unit="executions", bounds=(0, 100_000), slider=(0, 1_000), step=50,
        label="Other functions", group=CONCURRENCY,
        help="Executions that other functions of the account have under way for a while.")
    other_start: float = number(
        20, unit="s", bounds=(0, 864_000), slider=(0, 120), step=5, label="Others from",
        group=CONCURRENCY, help="When they begin.")
    other_duration: float = number(
        20, unit="s", bounds=(0, 864_000), slider=(0, 120), step=5, label="Others for",
        group=CONCURRENCY, help="How long they go on.")

    gateway_rate: float = number(
        10_000, unit="req/s", bounds=(0, 1_000_000), slider=(0, 10_000), step=100,
        label="Gateway rate", group=FRONT, when=GATEWAY, fact="apigw.rate_account",
        help="Tokens that come into the gateway's bucket per second.")
    gateway_burst: float = number(
        5_000, unit="requests", bounds=(1, 1_000_000), slider=(1, 5_001), step=50,
        label="Gateway burst", group=FRONT, when=GATEWAY, fact="apigw.burst_account",
        help="Tokens that the bucket holds.")
    gateway_timeout: float = number(
        29, unit="s", bounds=(0.05, 900), slider=(1, 29), step=1, label="Gateway timeout",
        group=FRONT, when=GATEWAY, fact="apigw.timeout_max_s",
        help="A client is told so long after its request that there is no answer.")
    cache_ttl: float = number(
        0, unit="s", bounds=(0, 3_600), slider=(0, 300), step=10, label="Cache TTL", group=FRONT,
        when=GATEWAY, help="How long the gateway keeps an answer; 0 for no cache.")
    cache_keys: int = integer(
        10_000, unit="keys", bounds=(1, 1_000_000), slider=(1, 100_001), step=100,
        label="Different requests", group=FRONT, when=GATEWAY,
        help="So many different things are asked for, all as often.")

    retries: int = integer(
        2, unit="retries", bounds=(0, 2), slider=(0, 2), step=1, label="Retries", group=RETRIES,
        when=EVENTS, fact="lambda.async_retries", help="Of an event after errors.")
    event_age: float = number(
        21_600, unit="s", bounds=(60, 21_600), slider=(60, 21_600), step=60, label="Event age",
        group=RETRIES, when=EVENTS, fact="lambda.async_event_age_max_s",
        help="An event older than this goes to the dead-letter queue.")
    batch_size: int = integer(
        1, unit="records", bounds=(1, rules.BATCH_MOST), slider=(1, 100), step=1,
        label="Batch size", group=RETRIES, when=POLLED,
        help="Messages or records of an invocation at most; beyond 10 messages a queue needs a "
        "batch window.")
    batch_window: float = number(
        0, unit="s", bounds=(0, rules.WINDOW_MOST), slider=(0, 20), step=1, label="Batch window",
        group=RETRIES, when=POLLED,
        help="How long a batch is gathered that isn't full.")
    max_concurrency: int = integer(
        0, unit="batches", bounds=(0, rules.MAX_CONCURRENCY[1]), slider=(0, 1_000), step=10,
        label="Max concurrency", group=RETRIES, when=QUEUE,
        help="Batches that the queue's pollers have under way at most, 2 or more; 0: no such "
        "setting.")
    poller_ramp: float = number(
        mappings.RAMP, unit="batches/min", bounds=(1, 100_000), slider=(60, 1_000), step=10,
        label="Poller ramp", group=RETRIES, when=QUEUE, fact="lambda.esm_sqs_ramp",
        help="So many batches at a time more in each minute in which messages wait; "
        "60 in 2018.")
    visibility_timeout: float = number(
        180, unit="s", bounds=(0.1, 43_200), slider=(5, 300), step=5, label="Visibility timeout",
        group=RETRIES, when=QUEUE, fact="lambda.esm_sqs_visibility_rule",
        help="After which a message that was not deleted is back; at least the function's "
        "timeout, better six times as much.")
    max_receives: int = integer(
        5, unit="receives", bounds=(1, 1_000), slider=(1, 10), step=1, label="Max receives",
        group=RETRIES, when=QUEUE, help="A message received so often goes to the DLQ.")
    shards: int = integer(
        50, unit="shards", bounds=(1, 10_000), slider=(1, 200), step=1, label="Shards",
        group=RETRIES, when=STREAM, help="Of the stream; each has one batch under way at a time.")
    parallelization: int = integer(
        1, unit="batches", bounds=(1, 10), slider=(1, 10), step=1, label="Parallel per shard",
        group=RETRIES, when=STREAM, help="Batches of a shard under way at a time, by key.")
    fan_out: Literal["shared", "enhanced"] = choice(
        "shared", label="Fan-out", group=RETRIES, when=STREAM,
        help="A shard is polled once a second, or records are pushed as they come.")
    batch_attempts: int = integer(
        0, unit="attempts", bounds=(0, 10_000), slider=(0, 20), step=1, label="Batch attempts",
        group=RETRIES, when=STREAM, help="Attempts at a batch that fails before it is given up "
        "(maximum retry attempts and the first); 0: no end.")
    bisect_batch: bool = flag(
        False, label="Bisect batch", group=RETRIES, when=STREAM,
        fact="lambda.esm_stream_bisect_rule",
        help="Whether a batch that fails is split in two, which counts as no attempt.")
    record_age: float = number(
        86_400, unit="s", bounds=(rules.AGE_LEAST, rules.AGE_MOST), slider=(60, 3_600), step=60,
        label="Max record age", group=RETRIES, when=STREAM, fact="kinesis.retention_default_s",
        help="A record older than this is given up; by default when the stream drops it.")

    def check(self) -> None:
        """Reserved and provisioned concurrency fit into the account, and the event source mapping
        is one that AWS accepts. Fact: lambda.reserved_unreserved_min."""
        if self.reserved > 0:
            rules.unreserved(self.account_concurrency, [self.reserved])
        most = (self.reserved if self.reserved != NO_RESERVATION
                else max(0.0, self.account_concurrency - rules.UNRESERVED))
        if self.provisioned > most:
            raise ParameterError("provisioned", self.provisioned,
                                 f"at most {most:g} environments")
        check_spikes(self)
        if self.caller == rules.SQS:
            rules.checked_batch(batch_size=self.batch_size, batch_window=self.batch_window)
            rules.checked_queue(self.timeout, visibility_timeout=self.visibility_timeout,
                                max_concurrency=self.max_concurrency)

    @property
    def cold_start(self) -> float:
        """What a new environment needs before its first request, s."""
        if self.runtime == OWN:
            return self.init_time
        return rules.cold_start(self.runtime, self.memory, self.package_size)

    @property
    def mean_duration(self) -> float:
        """Mean duration of a request, s."""
        return rules.duration(self.cpu_time, self.memory, waits=self.wait_time,
                                   threads=self.threads)

    @property
    def comes_back(self) -> Retry | None:
        """What clients do who wait for an answer; None: nobody waits, or it is accepted at once."""
        return self.retry if self.caller in WAITING[1] else None

    def limit(self, others: bool) -> float:
        """Executions that this function may have, with or without the others under way."""
        if self.reserved != NO_RESERVATION:
            return float(self.reserved)
        return float(max(0, self.account_concurrency - self.other_concurrency * others))
