# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Capacity of a DynamoDB table
#
# *labsim {{version}}. About an hour. In the notes: DynamoDB with its capacity modes, global
# secondary indexes, DAX.*
#
# {{run}}
#
# A house with one water pipe, many taps, and a tank under the roof. Short showers live on the tank.
# A long one doesn't; and if all want the same tap, neither pipe nor tank is of any use.
# **Afterwards you can answer:**
#
# * How many units is a read, a write, a batch, a query charged?
# * Why does a peak pass at first, and is throttled after some minutes?
# * Why is a table throttled that consumes half of its capacity, and what helps?
# * Which hot key does DynamoDB take care of by itself, when, and which never?
# * What does an index have to do with the table's writes?
# * When does which way of paying cost least?

# %%
import labsim

lab = labsim.lab("dynamodb-capacity")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. The bars in the system
# picture are partitions: what is asked of each, and the dashed line is all that it does.

# %%
import labsim

labsim.lab("dynamodb-capacity").explore()

# %% [markdown]
# ## A guided tour
#
# ### What is a request charged?

# %%
from labsim.services.dynamodb import rules

print("bytes     strong  eventual  in a transaction     write  in a transaction")
for size in (23, 1_000, 3_500, 4_096, 4_097, 10_000):
    reads = [rules.read_units(size, c) for c in ("strong", "eventual", "transactional")]
    writes = [rules.write_units(size, t) for t in (False, True)]
    print(f"{size:6,} {reads[0]:9.1f} {reads[1]:9.1f} {reads[2]:17.1f} {writes[0]:9.0f} "
          f"{writes[1]:17.0f}")

# %% [markdown]
# Units are rounded up per item. A query is rounded once, a batch for each of its items; an update
# is charged for the larger of the old and the new item:

# %%
print("a query of forty items of a KB:", rules.query_units(40 * 1_024), "units")
print("a batch of the same items:     ", 40 * rules.read_units(1_024), "units")
print("one byte changed in 300 KB:    ", rules.write_units(307_200, before=307_200), "units")
shirt = {"shirt-color": "R", "shirt-size": "M"}
print("an item:", rules.item_size(shirt), "bytes,", rules.write_units(shirt), "unit to write it")

# %% [markdown]
# ### Raise one number until it breaks
#
# Half an hour of more and more, on a table with {{write_capacity}} for writes.

# %%
def carried(r):
    series = r.series["throttled_writes_rate"]
    late = series.value > 0
    return (series.t[late.argmax()] - 1_800) / 60 if late.any() else 30


lab.curve({"carried for (min)": carried}, "failed", read_rate=0,
          over={"peak_factor": [1, 1.4, 1.6, 2, 3, 5]})

# %% [markdown]
# (A peak that is carried to its end is never throttled.) What isn't used is kept for
# {{fact:ddb.burst_window_s}}. A little too much is carried for
# long, much too much for minutes. Whoever tests for one minute sees nothing, unless the table is
# new: its tank is empty. Here nobody has come for {{saved}} before the run; with the peak right at
# its start:

# %%
lab.curve("throttled", over={"saved": [0, 30, 60, 120, 200, 300]}, read_rate=0, peak_factor=4,
          peak_start=60, peak_duration=60, retry_mode="none")

# %% [markdown]
# The tank in the first preset:

# %%
lab.run(lab.preset("Burst capacity")).plot()

# %% [markdown]
# ### One hot key
#
# Twice the capacity that is needed, and more and more of it for one key.

# %%
lab.curve("partition_load_max", {"throttled (attempts/s)": "throttled / duration"},
          "write_utilization", at="Hot partition key",
          over={"hot_key_share": [0, 0.2, 0.3, 0.4, 0.5, 0.8]})

# %% [markdown]
# A partition does a thousand writes a second, and so does an item. More capacity changes nothing:

# %%
lab.curve({"throttled (attempts/s)": "throttled / duration"}, "cost_usd", at="Hot partition key",
          over=[{}, {"write_capacity": 20_000}, {"mode": "on-demand", "previous_peak": 20_000},
                {"write_shards": 2}, {"write_shards": 3}, {"write_shards": 10}])

# %% [markdown]
# Suffixes spread the key over several partitions, at no charge for the writer. Who reads the key
# has to read all of them.

# %% [markdown]
# ### Split for heat
#
# A partition that has been near its limit for long is split where its traffic is halved. Is the
# hot key one item, or many under a sort key?

# %%
hot = lab.preset("Hot partition key")
for sort_keys in (False, True):
    r = lab.run(hot.changed(sort_keys=sort_keys))
    rate = r.series["throttled_writes_rate"].value
    print("many items:" if sort_keys else "one item:  ", *(
        f"{minute} min {rate[minute]:5,.0f}/s" for minute in (5, 15, 30, 60)), "throttled")

