"""The questions of the lab `kinesis-shards`; every number in an answer comes from the model."""

import numpy as np

from labsim.builtin.kinesis_shards.model import puts
from labsim.builtin.kinesis_shards.story import DAY, HOT, OUTAGE, PRESETS
from labsim.declare import Back, Choice, Design, Explain, Peak, Predict, Sketch
from labsim.services.kinesis import rules
from labsim.text import format_value

MIB = 2**20


def caught_up(result) -> float:
    """Seconds from the end of the outage until no record is left unread."""
    p, age = result.params, result.series["iterator_age"]
    end = p.outage_start + p.outage_duration
    return float(age.t[np.flatnonzero(age.value > 0)[-1] + 1] - end)


def limits(p) -> dict[str, str]:
    """The three rules of thumb for the number of shards, in words."""
    write = p.record_rate * puts(p).charged
    return {"volume": format_value(write / MIB, "MiB/s"),
            "by_bytes": format_value(write / rules.SHARD_BYTES),
            "by_reads": format_value(write * p.consumers / rules.READ_BYTES),
            "by_records": format_value(p.record_rate / rules.SHARD_RECORDS),
            "per_shard": format_value(rules.SHARD_RECORDS, "records/s")}


def hot_shard(p) -> dict[str, str]:
    """What the shard of the hot key gets if the other keys spread evenly, in words."""
    hot, others = p.record_rate * p.hot_key_share, p.record_rate * (1 - p.hot_key_share) / p.shards
    over = hot + others - rules.SHARD_RECORDS
    return {"hot": format_value(hot, "records/s"), "others": format_value(others, "records/s"),
            "sum": format_value(hot + others, "records/s"), "over": format_value(over, "records/s"),
            "part": format_value(100 * over / p.record_rate, "%"),
            "per_shard": format_value(rules.SHARD_RECORDS, "records/s")}


def catching_up(p) -> dict[str, str]:
    """The rates behind the catch-up of a shard, in words."""
    write = p.record_rate * p.record_size / p.shards
    read = rules.read_rate(p.consumers, p.fan_out)
    return {"write": format_value(write / MIB, "MiB/s"), "read": format_value(read / MIB, "MiB/s"),
            "spare": format_value((read - write) / MIB, "MiB/s"),
            "time": format_value(rules.catch_up_time(p.outage_duration, write, read), "s")}


def weekend(p) -> dict[str, str]:
    """The outage and the retention in days, in words."""
    away, kept = p.outage_duration / DAY, p.retention / DAY
    return {"away": format_value(away, "days"), "kept": format_value(kept, "day"),
            "gone": format_value(away - kept, "days"),
            "lost": format_value((p.outage_duration - p.retention) * p.record_rate, "records")}


def away(p) -> tuple:
    """The outage, as it is shaded."""
    return ((p.outage_start, p.outage_start + p.outage_duration, "consumer away"),)


