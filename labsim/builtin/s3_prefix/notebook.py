# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Request rates per S3 prefix
#
# *labsim {{version}}. About forty-five minutes. In the notes: S3 performance, S3 with KMS; the
# SDK's exponential backoff.*
#
# {{run}}
#
# A cloakroom opens one hatch per range of hooks. Each hatch serves only so many people a second.
# Where more come than that, another one is being opened, and the rows of hooks are divided anew,
# but never within one row. Some of those who were sent away come back a second later, all
# together. **Afterwards you can answer:**
#
# * How do keys have to begin so that a bucket keeps up?
# * Why does a new bucket slow down clients that an old one serves?
# * Why do retries that wait longer and longer still come in waves, and what dissolves them?
# * When is KMS the limit, and what are bucket keys worth?

# %%
import labsim

lab = labsim.lab("s3-prefix")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. Watch the bars in the system
# picture: one per partition, the dashed line is its limit. The switch *Facts* takes the KMS quota
# back to what the course notes say.

# %%
import labsim

labsim.lab("s3-prefix").explore()

# %% [markdown]
# ## A guided tour
#
# ### Raise one number until it breaks
#
# One prefix, and more and more reads. Nobody tries again. How many of them are answered?

# %%
one = lab.Params(key_scheme="one-prefix", partition_time=0, put_rate=0, retry_mode="none",
                 duration=600)
lab.curve({"answered (req/s)": "goodput", "503 (req/s)": "throttled / duration"}, at=one,
          over={"get_rate": [2_000, 4_000, 5_000, 5_500, 6_000, 8_000]})

# %% [markdown]
# No slow decline: up to {{fact:s3.get_rate_per_prefix}} everything is served, and what is beyond
# gets `503 Slow Down` at once. A partition has no queue.

# %% [markdown]
# ### How should keys begin?
#
# The same load four times; only the names differ. Who gets no answer?

# %%
load = lab.Params(get_rate=20_000, put_rate=5_000, prefixes=8, partition_time=0, duration=600)


def lost(of):
    return lambda r: 1 - r.summary[f"{of}_completed"] / r.summary[f"{of}_offered"]


lab.curve({"reads lost": lost("gets"), "writes lost": lost("puts")}, over="key_scheme", at=load)

# %% [markdown]
# The date in front spreads the reads of many days, but sends all that is written to one prefix.

# %%
lab.run(lab.preset("2")).plot()

# %% [markdown]
# ### Why is a new bucket slow?
#
# A bucket begins with one partition. While more is asked than that may serve, S3 prepares another:
# the limit rises evenly until it is there, and then towards the next one.

# %%
growing = labsim.run("s3-prefix", get_rate=20_000, put_rate=0, duration=7_200)
for event in growing.events:
    print(f"{event.t:6.0f} s  {event.text}")
print(f"turned away: {growing.summary['throttled']:,.0f} attempts")

# %% [markdown]
# AWS says only that it is gradual and takes sustained load. {{partition_time}} for a partition is
# what somebody measured: {{fact:s3.warming_start}} in the first minute of a new bucket,
# {{fact:s3.warming_end}} after less than half an hour, under a load always a little too high. The
# same load here, and beside it what was measured:

# %%
from labsim.measurements import measurement

warming = lab.run(lab.preset("11"))
figure = warming.plot()
rows = measurement("s3-warming").rows()
figure.axes[0].plot([float(row["minute"]) * 60 for row in rows],
                    [float(row["iops_mean"]) for row in rows], "k.", label="measured")
figure

# %% [markdown]
# The points follow the line until clients or S3 give way at the end. The old notes say
# {{fact:s3.split_time}} for a split. Whoever knows that a launch is coming lets the load grow
# slowly, as AWS advises. How slowly? Each run lasts as long as its ramp.

# %%
ramps = {f"in {m} minutes": {"ramp_duration": 60 * m, "duration": 60 * m}
         for m in (10, 30, 60, 120)}
lab.curve({"get 503": "throttled / attempts"}, over=ramps, at="11")