# %% [markdown]
# One item is left alone in its partition: its neighbours are freed, and it is not. Many items are
# divided, and each half has the whole limit. It takes {{split_after}} of heat. A shorter rush is
# over before:

# %%
rushes = {f"{m} minutes": {"peak_duration": 60 * m} for m in (2, 5, 9, 15, 30, 60)}


def failed(r):
    return r.summary["failed"] / (2_000 * r.params.peak_duration)


lab.curve("partitions", {"of the rush failed": failed}, over=rushes, at=hot.changed(
    sort_keys=True, write_rate=1_000, peak_factor=3, peak_start=600))

# %% [markdown]
# Partitions are never merged: who has once been hot stays divided. A local index keeps the items of
# a key together, and behind a sort key that only increases (a time) all that is new comes to the
# last half, so that neither is helped.

# %% [markdown]
# ### Even shares
#
# Until some years ago a partition had its part of the capacity and no more.

# %%
lab.curve({"throttled (attempts/s)": "throttled / duration"}, at="Without adaptive capacity",
          over={"hot_key_share": [0.0, 0.1, 0.2, 0.3, 0.38]}, by="adaptive")

# %% [markdown]
# Adaptive capacity lets a partition use what others leave, at once. It doesn't raise the
# partition's own limit.

# %% [markdown]
# ### GSI back-pressure: the index holds it up
#
# Each write also goes to the index. How many values does its key have?

# %%
lab.curve({"held up by the index (attempts/s)": "throttled_by_gsi / duration"},
          at="GSI with many keys", over={"index_keys": [1, 2, 3, 10, 50, 500]})

# %% [markdown]
# Or the index has less capacity than the table:

# %%
lab.curve({"held up by the index (attempts/s)": "throttled_by_gsi / duration"},
          at="GSI with many keys", over={"index_capacity": [500, 750, 1_000, 1_500, 2_000]})

# %% [markdown]
# Reports on a status with few values are a classic way to stop a shop.

# %% [markdown]
# ### Everybody reads one page
#
# A partition is kept on {{fact:ddb.replicas}}. One of them answers strong reads, any of them
# eventual ones:

# %%
lab.curve({"reads (req/s)": "completed / duration"}, {"units (1/s)": "read_units / duration"},
          over="consistency", mode="on-demand", read_rate=20_000, write_rate=0, item_size=4_096,
          hot_key_share=1, peak_factor=1, retry_mode="none", duration=600)

# %%
readers = lab.preset("Hot item, read")
lab.curve({"throttled (attempts/s)": "throttled / duration"}, "hit_ratio", "cost_usd", at=readers,
          over={"as it is": {}, "more capacity": {"read_capacity": 50_000}, "DAX": {"dax": True},
                "DAX, five seconds": {"dax": True, "item_ttl": 5},
                "DAX, strong reads": {"dax": True, "consistency": "strong"}})

# %% [markdown]
# A cache is made for hot keys: the more popular, the better. It answers eventually consistent reads
# only. Queries have a cache of their own, by the whole query, and a write doesn't touch it:

# %%
lab.curve("hit_ratio", {"units (1/s)": "read_units / duration"}, dax=True, query_share=0.5,
          at=readers, over={"query_ttl": [0, 5, 10, 60, 300]})

# %% [markdown]
# ### Auto scaling
#
# How long does it take until there is enough, and what if the change takes longer?

# %%
lab.curve("throttled", "scale_outs", at="Auto scaling", over={"peak_factor": [1.5, 2, 3, 4, 5]},
          by={"scaling_delay": [60, 300]})

# %% [markdown]
# Two minutes above the target, then the change; the tank bridges just that, if the peak isn't too
# high. It lowers after a quarter of an hour, and only so often a day, reads and writes together. A
# table that nobody uses any more it never lowers: without consumption there is no datapoint.

# %%
from labsim.builtin.dynamodb_capacity.by_hand import decreases

print("decreases within", ", ".join(f"{h} h: {decreases(h)}" for h in (1, 2, 12, 24)))
print("100 RCU at 70%: out above, in up to", rules.thresholds(100, 0.7))
print("140 consumed: new capacity", round(rules.scaled(140, 0.7)))

# %% [markdown]
# ### On demand
#
# Twice the highest peak at once; a new table has a start of its own, four partitions.

# %%
lab.curve("throttled", at="On-demand's limit",
          over={"previous_peak": [0, 1_750, 3_500, 5_000, 7_000]})

# %% [markdown]
# What if more comes than that, for long? Partitions that are hot split, so that it doesn't take
# half an hour:

# %%
r = labsim.run("dynamodb-capacity", mode="on-demand", read_rate=0, write_rate=20_000,
               peak_factor=1, keys=20_000, duration=3_600, retry_mode="none")
