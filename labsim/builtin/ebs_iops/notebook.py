# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A disk with credits
#
# *labsim {{version}}. About forty-five minutes. In the notes: EBS volume types, Multi-Attach,
# Nitro, instance store, EFS and its throughput modes.*
#
# {{run}}
#
# A bath is filled from a cistern on the roof. The mains bring a trickle all day, and nobody notices
# how little it is, until the cistern is empty at noon. **Afterwards you can answer:**
#
# * Why is a database quick all morning and slow at noon, under the same load?
# * Is it IOPS, throughput, queue depth or the instance that limits, and for how long?
# * What does a benchmark's latency say, and what does it not say?
# * What are small random I/Os on a hard disk volume charged as?
# * Which volume holds a load at the least price, and who may share it?
# * What lives on credits besides `gp2`, and what does a stop lose?

# %%
import labsim

lab = labsim.lab("ebs-iops")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. The dotted line of the first
# panel is what the storage lets through at that moment, the dashed one what it does for good. Where
# a limit bites that one doesn't think of, a note says so.

# %%
import labsim

labsim.lab("ebs-iops").explore()

# %% [markdown]
# ## A guided tour
#
# ### Raise one number until it breaks
#
# A `gp2` volume of {{size}} for eight hours, from eight in the morning to four.

# %%
def lasts(r):
    s = r.summary
    return (s["burst_lasts_s"] if s["burst_exhausted_s"] else r.params.duration) / 3_600


lab.curve({"credits last for (h)": lasts}, "credits_end", "latency_p99",
          over={"io_rate": [300, 375, 400, 500, 600, 750, 1_500]})

# %% [markdown]
# (Eight hours: to the end of the day.) Nothing is slow until everything is. Its baseline is three
# IOPS per GiB; all above that comes out of the bucket, and the more there is above, the earlier is
# noon.

# %% [markdown]
# ### When is the bucket empty?
#
# Credits over what is too much per second. The rule and the model, side by side.

# %%
from labsim.services import ebs

print(" size   baseline   a full bucket lasts   an empty one is full after")
for size in (20, 100, 334, 750, 999):
    disk = ebs.rules.device(ebs.Spec("gp2", size), io_size=16, latency=0.001)
    lasts = disk.seconds_of_burst(3_000)
    print(f"{size:5,} {disk.steady:10,.0f} {lasts:17,.0f} s {disk.bucket / disk.earn:25,.0f} s")

# %%
disk = ebs.rules.device(ebs.Spec("gp2", 100), io_size=16, latency=0.001)
run = labsim.run("ebs-iops", size=100, io_rate=3_000)
print(f"by the rule {disk.seconds_of_burst(3_000):,.0f} s, in the run "
      f"{run.summary['burst_lasts_s']:,.0f} s")

# %% [markdown]
# From a TiB on the baseline is the burst, and there is nothing to gain by credits. RDS spreads a
# database's `gp2` over four volumes, each with a bucket of its own:

# %%
lab.curve({"with credits": "burst_limit", "without": "steady_limit"}, size=400, io_rate=20_000,
          over={"stripes": [1, 2, 3, 4]})

# %%
lab.run(lab.preset("gp2 burst credits")).plot()

# %% [markdown]
# ### What are credits for?
#
# For a lunch hour: less work than before on the whole, and much more for a while.

# %%
lab.curve({"fewest credits": "credits_low", "at the end": "credits_end"}, "failed",
          at="Burst at lunch", over={"busy_factor": [1, 2, 4, 5, 6, 7, 8]})

# %% [markdown]
# An hour at six times the rate is just about what the bucket holds, and by the evening it is full
# again.

# %% [markdown]
# ### What does the cure cost?
#
# The noon of before; each of these holds the load all day.

# %%
lab.curve("month_usd", "latency_p99", at="gp2 burst credits", over={
    "more room": {"size": 250}, "gp3": {"storage": "gp3"},
    "io2": {"storage": "io2", "provisioned_iops": 800}})

# %% [markdown]
# The old cure was to buy room for the sake of its baseline. A `gp3` has three thousand IOPS at any
# size, no credits, and costs less. `io2` is for those who need its latency, its durability, or more
# than a `gp3` has.