# %% [markdown]
# ### How long does a bucket stay warm?
#
# AWS doesn't say, and no measurement at hand does. The lab assumes that S3 goes back as it came,
# one partition at a time, each when the load has left room for it for {{cooling_time}}; here it
# takes less, so that there is something to see.

# %%
cooling = lab.run(lab.preset("12"))
for event in cooling.events:
    print(f"{event.t:6.0f} s  {event.text}")
cooling.plot()

# %% [markdown]
# With a whole day, whoever comes back before tomorrow finds all as it was.

# %% [markdown]
# ### Do many prefixes warm up faster?
#
# Not in a new bucket: the one that was measured had a prefix for each client, all busy, and grew
# by one partition at a time for all of them together. But the partitions that a bucket has already
# heat up each by itself.

# %%
many = lab.Params(prefixes=16, get_rate=100_000, put_rate=0, retry_mode="none", duration=10_800)


def warm(r):
    return max(event.t for event in r.events if event.kind == "split") / 60


lab.curve({"all prefixes have their own after (min)": warm}, at=many, seeds=3,
          over={"start_partitions": [1, 2, 4, 8]})

# %% [markdown]
# Twice as many at the start, and all are there in less than half of the time.

# %% [markdown]
# ### Is one prefix one partition for ever?
#
# No: S3 divides ranges of keys, and a slash is no bound. If the keys in a busy prefix are spread,
# it is divided, too. If they follow in sequence, or all want one object, no cut helps.

# %%
busy = lab.preset("9").changed(retry_mode="none")
lab.curve("prefixes_effective", {"reads lost": lost("gets")}, over={"key_ranges": [1, 2, 3, 4, 6]},
          at=busy)

# %% [markdown]
# ### Slow Down below the published rate?
#
# S3 assigns nothing for a rate when a prefix is created (`s3.new_prefix_rule`). Here a new bucket
# allows part of the published rates, and a load that no limit forbids is turned away.

# %%
lab.curve("throttled", over={"start_rate": [25, 40, 50, 75, 90, 100]}, at="10")

# %% [markdown]
# The same load, the same published rate: only how much of it a new bucket allows differs.

# %% [markdown]
# ### Two seconds of spike, half a minute of waves
#
# Backoff that doubles, the same for everybody. Look at the second panel.

# %%
lab.run(lab.preset("6")).plot()

# %% [markdown]
# Those turned away together wait equally long and come back together. Now each tosses a die:

# %%
labsim.compare(lab.run(lab.preset("6")), lab.run(lab.preset("7")))

# %%
lab.run(lab.preset("7")).plot()

# %% [markdown]
# Jitter even makes more attempts here, since the waits are half as long on average. What it
# dissolves is the crowd: the slowest answers come sooner.

# %% [markdown]
# ### What does the retry quota do in a lasting overload?
#
# Retries can't help where the load is too high for good. The standard mode notices by its tokens.

# %%
overload = lab.Params(key_scheme="one-prefix", get_rate=11_000, put_rate=0, duration=600)
lab.curve("attempts_per_request", {"fail": "failed / gets_offered"}, at=overload,
          over={"max_attempts": [1, 2, 3, 5, 8, 10]}, by="retry_quota")

# %% [markdown]
# About as many fail however often they try, since the partition is busy all the time anyway;
# without the quota several times the traffic is burnt for it.

# %% [markdown]
# And where S3 itself errs for a minute, in half of the answers? Any part can be broken in a run:

# %%
errs = lab.Params(prefixes=4, get_rate=8_000, put_rate=0, partition_time=0, duration=300,
                  max_attempts=4, faults="bucket errors 60 60 0.5")
lab.curve("failed", "amplification", "latency_p99", over="retry_quota", at=errs)

# %% [markdown]
# Here each retry has an even chance, and the quota, which knows only that many fail, forbids most
# of them.

# %% [markdown]
# ### Who else counts: KMS
#
# Every object encrypted with SSE-KMS costs a KMS call, and the quota is the whole account's.

# %%
lab.curve({"KMS throttles (req/s)": "throttled_kms / duration"}, "cost_usd", over="encryption",
          at="4")