for minute in (5, 15, 25, 55):
    print(f"after {minute:2} min: {r.series['used_writes'].value[2 * minute]:7,.0f} writes/s, "
          f"{r.series['partitions'].value[2 * minute]:3.0f} partitions")

# %% [markdown]
# ### How long does it take?
#
# Most requests take about the same time; a few, {{fact:ddb.slow_pct}} of all, far longer. Whoever
# is throttled waits for the SDK.

# %%
alone = {"peak_factor": 1, "duration": 600, "read_capacity": 1_000, "write_capacity": 1_000}
lab.curve("latency_p50", "latency_mean", "latency_p99", **alone, over={
    "reads": {"write_rate": 0}, "writes": {"read_rate": 0},
    "with DAX": {"write_rate": 0, "dax": True, "skew": 1.2},
    "throttled": {"read_rate": 0, "write_rate": 1_200, "saved": 0}})

# %% [markdown]
# ### A partition is down. Do retries help?
#
# One of four partitions answers nobody for two minutes; the table has capacity for twice what
# comes. Who tries again at once, who waits, and who has run out of retry tokens?

# %%
down = lab.Params(read_rate=0, write_rate=2_000, write_capacity=3_500, peak_factor=1,
                  duration=600, max_attempts=8, faults="table-1 down 120 120")
how = {mode: {"retry_mode": mode, "retry_quota": False}
       for mode in ("none", "at-once", "full-jitter", "decorrelated-jitter")}
lab.curve("failed", {"on what is down": "errors"}, {"throttled when it is back": "throttled"},
          at=down, over={**how, "full-jitter, quota": {"retry_quota": True}})

# %% [markdown]
# Retries save only whoever waits long enough: those who come at once make eight times the attempts
# for nothing. And all who have waited come back together, more than the partition can do. The quota
# gives up early: hardly more is lost, and nobody storms it.

# %% [markdown]
# ### Three ways to pay
#
# The same day, by how high its noon is.

# %%
lab.curve({"for the peak": "cost_at_peak", "auto scaling": "cost_scaled",
           "on demand": "cost_on_demand"}, at="Three bills of a day",
          over={"peak_factor": [1, 2, 6, 20, 60]})

# %%
from labsim.services.dynamodb import bill

ratio = bill.on_demand_price(0, 3_600) / bill.provisioned_price(0, 1, hours=1)
print(f"a unit on demand costs {ratio:.2f} times as much as one that is provisioned and used, so "
      f"that the break-even is at a utilization of {1 / ratio:.1%}")

# %% [markdown]
# A wave's mean is half of its noon, so that buying for the peak is never below the break-even. On
# demand is for traffic with long idle times, for what nobody knows yet, and for those who don't
# want to think of it:

# %%
lab.curve({"provisioned": "cost_at_peak", "on demand": "cost_on_demand"}, duration=14_400,
          peak_factor=100, read_rate=4, write_rate=1, read_capacity=250, write_capacity=110,
          over={"peak_duration": [600, 1_200, 1_800, 2_700, 3_600, 5_400, 7_200]})

# %% [markdown]
# ## Read the model
#
# One step of a table, of a second or less wherever something changes:

# %%
import inspect

from labsim.services.dynamodb.table import Table

print(inspect.getsource(Table.step))

# %% [markdown]
# **Change it.** What would a tank of an hour, empty at first, do to the first preset?

# %%
from unittest.mock import patch

for window in (0, 300, 3_600):
    with patch.object(rules, "BURST_WINDOW", window):
        s = lab.run(lab.preset("1").changed(saved=0)).summary
        print(f"{window:5,} s kept: {s['failed']:10,.0f} failed")

# %% [markdown]
# The whole model is in `labsim/builtin/dynamodb_capacity/model.py`; start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("dynamodb-capacity", 1)

# %% tags=["solution"]
# blank: answer = None    # your number of units per second
# blank: check("dynamodb-capacity", 1, answer)
# >>> solution
check("dynamodb-capacity", 1, 240)
# <<< solution