# %% [markdown]
# ### IOPS or throughput?
#
# A `gp3` as it comes; larger and larger I/Os, as many as it takes.

# %%
lab.curve("iops_mean", "throughput_mean", storage="gp3", size=500, io_rate=5_000,
          over={"io_size": [4, 16, 32, 64, 256, 1_024]})

# %% [markdown]
# Small I/Os run into the IOPS, large ones into the throughput; in between there is a size at which
# both are full. On an SSD volume an I/O beyond a quarter of a MiB counts as several.

# %% [markdown]
# ### One at a time
#
# An `io2` with ten thousand IOPS, and an application that keeps so many I/Os under way:

# %%
lab.curve("iops_mean", at="Queue depth of one", over={"queue_depth": [1, 2, 4, 8, 16]},
          io_rate=12_000)

# %% [markdown]
# Little's law: under way = rate times latency. With one at a time, half a millisecond each, it is
# two thousand, whatever is paid for.

# %% [markdown]
# ### As a benchmark sees it
#
# `fio` keeps so many I/Os outstanding and sends the next when one is done: a closed loop. Nothing
# overflows then; the rate follows the latency until a limit is reached, and from there on the
# latency follows the queue depth.

# %%
lab.curve("iops_mean", "latency_mean", "wait_mean", at="Closed loop",
          over={"queue_depth": [1, 2, 3, 4, 8, 16, 32]})

# %% [markdown]
# The device takes its millisecond always; all else is the line before it. Somebody measured a small
# `gp2` with four outstanding, and found the latency that four over the rate is:

# %%
s = labsim.run("ebs-iops", size=8, closed_loop=True, queue_depth=4, io_size=4,
               duration=300).summary
print("measured       3,068 I/Os/s at 1.302 ms")
print(f"in the model   {s['iops_mean']:,.0f} I/Os/s at {1000 * s['latency_mean']:.3f} ms")

# %% [markdown]
# So a benchmark's latency at a limit says how deep its queue was, not how quick the device is.

# %% [markdown]
# ### The narrowest place
#
# The volume, the instance, and the kind of instance. Which one is it?

# %%
wide = lab.Params(storage="io2", size=500, provisioned_iops=60_000, io_rate=50_000,
                  queue_depth=128, duration=3_600)
lab.curve("iops_mean", at=wide, over={
    "as it is": {}, "40,000 IOPS": {"instance_iops": 40_000},
    "80,000 IOPS": {"instance_iops": 80_000},
    "and 2,000 MiB/s": {"instance_iops": 80_000, "instance_throughput": 2_000},
    "not on Nitro": {"instance_iops": 80_000, "instance_throughput": 2_000, "nitro": False}})

# %% [markdown]
# Read the table of the instance type before the price of the volume. Who doesn't is told:

# %%
print(lab.run(wide).notes[0])

# %% [markdown]
# ### Half an hour a day
#
# AWS's table has two columns, and a star: smaller sizes do their maximum for half an hour a day,
# then their baseline. The volume here is a `gp3`, which knows no credits.

# %%
small = lab.preset("Instance burst credits")


def quick(r):
    return (86_400 - r.summary["ebs_baseline_s"]) / 60


lab.curve({"quick for (min of a day)": quick}, at=small, duration=86_400,
          over={"io_rate": [3_800, 4_000, 4_500, 5_000, 6_000, 8_000]})

# %%
lab.run(small).plot()

# %% [markdown]
# `EBSIOBalance%` and `EBSByteBalance%` of the instance are the gauges; the volume's `BurstBalance`
# shows nothing. After a quiet night it starts anew, which is how such a thing passes every test.

# %% [markdown]
# Two instances that share a volume share what it does:

# %%
print(ebs.rules.multi_attach(50_000, [30_000, 40_000], [99_999, 0]), "A alone")
print(ebs.rules.multi_attach(50_000, [30_000, 40_000], [0, 99_999]), "B alone")
print(ebs.rules.multi_attach(50_000, [30_000, 40_000], [99_999, 99_999]), "both")