# %% [markdown]
# The course notes know smaller quotas. What would their readers have seen?

# %%
lab.curve({"KMS throttles (req/s)": "throttled_kms / duration"}, at="4", over="facts")

# %% [markdown]
# And without envelopes it would be hopeless: how many calls for one file?

# %%
from labsim import factbook

size, most = 2**30, int(factbook.value("kms.encrypt_max_bytes"))
print(f"one file of {size:,} bytes: {size // most:,} direct calls of {most:,}, or 1 data key")

# %% [markdown]
# ### Faster by pieces
#
# A large object fetched as parallel byte ranges: when does it stop paying?

# %%
lab.curve("download_p50", "download_p99", over={"ranges": [1, 2, 4, 8, 16, 32]},
          object_size=100_000_000, duration=60)

# %% [markdown]
# Each connection gives about {{fact:s3.connection_bytes_per_s}}; beyond that the slowest first
# byte of many decides, and every range is a GET that counts against the prefix.

# %% [markdown]
# ### How long is it until the first byte?
#
# AWS's guide says {{fact:s3.first_byte_low_s}} to {{fact:s3.first_byte_high_s}} for small objects.
# Who measured it found {{fact:s3.get_first_byte_p50_s}} for half of the reads and
# {{fact:s3.get_first_byte_p99_s}} for all but the slowest, more for writes. The lab goes by what
# was measured; the guide is a click away.

# %%
only = {"reads": {"get_rate": 100, "put_rate": 0}, "writes": {"get_rate": 0, "put_rate": 100}}
lab.curve("latency_p50", "latency_p99", over=only, by="first_byte", duration=60)

# %% [markdown]
# ### A day at a million requests per second
#
# The model counts requests instead of following them, so this takes no longer than a minute's run.
# The bucket has grown before: each of its prefixes has a partition.

# %%
day = labsim.run("s3-prefix", get_rate=900_000, put_rate=100_000, prefixes=400,
                 start_partitions=400, duration=86_400)
s = day.summary
print(f"{s['gets_offered'] + s['puts_offered']:,.0f} requests, {s['prefixes_effective']:.0f} "
      f"partitions at the end, {s['cost_usd']:,.0f} USD")

# %% [markdown]
# ## Read the model
#
# This is a step of the bucket: partitions first, then KMS (between the two), and the rest is turned
# away.

# %%
import inspect

from labsim.services import s3
from labsim.services.common import retries as sdk

print(inspect.getsource(s3.Bucket.ask))
print(inspect.getsource(s3.Bucket.settle))

# %% [markdown]
# **Change it.** Equal jitter: half of the wait is fixed, half is random.

# %%
from unittest.mock import patch

plain = sdk.wait


def equal_jitter(mode, retry, base, cap):
    low, high = plain(mode, retry, base, cap)
    return high / 2, high


# %%
with patch.object(sdk, "wait", equal_jitter):
    equal = lab.run(lab.preset("6"))
for name in ("throttled", "latency_p99"):
    row = [lab.run(lab.preset("6")), equal, lab.run(lab.preset("7"))]
    print(f"{name:14}", *(f"{r.summary[name]:12,.1f}" for r in row))

# %% [markdown]
# No jitter, equal jitter, full jitter. The whole model is in `labsim/builtin/s3_prefix/model.py`;
# start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("s3-prefix", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, per second
# blank: check("s3-prefix", 1, answer)
# >>> solution
check("s3-prefix", 1, 55_000)
# <<< solution