# %%
exercise("dynamodb-capacity", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("dynamodb-capacity", 2, answer)
# >>> solution
check("dynamodb-capacity", 2, 200)
# <<< solution

# %%
exercise("dynamodb-capacity", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("dynamodb-capacity", 3, answer)
# >>> solution
check("dynamodb-capacity", 3, 28)
# <<< solution

# %%
exercise("dynamodb-capacity", 4)

# %% tags=["solution"]
# blank: answer = None    # your number, times
# blank: check("dynamodb-capacity", 4, answer)
# >>> solution
check("dynamodb-capacity", 4, 0.35)
# <<< solution

# %%
exercise("dynamodb-capacity", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("dynamodb-capacity", 5, answer)
# >>> solution
check("dynamodb-capacity", 5, "c")
# <<< solution

# %%
exercise("dynamodb-capacity", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("dynamodb-capacity", 6, answer)
# >>> solution
check("dynamodb-capacity", 6, "b")
# <<< solution

# %%
exercise("dynamodb-capacity", 7)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("dynamodb-capacity", 7, answer)
# >>> solution
check("dynamodb-capacity", 7, "a")
# <<< solution

# %%
exercise("dynamodb-capacity", 8)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"target": 50}
# blank: check("dynamodb-capacity", 8, answer)
# >>> solution
check("dynamodb-capacity", 8, {"mode": "auto-scaling", "target": 90})
# <<< solution

# %%
exercise("dynamodb-capacity", 9)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"write_shards": 2}
# blank: check("dynamodb-capacity", 9, answer)
# >>> solution
check("dynamodb-capacity", 9, {"write_shards": 6, "write_capacity": 3_100})
# <<< solution

# %%
exercise("dynamodb-capacity", 10)

# %% tags=["solution"]
# blank: answer = None    # your number of requests per second
# blank: check("dynamodb-capacity", 10, answer)
# >>> solution
check("dynamodb-capacity", 10, 9_000)
# <<< solution

# %%
exercise("dynamodb-capacity", 11)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("dynamodb-capacity", 11, answer)
# >>> solution
check("dynamodb-capacity", 11, "b")
# <<< solution

# %%
exercise("dynamodb-capacity", 12)

# %% tags=["solution"]
# blank: answer = None    # a list of points (x, y)
# blank: check("dynamodb-capacity", 12, answer)
# >>> solution
answer = [(1_800, 45_000), (2_100, 0), (3_600, 0), (4_500, 45_000), (5_400, 45_000)]
check("dynamodb-capacity", 12, answer)
# <<< solution

# %% [markdown]
# ## Quiz

# %%
quiz("dynamodb-capacity")

# %% tags=["solution"]
# blank: # quiz("dynamodb-capacity", "...")    # a letter per question
# >>> solution
quiz("dynamodb-capacity", "cabdbcab")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * **RCU**: a strong read of four KB a second, or two eventual ones. **WCU**: a write of one KB.
#   Twice as much in transactions. Sizes are rounded up.
# * **Provisioned** with auto scaling for traffic that can be foreseen, **on-demand** for what
#   can't, {{fact:ddb.ondemand_price_ratio}} the price per unit used (the notes say two and a half).
# * An item has {{fact:ddb.item_size_max_bytes}} at most. A key of one attribute or of two
#   (partition and sort key); **LSI**: same partition key, made with the table; **GSI**: another
#   key, capacity of its own.
# * **DAX**: microseconds, no change of code, eventual reads, TTL of five minutes. ElastiCache is
#   for computed results.
# * **Streams**: ordered changes, kept for a day, for Lambda. **Global tables**: written in all
#   regions. **TTL**: items delete themselves, free of charge, within days.
# * Throttled requests are tried again by the SDK, with waits that double.

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
# ## Where the model is wrong
#
# * Partitions are at first as many as an old formula says, on demand as many as the units need.
#   They split for heat alone: not by size, and not where auto scaling or you raise the capacity.
#   Those of an index never do, and an index on demand doesn't grow.
# * {{split_after}} of heat is what one test of AWS's own showed; that nine tenths of a limit are
#   heat, and that a partition cools as fast as it heats, are assumptions. A split is over at once.
# * AWS's guide says {{fact:ddb.partition_rcu_max}} for any reads of a partition; that eventual ones
#   get half as many more was measured once, of queries. The replicas are never apart, or away.
# * A new table on demand once did more than twice as many writes as AWS names, and a third more
#   reads; how long it took to get there isn't told. Years before it did just what AWS names.
# * Times were measured in one Region, with items of a KB, at little load, by functions near the
#   table. An attempt that is throttled takes as long as another; strong and eventual reads alike.
# * The tank isn't guaranteed; DynamoDB may use it for work of its own. That a new table's is empty,
#   and that it is cut when capacity is, isn't written anywhere.
# * Which key is in which partition is as good as random, but always the same here.
# * DAX is as it is after a while, by theory: no cold start, no node that fails. Where room and TTL
#   both limit, its hit ratio is a little too high.
# * A query's size is so many items of {{item_size}}, and as many queries as keys are asked.
# * When on-demand takes a new peak for granted is half an hour here, as AWS's text suggests. AWS
#   says of more than twice the peak only that it may be throttled, and that capacity is added.
# * Auto scaling's alarms are never late, {{scaling_delay}} for a change is an assumption, and its
#   formula isn't printed anywhere. The index isn't scaled.
# * Quotas of the account, per table and in all, are left out; they can be raised.
# * Retries wait for a second and more, as the SDK's standard mode does; DynamoDB's own older mode
#   waits for fractions of one.
# * All prices of DynamoDB are from secondary sources; storage isn't counted.
