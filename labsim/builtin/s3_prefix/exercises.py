"""The questions of the lab `s3-prefix`; every number in an answer comes from the model."""

from labsim.declare import Choice, Design, Explain, Predict
from labsim.services.s3 import rules
from labsim.text import format_value


def per_second(metric: str):
    """A metric's count per second of the run."""
    return lambda result: result.summary[metric] / result.params.duration


def last_split(result) -> float:
    """When the last partition split, s."""
    return max(event.t for event in result.events if event.kind == "split")


def limits(p) -> dict[str, str]:
    """What the prefixes can do together, in words."""
    n = rules.prefixes_in_use(p.key_scheme, p.prefixes)
    first = rules.GET_RATE * p.start_rate / 100
    missing = max(0.0, p.get_rate - first)
    until = missing / rules.GET_RATE * p.partition_time
    return {"each": format_value(rules.GET_RATE, "GET/s"),
            "together": format_value(n * rules.GET_RATE, "GET/s"),
            "first": format_value(first, "GET/s"), "missing": format_value(missing, "GET/s"),
            "until": format_value(until, "s"),
            "writes": format_value(rules.PUT_RATE, "PUT/s"),
            "over": format_value(min(n * rules.GET_RATE, p.get_rate) - p.kms_quota, "req/s")}


FULL_SPEED = {"prefixes": 10, "get_rate": 80_000, "put_rate": 0, "partition_time": 0,
              "retry_mode": "none", "duration": 600}
SEALED = {"prefixes": 2, "get_rate": 15_000, "put_rate": 0, "partition_time": 0,
          "encryption": "sse-kms", "retry_mode": "none", "duration": 600}
ADAPTING = {"key_scheme": "one-prefix", "get_rate": 5_000, "put_rate": 0, "start_rate": 25,
            "retry_mode": "none", "duration": 7_200}
GROWING = {"prefixes": 4, "get_rate": 20_000, "put_rate": 0, "duration": 7_200}

