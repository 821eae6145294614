"""The questions of the lab `dynamodb-capacity`; every number in an answer comes from the model."""

from labsim.builtin.dynamodb_capacity import model
from labsim.declare import Choice, Close, Design, Explain, Level, Predict, Sketch, metric
from labsim.services.dynamodb import rules
from labsim.text import format_value


def units(p) -> dict[str, str]:
    """Units of a read and of all of them, in words."""
    each = rules.read_units(p.item_size, p.consistency)
    return {"each": format_value(each), "all": format_value(each * p.read_rate, "units/s")}


def tank(p) -> dict[str, str]:
    """What the tank holds and what is taken out of it, in words."""
    used = p.write_rate * p.peak_factor * model.write_units(p)
    return {"holds": format_value(p.write_capacity * rules.BURST_WINDOW, "units"),
            "over": format_value(used - p.write_capacity, "units/s")}


def busy(p) -> tuple:
    """The busy time, as it is shaded."""
    return ((p.peak_start, p.peak_start + p.peak_duration, "busy"),)


def saved(p) -> dict[str, str]:
    """What the tank holds, what goes in and what goes out, in words."""
    quiet = p.write_rate * model.write_units(p)
    holds = p.write_capacity * rules.BURST_WINDOW
    over, spare = quiet * p.peak_factor - p.write_capacity, p.write_capacity - quiet
    return {"peak": format_value(p.write_rate * p.peak_factor, "req/s"),
            "holds": format_value(holds, "units"), "over": format_value(over, "units/s"),
            "spare": format_value(spare, "units/s"), "empty": format_value(holds / over, "s"),
            "full": format_value(holds / spare, "s")}


def hot(p) -> dict[str, str]:
    """What the hot key gets and what a partition does, in words."""
    return {"gets": format_value(p.hot_key_share * p.write_rate, "req/s"),
            "does": format_value(rules.PARTITION_WRITES, "units/s")}


def copies(p) -> dict[str, str]:
    """What one replica reads, and how many there are, in words."""
    return {"one": format_value(rules.PARTITION_READS, "req/s"), "n": f"{rules.REPLICAS:.0f}",
            "units": format_value(rules.partition_limits(p.consistency)[0], "units/s")}


def seconds_of_burst(result) -> float:
    """From the beginning of the busy time to the first throttle, s."""
    series = result.series["throttled_writes_rate"]
    return float(series.t[(series.value > 0).argmax()]) - series.t[1] - result.params.peak_start


CHARGED = {"read_rate": 80, "write_rate": 0, "item_size": 10_000, "consistency": "strong",
           "read_capacity": 1_000, "peak_factor": 1, "duration": 600}
TANK = {"read_rate": 0, "write_rate": 100, "write_capacity": 100, "peak_factor": 2.5,
        "retry_mode": "none"}
ONE_KEY = {"read_rate": 0, "write_rate": 4_000, "write_capacity": 8_000, "peak_factor": 1,
           "hot_key_share": 0.5, "retry_mode": "none", "duration": 1_800}
COPIES = {"mode": "on-demand", "read_rate": 20_000, "write_rate": 0, "item_size": 4_096,
          "consistency": "eventual", "hot_key_share": 1, "peak_factor": 1, "retry_mode": "none",
          "duration": 600}
IDLE = {"read_rate": 0, "read_capacity": 1, "write_rate": 100, "write_capacity": 1_000,
        "peak_factor": 1, "duration": 3_600}