# %% [markdown]
# ### Hard disks
#
# Logs on `st1`, written here and there or one behind the other.

# %%
lab.curve("throughput_mean", "credits_end", "month_usd", at="Random I/O on st1",
          over={"storage": ["st1", "sc1"]}, by="sequential")

# %% [markdown]
# A small random I/O is charged as a whole MiB. In a row they are merged, and a hard disk is the
# cheapest way to move a stream. SSDs merge, too, up to a quarter of a MiB. No instance starts from
# a hard disk:

# %%
try:
    lab.Params(storage="st1", size=500, boot_volume=True)
except labsim.ParameterError as error:
    print(error)

# %% [markdown]
# ### Who is the cheapest?
#
# For any load the shop has one cheapest volume.

# %%
from labsim.services.ebs.choice import Load, cheapest

for load in (Load(100, 300), Load(100, 300, peak=1_800, peak_seconds=3_600), Load(500, 4_000),
             Load(2_000, 75, io_size=1_024, sequential=True), Load(100, 100_000),
             Load(4_000, 10, io_size=1_024, sequential=True)):
    v = cheapest(load)
    print(f"{load.size:5,} GiB, {load.rate:7,} I/Os/s of {load.io_size:5,} KiB: {v.type} of "
          f"{v.size:,} GiB, {ebs.bill.total(v):8,.2f} USD a month")

# %% [markdown]
# `gp3` nearly always; hard disks for streams; `io2` beyond what a `gp3` can do.

# %% [markdown]
# ### A file system for many
#
# EFS in three modes, for the same day.

# %%
day = lab.preset("EFS bursting")
lab.curve("failed", "month_usd", at=day, over={
    "bursting": {}, "elastic": {"storage": "efs-elastic"},
    "provisioned": {"storage": "efs-provisioned", "provisioned_throughput": 45}})

# %% [markdown]
# Bursting lives on a bucket that is full on the first day and never again: what little data there
# is earns little. Elastic costs by what is moved: right for a load that comes and goes, dear for
# one that stays.

# %%
lab.curve("month_usd", at=day, over={"io_rate": [20, 100, 300, 600, 1_200]}, by={
    "provisioned": {"storage": "efs-provisioned", "provisioned_throughput": 45},
    "elastic": {"storage": "efs-elastic"}})

# %% [markdown]
# What a bursting file system does, by AWS's table, and what a day of rest is good for:

# %%
from labsim.services import efs

for size in (256, 512, 1_024, 1_536, 4_096):
    base, burst = efs.rules.baseline(size), efs.rules.burst(size)
    print(f"{size:5,} GiB: {base:5.1f} MiB/s for good, {burst:3.0f} with credits, "
          f"{86_400 * base / burst / 60:3.0f} minutes of them a day")

# %% [markdown]
# And one instance is not the whole file system: it moves {{fact:efs.client_mibps}}, in elastic mode
# with a recent EFS client {{fact:efs.client_elastic_mibps}}.

# %%
stream = lab.Params(storage="efs-elastic", io_size=1_024, io_rate=5_000, queue_depth=10_000)
lab.curve("throughput_mean", at=stream, over={"instances": [1, 2, 3, 4, 6]}, by="new_client")

# %% [markdown]
# ### What AWS says, and what was measured
#
# At best a read takes {{fact:efs.read_latency_s}} and a write {{fact:efs.write_latency_s}}, says
# AWS. Somebody had Lambda functions open small files, read or write them and close them, and that
# took {{read_latency}} and {{write_latency}} in the mean. So many clients, one file at a time each:

# %%
one = lab.Params(storage="efs-elastic", closed_loop=True, queue_depth=1, io_size=1, duration=60)
lab.curve("iops_mean", at=one, over={"instances": [1, 10, 30, 60, 100, 300]},
          by={"reads": {"read_share": 1}, "writes": {"read_share": 0}})

# %% [markdown]
# Little's law again, until the file system is full: at {{read_iops}} to read and {{write_iops}} to
# write, as measured of a new one, far below AWS's quota in the table of facts. Two file systems did
# twice the reads, but hardly more writes, as if these took so long that the clients were too few.
# Whether a file system does more after a while nobody measured. A quota is no promise.