# %%
exercise("s3-prefix", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, per second
# blank: check("s3-prefix", 2, answer)
# >>> solution
check("s3-prefix", 2, 1_000)
# <<< solution

# %%
exercise("s3-prefix", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("s3-prefix", 3, answer)
# >>> solution
check("s3-prefix", 3, 1_620)
# <<< solution

# %%
exercise("s3-prefix", 4)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("s3-prefix", 4, answer)
# >>> solution
check("s3-prefix", 4, "b")
# <<< solution

# %%
exercise("s3-prefix", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("s3-prefix", 5, answer)
# >>> solution
check("s3-prefix", 5, "b")
# <<< solution

# %%
exercise("s3-prefix", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("s3-prefix", 6, answer)
# >>> solution
check("s3-prefix", 6, "c")
# <<< solution

# %%
exercise("s3-prefix", 7)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"prefixes": 4}
# blank: check("s3-prefix", 7, answer)
# >>> solution
answer = {"key_scheme": "hashed", "prefixes": 8, "encryption": "sse-kms-bucket-key"}
check("s3-prefix", 7, answer)
# <<< solution

# %%
exercise("s3-prefix", 8)

# %% tags=["solution"]
# blank: answer = None    # your number, of requests
# blank: check("s3-prefix", 8, answer)
# >>> solution
check("s3-prefix", 8, (5_000 - 1_375) ** 2 / 2 / (5_500 / 540))
# <<< solution

# %% [markdown]
# ## Quiz

# %%
quiz("s3-prefix")

# %% tags=["solution"]
# blank: # quiz("s3-prefix", "...")    # a letter per question
# >>> solution
quiz("s3-prefix", "bcabc")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * The request rates hold **per prefix**, and there is no limit to the number of prefixes: spread
#   the load by what keys begin with.
# * **`503 Slow Down`** means: back off exponentially, **with jitter**. The SDK does it by itself.
# * S3 splits partitions under **sustained load**, gradually; a sudden launch on a new prefix is
#   slowed down, even below the published rates. It splits ranges of keys, also within one prefix.
# * **SSE-KMS** costs a KMS call per object, against a quota of the account in the region;
#   **bucket keys** save nearly all of them.
# * **Byte-range** GETs make large downloads parallel, **multipart** does so for uploads.
# * What is larger than KMS itself encrypts is encrypted with a **data key** (envelope encryption,
#   `kms.envelope_rule`): KMS counts calls, not bytes.
# * **Lifecycle** rules count days up to the next midnight UTC (`s3.lifecycle_rule`). **Flexible
#   Retrieval** stores for {{fact:s3.flexible_price}}, but takes
#   {{fact:s3.flexible_transition_price}} objects for the way in, keeps
#   {{fact:s3.archive_overhead_bytes}} and {{fact:s3.index_overhead_bytes}} more per object, and is
#   paid for {{fact:s3.glacier_min_days}} at least: small objects are better left where they are.

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
# * AWS publishes neither when S3 splits partitions nor how. A partition more per
#   {{partition_time}} is one measurement, of one bucket, up to four partitions. Its load paused for
#   two fifths of the time: if S3 counts only the seconds beyond the rate, it takes little more than
#   half as long. It had stopped growing at the end, and served up to a third less than the lab.
# * That areas of keys heat up each by itself, and which keys are one, follows AWS's words for
#   prefixes and that measurement, but nobody has measured it. An area that has grown here stays
#   one, however long it rests; a split harms nobody while it happens.
# * {{cooling_time}} until a partition is gone is an assumption, and so is that it goes at all.
#   What a bucket begins with stays.
# * How much of the published rate a new bucket allows is not published; the one that was measured
#   allowed all of it. One new bucket gave half as many reads again, and a sixth more writes, after
#   a load that nobody has described; here it takes some minutes of warming up to get there.
# * All ranges of a prefix are equally busy, and where new keys go stays as it is.
# * Requests come evenly within a step of a second or less wherever load, limits or retries change;
#   longer steps are made only where nothing does.
# * Of those turned away at a partition, first and later attempts have equal shares.
# * The time to a first byte is what one person measured of objects of a KiB, from functions in the
#   same region: a fixed way and a wait without memory. One in twenty is quicker, one in a thousand
#   slower than that. AWS's guide says several times as much at the median, and S3 under stress is
#   often slower. What is turned away takes as long as an answer. Downloads are timed as if nothing
#   were throttled.
# * All of the quota's KMS requests are this bucket's; in a real account others use it, too.
# * LIST, HEAD and DELETE are left out; they count like reads or writes.
# * The retry quota is one pool of tokens for all clients, as if they shared it evenly.