EXERCISES = (
    Predict(
        id="how-many-shards", unit="shards", within=0.0, numbers=limits,
        runs=({"record_rate": 12_000, "record_size": 400, "consumers": 2},),
        ask=lambda r: r.summary["shards_needed"],
        question="{record_rate} of {record_size} each, sent in large batches, and {consumers} "
                 "that poll. How many shards does the stream need, at least?",
        hints=("Three limits: bytes written, bytes read by all consumers, and one more.",
               "The bytes need {by_bytes} shards, the reads {by_reads}. What is the third limit "
               "of a shard?"),
        solution="Written: {volume}, which is {by_bytes} shards; read by {consumers}: {by_reads}; "
                 "and at {per_shard} per shard {by_records}. The largest counts: {answer}. Small "
                 "records run into the limit on records first."),
    Predict(
        id="the-burning-shard", unit="%", numbers=hot_shard, runs=(HOT,),
        ask=lambda r: 100 * r.summary["incomplete_share"],
        question="{record_rate} to {shards}, far below what they take together. One key has a "
                 "share of {hot_key_share} of all records, the others spread evenly. How many "
                 "percent of all records are never accepted, for all their {retries}?",
        hints=("All records of the hot key go to one shard, and a share of the others, too. What "
               "comes to that shard?",
               "About {sum} come to it, and it takes {per_shard}."),
        solution="{hot} of the hot key and about {others} of the other keys: {over} more than the "
                 "shard takes, about {part} of all. The model gives {answer}. Retries help nobody "
                 "here: there is no quiet moment in which they would get in."),
    Predict(
        id="the-way-back", unit="s", numbers=catching_up, runs=(OUTAGE,), ask=caught_up,
        question="A consumer is away for {outage_duration}; {record_rate} of {record_size} go to "
                 "{shards} all the while. How many seconds after it is back has it caught up?",
        hints=("Per shard: how fast is the tape written, how fast can it be read?",
               "Written: {write}; read: {read}; so the pile shrinks by {spare}."),
        solution="The pile is {outage_duration} of {write}; it shrinks by {spare}: {time} if all "
                 "shards got the same. The model gives {answer}, since the last shard is a "
                 "fuller one. Had the shards been full, it would have taken as long as the "
                 "outage."),
    Predict(
        id="friday-evening", unit="records", numbers=weekend, within=0.1,
        runs=({"duration": 5 * DAY, "outage_start": DAY, "outage_duration": 2.5 * DAY},),
        ask=lambda r: r.summary["expired"],
        question="A consumer stops on Friday and is back after {away}. The stream keeps records "
                 "for {kept}, and {record_rate} are put. How many records does it never read?",
        hints=("When it is back, how old is the oldest record that it still finds?",
               "All that was put in the first {gone} of the outage has expired."),
        solution="{gone} of {record_rate}: {lost}. The model gives {answer}. An alarm on the "
                 "iterator age at half the retention leaves time to extend the retention."),
    Explain(
        id="in-vain", run=PRESETS[2].values,
        question=f"In the preset \"{PRESETS[2].title}\" the hot shard is split, yet nearly as "
                 "much is refused as before. Why?",
        choices=(
            Choice("The split takes too long.", "It takes its time, but the refusals stay for the "
                                                "rest of the run."),
            Choice("One key makes the heat, and all of a key goes to one of the two halves.",
                   "A split divides a range of hashes; a key is a single hash.", right=True),
            Choice("After a split the shards have to share the limit of their parent.",
                   "Each child is a shard with limits of its own."),
            Choice("The producers retry too often.", "Retries add attempts, but with none the "
                                                     "same records would be refused.")),
        hints=("Look at the bars of the shards before and after, and at the log.",
               "What does the hash of one partition key have in common with itself?"),
        solution="Only another key helps: add something to it that varies (a suffix, the order "
                 "instead of the customer), and give up the order across what you divide."),
    Explain(
        id="two-on-one-pipe", run=PRESETS[5].values,
        question=f"In the preset \"{PRESETS[5].title}\" the iterator age hardly falls after the "
                 "outage, although the consumers have nothing else to do. Which explanation "
                 "fits?",
        choices=(
            Choice("The producers are throttled and send everything again.",
                   "No attempt is refused in this run."),
            Choice("Reading deletes records, so the two consumers disturb each other.",
                   "Reading deletes nothing; only the retention does."),
            Choice("Both poll the same shards, and a shard's reads are shared by all who poll.",
                   "Each gets half of what one would get: hardly more than is written.",
                   right=True),
            Choice("Enhanced fan-out needs more shards than there are.",
                   "They don't use it; with it, the same shards would do.")),
        hints=("Compare the line \"read\" with that of the preset before.",
               "How much can be read of one shard per second, by all who poll together?"),
        solution="A shard gives all polling consumers together twice what it takes. Two of them "
                 "can just follow a full shard; enhanced fan-out gives each its own pipe, and "
                 "more shards give all of them more."),
    Design(
        id="small-change", start={"record_rate": 6_000, "record_size": 300, "keys": 10_000,
                                  "consumers": 3, "outage_start": 300, "outage_duration": 600,
                                  "duration": 3_600},
        free=("shards", "aggregation", "batch_size", "retries", "fan_out", "split_at",
              "split_what", "merge_at", "mode"),
        goals=(("incomplete_share", "<=", 0.001), ("iterator_age_end", "<=", 1.0)),
        good={"shards": 4, "aggregation": True},
        question="{record_rate} of {record_size} each, {consumers} that poll, and an outage of "
                 "{outage_duration}. Lose next to nothing, and have caught up before the run "
                 "ends, at the least cost.",
        hints=("What is the larger part of the bill: the shards, or the payload units of so many "
               "small records?",
               "Packed records need fewer shards to be written; now see how many it takes to be "
               "read by all consumers and still catch up."),
        solution="The producer library packs the records, so that bytes and not records count; "
                 "then reading, not writing, decides how many shards there must be: {answer}. "
                 "Enhanced fan-out would need fewer shards, but is paid per consumer."),
    Sketch(
        id="draw-the-age", run=OUTAGE, series="iterator_age", label="Iterator age", unit="s",
        top=1_200, end=2_400, known=300, shades=away, numbers=catching_up,
        rules=(Peak(when=0.06, height=0.15), Back(below=0.05, within=0.07)),
        question="The consumer is away for {outage_duration}, and then reads as fast as a shard "
                 "lets it; {write} are put to each shard. Draw the iterator age: how old is the "
                 "record that it reads next?",
        hints=("Who stands still before a clock gets later by a second each second.",
               "At {read} it reads more than is put; by how many seconds per second does it catch "
               "up?"),
        solution="A second per second up to {answer}, then down: it reads {read} where {write} "
                 "were put, so that it gains less than a second each second and needs about "
                 "{time}."),
)