# %% [markdown]
# ### A burst is a burst
#
# A fifth of a second at fifty thousand a second, each minute. What a second lets through, it lets
# through in a minute's run and in a day's.

# %%
for duration in (60, 3_600, 86_400):
    s = labsim.run("ebs-iops", storage="gp3", io_rate=100, busy_factor=500, busy_start=5,
                   busy_duration=0.2, busy_every=60, timeout=1, duration=duration).summary
    print(f"{duration:6,} s: {s['failed'] * 60 / duration:6,.0f} of each burst's 10,000 failed, "
          f"{s['iops_max']:,.0f} I/Os/s at best")

# %% [markdown]
# A minute's mean, such as CloudWatch shows, stays below a tenth of the limit: micro-bursts don't
# show in it.

# %% [markdown]
# ### The disk inside
#
# An instance store is a part of the machine.

# %%
for event in lab.run(lab.preset("Instance store")).events:
    print(f"{event.t / 3600:.2f} h  {event.text}")

# %% [markdown]
# ## Read the model
#
# How credits change, in one place:

# %%
import inspect

from labsim.engine import storage_device

print(inspect.getsource(storage_device.Device.change))

# %% [markdown]
# **Change it.** AWS's text on `gp2` says that credits come in full while no more than the baseline
# is asked for. Suppose they came less what is used:


# %%
class Plain(storage_device.Device):
    def change(self, rate, wanted):
        return self.earn - rate * self.spend


# %%
from unittest.mock import patch

half = lab.Params(credits=0, io_rate=200)
for Kind in (storage_device.Device, Plain):
    with patch.object(ebs.rules, "Device", Kind):
        print(f"{Kind.__name__:7} {lab.run(half).summary['credits_end']:.0%} of the bucket")

# %% [markdown]
# The same while more than the baseline is used; different only in how fast a bucket fills. The
# whole model is in `labsim/builtin/ebs_iops/model.py`; start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("ebs-iops", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, in hours
# blank: check("ebs-iops", 1, answer)
# >>> solution
check("ebs-iops", 1, 1.67)
# <<< solution

# %%
exercise("ebs-iops", 2)

# %% tags=["solution"]
# blank: answer = None    # your number of I/Os per second
# blank: check("ebs-iops", 2, answer)
# >>> solution
check("ebs-iops", 2, 500)
# <<< solution

# %%
exercise("ebs-iops", 3)

# %% tags=["solution"]
# blank: answer = None    # your number of I/Os per second
# blank: check("ebs-iops", 3, answer)
# >>> solution
check("ebs-iops", 3, 4_000)
# <<< solution

# %%
exercise("ebs-iops", 4)

# %% tags=["solution"]
# blank: answer = None    # your number, MiB/s
# blank: check("ebs-iops", 4, answer)
# >>> solution
check("ebs-iops", 4, 1.25)
# <<< solution

# %%
exercise("ebs-iops", 5)

# %% tags=["solution"]
# blank: answer = None    # your number, in hours
# blank: check("ebs-iops", 5, answer)
# >>> solution
check("ebs-iops", 5, 10.8)
# <<< solution

# %%
exercise("ebs-iops", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("ebs-iops", 6, answer)
# >>> solution
check("ebs-iops", 6, "b")
# <<< solution

# %%
exercise("ebs-iops", 7)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("ebs-iops", 7, answer)
# >>> solution
check("ebs-iops", 7, "c")
# <<< solution

# %%
exercise("ebs-iops", 8)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("ebs-iops", 8, answer)
# >>> solution
check("ebs-iops", 8, "b")
# <<< solution

# %%
exercise("ebs-iops", 9)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"storage": "io1"}
# blank: check("ebs-iops", 9, answer)
# >>> solution
check("ebs-iops", 9, {"storage": "gp3", "provisioned_iops": 4_100})
# <<< solution

# %%
exercise("ebs-iops", 10)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"storage": "io1"}
# blank: check("ebs-iops", 10, answer)
# >>> solution
check("ebs-iops", 10, {"storage": "st1"})
# <<< solution

# %%
exercise("ebs-iops", 11)

