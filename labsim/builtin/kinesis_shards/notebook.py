# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Shards of a Kinesis stream
#
# *labsim {{version}}. About fifty minutes. In the notes: Kinesis Data Streams, producers and
# consumers, enhanced fan-out.*
#
# {{run}}
#
# A post office has a row of counters, and the addressee's initials decide which one a letter
# goes to. One clerk is swamped while the next one reads the paper. Behind each counter runs a
# tape on which all letters are kept for a day, and readers follow it. **Afterwards you can
# answer:**
#
# * How many shards does a stream need, and which of three limits decides?
# * When does a split help, and when is it money for nothing?
# * How long does a consumer take to catch up, and when does it never?
# * What do enhanced fan-out, aggregation and on-demand mode buy, and what do they not?

# %%
import labsim

lab = labsim.lab("kinesis-shards")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. Press play and watch the
# bars: each is a shard, and the dashed line is what a shard takes.

# %%
import labsim

labsim.lab("kinesis-shards").explore()

# %% [markdown]
# ## A guided tour
#
# ### Which shard does a key go to?
#
# The `MD5` of the partition key is a number, and each shard owns a range of numbers.

# %%
from labsim.services.kinesis import ShardMap
from labsim.services.kinesis.routing import hash_key

for key in ("user-1", "user-2", "order-42", "device-7"):
    shard = ShardMap(4).route(key)
    print(f"{key:9} {hash_key(key) / 2**128:6.1%} of the way, shard {shard.id} of 4")

# %% [markdown]
# Nobody chooses, and nobody balances: the same key always goes to the same shard. That is how
# order is kept, and where the trouble comes from.

# %% [markdown]
# ### Raise one number until it breaks
#
# {{shards}}, {{keys}}, {{record_size}} per record. A shard takes
# {{fact:kinesis.shard_write_records_per_s}} and {{fact:kinesis.shard_write_bytes_per_s}}. At
# which rate is the first record lost?

# %%
def busiest(r):
    return r.series["load_max"].value.max()


lab.curve({"busiest shard (of limit)": busiest}, "incomplete_share",
          over={"record_rate": [2_000, 3_000, 3_800, 4_000, 4_500, 6_000]})

# %% [markdown]
# The busiest shard breaks first, a little below the limit of all shards together. From then on
# retries pile up in front of it: it is asked for several times what it takes.

# %% [markdown]
# ### Do different keys mean an even load?
#
# The same rate, far from what all shards take together, with more and more keys.

# %%
lab.curve("hottest_shard_share", "incomplete_share",
          over={"keys": [1, 2, 5, 10, 20, 100, 1_000, 10_000]})

# %% [markdown]
# A handful of keys falls into the shards like a handful of dice. Only many keys, each with a
# small part of the load, come out even.

# %% [markdown]
# ### More shards always help. Or do they?
#
# {{preset:2}}: most records have one and the same key.

# %%
lab.curve("incomplete_share", "cost_usd", at="2", over={"shards": [4, 8, 16, 32]})

# %% [markdown]
# The other keys move away, the hot one stays. And retries?

# %%
lab.curve("attempts", {"never put": "incomplete"}, at="2", over={"retries": [0, 1, 3, 5, 10]})

# %% [markdown]
# Retries wait for a quiet moment, and there is none. They cure a burst, not a load.
#
# ### What does a minute's average hide?
#
# One shard, a steady trickle, and once a minute a burst of a fifth of a second.

# %%
BURSTS = {"shards": 1, "record_rate": 100, "spike_factor": 200, "spike_start": 10,
          "spike_duration": 0.2, "spike_every": 60}
lab.curve("incomplete_share", over={"retries": [0, 1, 2, 3, 5, 10]}, **BURSTS)

# %% [markdown]
# On average a sixth of the limit, and yet refused: the limit holds for each second. A burst is
# what retries are for: they spread it over seconds, and with enough of them nothing is lost.
#
# ### One hot key, or several?
#
# The same share, divided among so many keys.

# %%
lab.curve("hottest_shard_share", "incomplete_share", at="2",
          over={"hot_keys": [1, 2, 3, 4, 5, 8, 16]})