EXERCISES = (
    Predict(
        id="ten-prefixes", runs=(FULL_SPEED,), ask=per_second("gets_completed"), unit="GET/s",
        within=0.05, numbers=limits,
        question="Keys begin with a hash that makes {prefixes}, each with a partition of its own. "
                 "Clients ask for {get_rate}. How many are served per second?",
        hints=("The limit is one of each partition, not of the bucket.",
               "Each partition answers {each}."),
        solution="{prefixes} at {each} are {together}; the model gives {answer}. The rest gets "
                 "503 Slow Down. More prefixes, and there would be no limit worth naming."),
    Predict(
        id="the-notary", runs=(SEALED,), ask=per_second("throttled_kms"), unit="req/s",
        within=0.05, numbers=limits,
        question="{prefixes} at full speed ({get_rate} are asked for), every object encrypted "
                 "with SSE-KMS, no bucket keys. The account's KMS quota is {kms_quota}. How many "
                 "requests per second does KMS throttle?",
        hints=("Every GET needs a Decrypt, but only those that S3 lets through.",
               "S3 lets {together} through."),
        solution="{together} come through the partitions, each with one KMS call; {over} are over "
                 "the quota, and the model gives {answer}. Adding prefixes would only make it "
                 "worse."),
    Predict(
        id="how-long-slow", runs=(GROWING,), ask=last_split, unit="s", within=0.1, numbers=limits,
        question="A new bucket has one partition. Keys begin with a hash that makes {prefixes}, "
                 "clients ask for {get_rate}, and S3 has a partition more for every "
                 "{partition_time} for which more is asked than the published rates. After how "
                 "many seconds is the last one there?",
        hints=("How many partitions does the load need, at {each} each?",
               "One is there from the start; each of the others takes {partition_time}."),
        solution="One becomes two, then three, then four: {answer} in the model. More would need "
                 "more prefixes. Who knows that a launch is coming lets the load grow before it."),
    Explain(
        id="dates",
        question="In the preset with dates first, reads are served and writes are not, although "
                 "the bucket has a partition per day. Why?",
        choices=(
            Choice("S3 allows fewer writes than reads, and the bucket has too few partitions.",
                   "There are partitions enough, but most of them get no write at all."),
            Choice("All writes of a day begin with the same date, so they meet in one partition.",
                   "Only the newest prefix is written; the others idle.", right=True),
            Choice("Writes are encrypted and reads are not.",
                   "Both are; and this preset uses no KMS."),
            Choice("The writers retry too often.",
                   "Retries make it worse, but without them the same share of writes fails.")),
        hints=("Look at the bars of the system picture: how many are over the line?",
               "Whose first characters do all keys written today share?"),
        solution="The limit holds per prefix, and a date in front sends everything that is new "
                 "to one prefix. Splitting doesn't help: tomorrow's keys all go to the next one. "
                 "Put something in front that varies, and the date behind it."),
    Explain(
        id="jitter",
        question="Exponential backoff without jitter: two seconds of spike, and more than half a "
                 "minute later there are still waves of 503s. What makes the waves?",
        choices=(
            Choice("S3 is slow to notice that the spike is over.",
                   "S3 limits every second anew; it remembers nothing but tokens."),
            Choice("Those turned away together wait equally long, and come back together.",
                   "Each wave is the one before, one wait later.", right=True),
            Choice("The partition is being split meanwhile.",
                   "There is one prefix, and nothing to split."),
            Choice("The waits double, so that ever more requests are under way.",
                   "Doubling spreads the waves out in time; it makes no new requests.")),
        hints=("Compare the times between the waves with the waits of the SDK.",
               "Pin this run and look at the next preset: what is different in the crowd's "
               "timing?"),
        solution="Waiting longer does not spread a crowd; a die does. With full jitter each "
                 "client waits a random time up to the same bound, and the crowd dissolves."),
    Explain(
        id="kms-cure",
        question="A bucket with SSE-KMS is read so fast that the account's KMS quota throttles. "
                 "What helps at once, without giving up KMS?",
        choices=(
            Choice("More prefixes.", "They let more requests through to KMS, which is the limit."),
            Choice("A second KMS key.", "The quota is the account's in the region, not the "
                                        "key's."),
            Choice("S3 bucket keys.", "One data key of the bucket serves many objects, and KMS is "
                                      "asked a hundred times less.", right=True),
            Choice("Byte-range reads.", "Each range is a GET of its own: more calls, not fewer.")),
        hints=("Which of these lowers the number of KMS calls per object?",
               "Compare the two presets with encryption: what stays the same?"),
        solution="Bucket keys save nearly all KMS requests. A higher quota can be asked for, "
                 "but takes time; caching data keys is for those who encrypt on the client."),
    Design(
        id="launch", start={"get_rate": 30_000, "put_rate": 6_000, "partition_time": 0,
                            "encryption": "sse-kms", "key_scheme": "date", "prefixes": 3,
                            "duration": 600},
        free=("key_scheme", "prefixes", "encryption", "retry_mode", "max_attempts"),
        goals=(("failed", "<=", 0.0), ("latency_p99", "<=", 0.5),
               ("kms_calls", ">=", 1.0)),
        good={"key_scheme": "hashed", "prefixes": 8, "encryption": "sse-kms-bucket-key"},
        question="A launch: {get_rate} of reads and {put_rate} of writes, keys that begin with "
                 "the date, SSE-KMS. Meet the goals at the least cost; KMS must stay.",
        hints=("Two limits hold at once. Which one turns away the writes, which the reads?",
               "Retries cannot cure a lasting overload: remove both limits first."),
        solution="Keys that begin with a hash of enough prefixes, and bucket keys: {answer}. Then "
                 "nothing is turned away, and how to retry hardly matters."),
    Predict(
        id="adapting", runs=(ADAPTING,), ask=lambda result: result.summary["throttled"],
        unit="requests", within=0.05, numbers=limits,
        question="A new bucket allows {start_rate} of the published rate. While more is asked, "
                 "that rises evenly, by the published {each} in {partition_time}. Clients ask one "
                 "prefix for {get_rate}, and nobody tries again. How many requests get 503 Slow "
                 "Down before that ends?",
        hints=("At first {missing} are missing. After how many seconds are none?",
               "They fall evenly to nothing in {until}: draw the triangle."),
        solution="A triangle, {missing} high and {until} long: {answer} in the model. The "
                 "published rate is what a prefix reaches under load, "
                 "not what it begins with: let the load grow, or retry with backoff."),
)