# %% tags=["solution"]
# blank: answer = None    # your number, in minutes
# blank: check("ebs-iops", 11, answer)
# >>> solution
check("ebs-iops", 11, 75)
# <<< solution

# %%
exercise("ebs-iops", 12)

# %% tags=["solution"]
# blank: answer = None    # your number, in milliseconds
# blank: check("ebs-iops", 12, answer)
# >>> solution
check("ebs-iops", 12, 8)
# <<< solution

# %%
exercise("ebs-iops", 13)

# %% tags=["solution"]
# blank: answer = None    # a list of points (x, y)
# blank: check("ebs-iops", 13, answer)
# >>> solution
check("ebs-iops", 13, [(7_200, 100), (10_800, 5), (24_600, 100), (28_800, 100)])
# <<< solution

# %% [markdown]
# ## Quiz

# %%
quiz("ebs-iops")

# %% tags=["solution"]
# blank: # quiz("ebs-iops", "...")    # a letter per question
# >>> solution
quiz("ebs-iops", "bacbabdccb")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * **`gp2`**: IOPS grow with the size, small volumes live on credits. **`gp3`**: IOPS and
#   throughput are bought apart from the size. **`io1`, `io2`**: provisioned IOPS, for databases
#   that need more than {{fact:ebs.gp2_max_iops}} (as the notes have it; a `gp3` does
#   {{fact:ebs.gp3_max_iops}} today), and Multi-Attach.
# * **`st1`**: streams, big data, logs. **`sc1`**: data that is hardly ever read. Neither boots.
# * A volume is in **one zone** and at one instance; a snapshot takes it elsewhere. Its IOPS need a
#   **Nitro** instance with enough of its own; a small one has its maximum for half an hour a day.
# * **EFS**: many instances, several zones, Linux only, about three times the price of `gp2` per GB;
#   bursting, provisioned or elastic throughput.
# * **Instance store**: the best I/O there is, lost at a stop; buffers, caches, scratch.
# * A snapshot restored in a hurry is slow at first; **fast snapshot restore** is paid by the hour,
#   {{fact:ebs.fsr_price}}.

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
# * I/Os are a fluid from one change of the rate to the next. Real ones come in clumps of
#   milliseconds, which makes short lines long before a limit is reached.
# * An I/O takes {{ssd_latency}} at an SSD volume, {{io2_latency}} at an `io2`, {{hdd_latency}} at
#   a hard disk volume; AWS promises single-digit milliseconds of SSDs, less than half of one of
#   `io2`, and says nothing of disks. All are parameters. Reads and writes are alike but on EFS,
#   and a large I/O takes no longer than a small one. All I/Os take equally long but on EFS, whose
#   `p99` is {{latency_tail}} the mean; with a line before it the two are added: too much.
# * An I/O of EFS is a small file that is opened, read or written, and closed, as it was measured.
#   In a file that is open already one is quicker, down to what AWS says. What a file system does
#   at most is that of a new one, in elastic mode, at one time in one region; AWS's quotas are ten
#   times as much and more, and can be had by raising `read_iops` and `write_iops`.
# * Whether `gp2`'s credits come in full below the baseline is AWS's wording; see the change above.
# * Small I/Os in a row are always merged, as AWS has it. With a thousand outstanding somebody
#   measured more than thirty times as many in a row as at random, with four outstanding no more
#   than at random: there must be enough in line to be merged.
# * A volume gives nearly all of its IOPS nearly all of the time; here it is always all. At its
#   limit it lets I/Os through in handfuls: the `p99` of a full `gp2` was measured at up to ten
#   times the mean, which here it equals.
# * How an instance's credits come back AWS doesn't say but for the half hour a day. Here they come
#   while less than the baseline is used, and in full after every day, as in AWS's own simulation.
# * A restored volume is slow until each block has been read, and a changed one for hours; neither
#   is modelled.
# * EFS's operations on metadata, its per-file limits, its storage classes and quotas raised on
#   request are left out, and so is the network between; the prices of elastic throughput are
#   unverified. An instance store's IOPS are those of a large type.
# * `io2`'s price per IOPS falls in steps for large volumes; here it doesn't.