# %% [markdown]
# A second hot key is not always a relief: two may meet in a shard, as {{preset:12}} shows. More
# shards part them, as long as no key alone is more than a shard takes.

# %% [markdown]
# ### Split the hot shard
#
# Twice the same operation. Read in the log what each half got.

# %%
for number in "34":
    r = lab.run(lab.preset(number))
    throttled = r.series["throttled_rate"].value
    print(f"{lab.presets[int(number) - 1].title}: {r.events[0].text}")
    print(f"   throttled per second: {throttled[60]:,.0f} before, {throttled[-1]:,.0f} at the end")

# %% [markdown]
# A split divides the keys of a shard, but no key. With {{preset:4}} the load halves; with
# {{preset:3}} nearly all of it stays on one side.

# %%
lab.run(lab.preset("4")).plot()

# %% [markdown]
# ### The outage: how long is the way back?
#
# A consumer is away. Nothing is lost, since the tape runs on; but it has to read faster than
# the tape grows.

# %%
from labsim.services.kinesis import rules

p = lab.preset("5")
write = p.record_rate * p.record_size / p.shards
for consumers, fan_out in ((1, "shared"), (2, "shared"), (2, "enhanced"), (3, "shared")):
    read = rules.read_rate(consumers, fan_out)
    back = rules.catch_up_time(p.outage_duration, write, read)
    s = lab.run(p.changed(consumers=consumers, fan_out=fan_out)).summary
    print(f"{consumers} {fan_out:8}: each reads {read / write:4.2f} of what is written, back after"
          f" {back:5.0f} s; at the end {s['iterator_age_end']:5.0f} s behind")

# %% [markdown]
# A shard gives all that poll together {{fact:kinesis.read_bytes_per_s_shared}}, twice what it
# takes. One reader catches up, two just about follow, three fall behind for good even without
# an outage.

# %%
lab.run(lab.preset("6")).plot()

# %% [markdown]
# Other things break, too: a shard, or consumers that crawl.

# %%
lab.curve("failed", "iterator_age_max", at=p.changed(outage_duration=0), over={
    "a shard is away": {"faults": "stream-1 down 300 300"},
    "consumers are away": {"faults": "stream consumers down 300 300"},
    "consumers are slow": {"faults": "stream consumers slow 300 300 10"}})

# %% [markdown]
# A consumer that is away loses nothing and falls behind; a shard that is away loses what producers
# give up, and nobody is behind: what never came needs no reader.

# %% [markdown]
# ### How old is a record when it is read?
#
# Even readers that keep up pay for sharing: all that poll have
# {{fact:kinesis.get_records_tps}} of a shard together. Enhanced fan-out pushes. Let all poll as
# often as a single one may:

# %%
lab.curve("propagation_mean", "cost_usd", over={"consumers": [1, 2, 3, 4, 5]}, by="fan_out",
          record_size=100, poll_interval=0.2)

# %% [markdown]
# The client library polls each shard once in {{poll_interval}}, and so does Lambda. How many
# consumers can there be, and how often may they ask?

# %%
lab.curve("propagation_mean", "propagation_p95", "reads_throttled", record_size=100,
          over={"consumers": [1, 3, 5, 8]}, by={"poll_interval": [0.1, 0.5, 1, 2]})

# %% [markdown]
# Beyond {{fact:kinesis.get_records_tps}} a shard answers some and refuses the others
# (`ReadProvisionedThroughputExceeded`): who asks more often gets no more, and some records wait
# for several calls. With a longer interval for all the mean is a little longer, but nobody is
# refused, and the longest waits are shorter.
#
# So far by the delays that AWS states. Somebody has measured those of Lambda functions
# (bitesizedserverless.com, "Serverless messaging: latency compared"):

# %%
print("                    median   99 of 100   measured")
for fan_out, measured in (("shared", "627, 1,580 ms"), ("enhanced", "49, 109 ms")):
    for read_by in ("library", "lambda"):
        s = labsim.run("kinesis-shards", fan_out=fan_out, read_by=read_by).summary
        print(f"{fan_out:8}  {read_by:7} {1e3 * s['propagation_p50']:5,.0f} ms "
              f"{1e3 * s['propagation_p99']:8,.0f} ms   {measured if read_by == 'lambda' else ''}")