EXERCISES = (
    Predict(
        id="units", runs=(CHARGED,), ask=lambda r: r.summary["read_units"] / r.params.duration,
        unit="units/s", within=0.05, numbers=units,
        question="{read_rate} of strong reads, items of {item_size}. How many read units are "
                 "consumed per second?",
        hints=("A unit reads four KB, and half a unit isn't sold.", "{each} units for each."),
        solution="{each} units for each read: {all}; {answer} in the model. Eventual reads would "
                 "be half of it."),
    Predict(
        id="tank", runs=(TANK,), ask=seconds_of_burst, unit="s", within=0.15, numbers=tank,
        question="For half an hour a table with {write_capacity} gets {write_rate}, just what it "
                 "can do; its tank is full. Then come {peak_factor} as many. After how many "
                 "seconds is the first write throttled?",
        hints=("The tank was full at the beginning, and nothing was taken out.",
               "It holds {holds}, and {over} are taken."),
        solution="{holds} at {over}: {answer} in the model. After that nothing is saved while all "
                 "is used."),
    Predict(
        id="one-key", runs=(ONE_KEY,), ask=lambda r: 100 * r.summary["failed"]
        / r.summary["writes_offered"], unit="%", within=0.15, numbers=hot,
        question="{write_rate} of writes, a table with {write_capacity}, and half of all writes "
                 "are for one key. Nobody tries again. How many per cent fail, about?",
        hints=("How many writes does one key get, and how many does one partition do?",
               "{gets}; a partition does {does}, and it has other keys as well."),
        solution="{gets} for a key whose partition does {does}, and until splits leave it alone "
                 "its neighbours suffer with it: {answer}. Capacity isn't the limit, the key is."),
    Predict(
        id="idle", runs=(IDLE,), ask=metric("on_demand_ratio"), unit="times", within=0.15,
        question="A table with {write_capacity} gets {write_rate}. How many times as much would "
                 "the same traffic cost on demand?",
        hints=("On demand a unit costs about three and a half times as much as one that is used.",
               "And how many of those that are bought are used?"),
        solution="A tenth is used, so that on demand costs {answer} as much, a third. The "
                 "break-even is at about three tenths."),
    Explain(
        id="enough",
        question="Writes are throttled, and yet the table consumes half of its capacity. Why?",
        choices=(
            Choice("Auto scaling is too slow.", "There is more than enough already."),
            Choice("The items are too large.", "Then more units would be consumed."),
            Choice("Most writes go to one partition key.",
                   "A partition has a limit of its own, whatever the table has.", right=True),
            Choice("On-demand mode is on.", "It has no capacity to be half used.")),
        hints=("Which limit doesn't grow with the capacity?",
               "Look at the bars of the system picture in the preset with a hot key."),
        solution="Spread the key: add suffixes, use a better key, or collect writes elsewhere "
                 "first. For reads a cache does it."),
    Explain(
        id="index",
        question="A new index was added for reports. Since then writes to the table are throttled, "
                 "though nobody uses the reports. What is the cause?",
        choices=(
            Choice("Reading the index takes the table's read capacity.",
                   "An index has its own, and nobody reads it."),
            Choice("The index has too little write capacity, or too few key values.",
                   "Each write must go through it as well.", right=True),
            Choice("Items have become larger.", "The index doesn't change the table's items."),
            Choice("Reads of the index are strongly consistent.",
                   "They never are.")),
        hints=("What happens to the index when an item is written?",
               "Compare the two presets with an index."),
        solution="Give an index at least as much write capacity as the table, and a key with many "
                 "values; project only what is read."),
    Explain(
        id="strong",
        question="DAX was put in front of a table, and its read units have not changed at all. "
                 "What is likely?",
        choices=(
            Choice("The application reads strongly consistent.",
                   "Such reads pass through DAX to the table.", right=True),
            Choice("DAX has too many nodes.", "Each answers hits, whatever their number."),
            Choice("The items' TTL is too long.", "Then there would be even more hits."),
            Choice("The application writes through DAX.", "Writes don't change reads.")),
        hints=("Which reads may be answered by something that isn't the table?",
               "Change the kind of the reads in the preset with DAX."),
        solution="DAX serves eventually consistent reads only. Strong and transactional ones go to "
                 "the table, and so does every write."),
    Design(
        id="day", start={"workload": "day", "duration": 86_400, "peak_factor": 6,
                         "mode": "on-demand"},
        free=("mode", "target", "read_capacity", "write_capacity"),
        goals=(("throttled", "<=", 0.0),),
        good={"mode": "auto-scaling", "target": 90}, slack=1.05,
        question="A day with six times the traffic at noon. Throttle nobody, at the least cost.",
        hints=("Compare what the three ways cost for this very day.",
               "Auto scaling's target says how much is left unused. Traffic that grows slowly "
               "needs little."),
        solution="{answer}. The wave is slow, so that even a high target keeps up; with sudden "
                 "peaks a lower one is worth its price."),
    Design(
        id="hot", start={"read_rate": 0, "write_rate": 3_000, "write_capacity": 6_000,
                         "peak_factor": 1, "hot_key_share": 0.5, "duration": 3_600},
        free=("write_shards", "write_capacity", "mode"),
        goals=(("throttled", "<=", 0.0),),
        good={"write_shards": 6, "write_capacity": 3_100}, slack=1.1,
        question="Half of {write_rate} are for one key. Throttle nobody, at the least cost.",
        hints=("More capacity makes more partitions, but the key stays in one of them.",
               "How many suffixes bring each below a partition's limit? Then buy what is used."),
        solution="{answer}. Suffixes cost nothing at the write; who reads the key has to read all "
                 "of them."),
    Predict(
        id="copies", runs=(COPIES,),
        ask=lambda r: r.summary["completed"] / r.params.duration, unit="req/s", within=0.1,
        numbers=copies,
        question="{read_rate} of eventually consistent reads are for one item of {item_size}, on "
                 "demand. How many are answered per second?",
        hints=("A partition has {n} replicas. Which of them answers a strong read, which an "
               "eventual one?", "One replica does {one}."),
        solution="{n} replicas do {one} each: {answer}, for {units}. Strong reads are all for one "
                 "of them."),
    Explain(
        id="split",
        question="Four tables have a hot partition key each, and are left alone for an hour. Which "
                 "of them is throttled no more then?",
        choices=(
            Choice("The one whose hot key is a counter, one item.",
                   "A single item is in one partition, however often that is split."),
            Choice("The one whose hot key has a million items, under a sort key by customer.",
                   "The partition is split between them, and again if it has to be.", right=True),
            Choice("The one whose hot key has a million items and a local secondary index.",
                   "With a local index all items of a key stay together."),
            Choice("The one whose hot key collects events, under a sort key that is their time.",
                   "All that is new comes behind every split.")),
        hints=("What is on either side of a split, and who is asked for then?",
               "Compare the preset with a hot key and that with a split for heat."),
        solution="A split helps where what is asked for is on both of its sides. Else spread the "
                 "key yourself."),
    Sketch(
        id="draw-the-tank", run={"retry_mode": "none"}, series="burst_writes",
        label="Burst capacity for writes", unit="units", top=50_000, end=5_400, known=1_800,
        shades=busy, numbers=saved,
        rules=(Level(along=1 / 4, within=0.15), Level(along=0.48, within=0.15), Close(0.12)),
        question="A table with {write_capacity} gets {write_rate} of writes, and {peak} "
                 "for {peak_duration}. Its tank of unused capacity was full. Draw what is in it.",
        hints=("It holds {holds}. How much is taken out each second when it is busy?",
               "{over} go out of it, and afterwards {spare} come back in. It holds no more than "
               "{holds}."),
        solution="Empty after about {empty}, long before the busy time ends: from then on what "
                 "is too much is throttled. Afterwards {spare} flow back, so that it is full again "
                 "after about {full}."),
)