# %% [markdown]
# A mapping polls each shard about once a second, too: a record waits for half of that, and for
# little else. Pushed records were there sooner than AWS says.
#
# ### Tiny records, odd sizes
#
# {{preset:8}}: the limit on records is reached while the bytes are nowhere near theirs. The
# producer library packs them.

# %%
lab.curve("incomplete_share", "shards_needed", "kinesis_records", over=["8", "9"])

# %% [markdown]
# And a record a little above a kilobyte: `PutRecord` rounds every one up, `PutRecords` only the
# sum of a call.

# %%
lab.curve("incomplete_share", over={"batch_size": [1, 2, 5, 10, 50, 500]}, record_size=1_100)

# %% [markdown]
# ### Nobody counts shards: on demand
#
# {{preset:10}}: a new stream takes {{fact:kinesis.ondemand_initial_write}}, later twice the peak
# of the last month. What if more comes at once?

# %%
lab.run(lab.preset("10")).plot()

# %% [markdown]
# Refused until the busy shards have been split: {{result:10:incomplete}} lost. A stream
# that remembers the peak of last month has the shards before the load comes:

# %%
lab.curve("incomplete_share", "shards_end", at="10",
          over={"ondemand_peak": [0, 1_000_000, 2_000_000, 2_500_000, 3_000_000]})

# %% [markdown]
# ### A stream is not a queue
#
# Reading removes nothing, so a consumer may read again. But what is older than the retention
# ({{retention}}) goes, read or not.

# %%
lab.curve({"records lost": "expired"}, "iterator_age_max", at="11",
          over={"retention": [86_400, 129_600, 172_800, 216_000, 259_200]})

# %% [markdown]
# ## Read the model
#
# This is all that happens in a step: shards take what they may, consumers read what they can.

# %%
import inspect

from labsim.services.kinesis.shards import Shards

print(inspect.getsource(Shards.step))

# %% [markdown]
# **Change it.** The cure for a hot key is not a shard but a suffix: spread its records over many
# keys, and give up the order among them.

# %%
from unittest.mock import patch

from labsim.services.kinesis import Keys


class Salted(Keys):
    def __init__(self, n, skew, hot, hot_keys):
        super().__init__(n, skew)
        self.salted, self.hot = Keys(500), hot

    def shares(self, shards):
        others, hot = super().shares(shards), self.salted.shares(shards)
        return (1 - self.hot) * others + self.hot * hot


# %%
with patch("labsim.services.kinesis.Keys", Salted):
    salted = lab.run(lab.preset("2"))
for name in ("hottest_shard_share", "incomplete_share"):
    print(f"{name:20} {lab.run(lab.preset('2')).summary[name]:6.2f} {salted.summary[name]:6.2f}")

# %% [markdown]
# The same shards, the same records, nothing refused. The whole model is in
# `labsim/builtin/kinesis_shards/model.py`; start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise

exercise("kinesis-shards", 1)

# %% tags=["solution"]
# blank: answer = None    # your number of shards
# blank: check("kinesis-shards", 1, answer)
# >>> solution
check("kinesis-shards", 1, 12)
# <<< solution

# %%
exercise("kinesis-shards", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, in percent
# blank: check("kinesis-shards", 2, answer)
# >>> solution
check("kinesis-shards", 2, 30)
# <<< solution

# %%
exercise("kinesis-shards", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("kinesis-shards", 3, answer)
# >>> solution
check("kinesis-shards", 3, 450)
# <<< solution

# %%
exercise("kinesis-shards", 4)

# %% tags=["solution"]
# blank: answer = None    # your number of records
# blank: check("kinesis-shards", 4, answer)
# >>> solution
check("kinesis-shards", 4, 1.5 * 86_400 * 3_000)
# <<< solution

# %%
exercise("kinesis-shards", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("kinesis-shards", 5, answer)
# >>> solution
check("kinesis-shards", 5, "b")
# <<< solution

# %%
exercise("kinesis-shards", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("kinesis-shards", 6, answer)
# >>> solution
check("kinesis-shards", 6, "c")
# <<< solution

# %%
exercise("kinesis-shards", 7)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"shards": 10}
# blank: check("kinesis-shards", 7, answer)
# >>> solution
check("kinesis-shards", 7, {"shards": 4, "aggregation": True})
# <<< solution

# %%
exercise("kinesis-shards", 8)

# %% tags=["solution"]
# blank: answer = None    # a list of points (x, y)
# blank: check("kinesis-shards", 8, answer)
# >>> solution
check("kinesis-shards", 8, [(300, 0), (900, 600), (1_400, 0), (2_400, 0)])
# <<< solution

# %% [markdown]
# ## Quiz

# %%
from labsim.course import quiz

quiz("kinesis-shards")

# %% tags=["solution"]
# blank: # quiz("kinesis-shards", "...")    # a letter per question
# >>> solution
quiz("kinesis-shards", "bcabab")
# <<< solution

# %% [markdown]
# ## How far can you trust this lab?
#
# Where somebody measured AWS, the lab stands beside it, in the same situation. A dot on the line
# gives what was measured; blue is near it, orange is off and not to be relied on. A hollow dot is
# fitted: the model took a number from there, so it had to agree.

# %%
trust = lab.trust()
trust.measured.plot()

# %% [markdown]
# With the figures, and what the model was checked against besides: runs and rules with known
# answers.

# %%
trust

# %% [markdown]
# Besides, routing, splits and merges agree with moto (an independent Kinesis) on random keys,
# and the counted model agrees with a model of single records on small cases.

# %% [markdown]
# ## For the exam
#
# * A shard takes {{fact:kinesis.shard_write_records_per_s}} or
#   {{fact:kinesis.shard_write_bytes_per_s}}, whichever is reached first. **Throttled** producers
#   mean too few shards, or a **hot partition key**: look at single shards before you add any.
# * Order is kept **within a partition key** (so within a shard), like a message group in SQS.
# * All consumers that poll **share** each shard's reads, bytes and calls
#   (**ReadProvisionedThroughputExceeded**: too many, or too often); **enhanced fan-out** gives
#   each its own, pushed, for more money. Many consumers, short delay: enhanced.
# * Records stay for the **retention**, a day by default and a year at most; reading deletes
#   nothing, so they can be **replayed**. Watch the **iterator age**.
# * Tiny records: **aggregate** with the producer library. Unknown load: **on-demand** mode,
#   which doubles its peak but can't follow more than that at once.

# %% [markdown]
# ## Where the model is wrong
#
# * How long a split or merge takes is not published; {{reshard_time}} is an assumption from old
#   material. `split_what="all"` does one shard after the other; `UpdateShardCount` may do
#   several at a time.
# * On demand a busy shard is split after {{ondemand_split_time}} without a break; AWS says only
#   "within", and it merges shards when the load falls, which the model never does.
# * A record is known by its size and key alone, all of one size. A shard takes its limit each
#   second and keeps a second's worth of what was not used, so that a burst may take twice as much
#   in its first second; AWS counts in ways that it doesn't publish.
# * One producer process per shard's traffic aggregates here. With many small producers each
#   aggregate holds less, and consumers must take the parcels apart. Wait and size of aggregates
#   are the library's defaults.
# * Retries come back after {{retry_wait}} on average; SDK, library and agent each do it in their
#   own way. Retries put a record behind later ones of its key: order is kept only among records
#   that are accepted in order.
# * All consumers are alike, absent together, and never read twice. The iterator age leaves out
#   the polling delay, as the metric is zero for a consumer that keeps up.
# * Read by the library, a record takes a whole poll interval on average, as in AWS's figures for
#   one and five consumers: half of it waits for the call, the other half stands for all else. Read
#   by a Lambda mapping it takes as long as was measured, at one of them and little load: half an
#   interval for the call, and a small rest. The two disagree: records were there sooner than AWS
#   says, pushed or polled once a second. A late poll, which some records met, is left out.
# * A refused consumer asks again an interval later and never backs off; the calls that a shard
#   refuses for the bytes it has just given are not counted.
# * Records above a mebibyte live on burst capacity at AWS; here they take what they take.
# * Prices are secondary quotations for one region, without extended retention (the model keeps
#   records longer for nothing) and without data transfer; a billed gigabyte counts no rounding
#   of single records.
