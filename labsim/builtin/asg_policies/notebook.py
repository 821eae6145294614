# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Scaling policies side by side
#
# *labsim {{version}}. About fifty minutes. In the notes: Auto Scaling groups, CloudWatch alarms
# and detailed monitoring, EC2 Spot, hibernation and user data.*
#
# {{run}}
#
# Six supermarkets get exactly the same shoppers, minute by minute. They differ in one thing: the
# rule by which the manager opens and closes tills. In the evening the wages are counted, and the
# shoppers who walked out. **Afterwards you can answer:**
#
# * Which policy fits a load that is known beforehand, and which one a surprise?
# * Where do the minutes go between a rise and the first help, and what does each cost?
# * Why does a group swing although its load is steady, and what calms it?
# * What do several policies on one group agree on?
# * What is a failed request worth in instances, and what does Spot change about it?

# %%
import labsim

lab = labsim.lab("asg-policies")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. All six groups always run; *Policy in the spotlight* says whose
# CPU, instances, log and bill you see. In the system picture a group whose requests fail is
# marked `! ALARM`; the six bars are its load / capacity, in the order of the boxes.

# %%
import labsim

labsim.lab("asg-policies").explore()

# %% [markdown]
# ## A guided tour
#
# ### One day, six policies
#
# {{arrival_rate}} at night, five times as many at noon, and at four a flash crowd that nobody has
# announced. A small function prints what failed in each group, and what it cost.

# %%
NAMES = ("tracking", "step", "simple", "scheduled", "predictive", "together")


def table(result):
    s = result.summary
    for name in NAMES:
        share = s[f"failed_{name}"] / s["offered"]
        print(f"{name:10} failed {share:7.2%}   cost {s[f'cost_{name}']:6.2f} USD")


day = lab.run(lab.preset("1"))
table(day)

# %% [markdown]
# Those that know ahead (`scheduled`, `predictive`) are surprised by the crowd, for it is in no
# calendar. Those that react see it, with a delay. Simple scaling adds one at a time and waits
# after each. `together` is tracking, step and predictive scaling on one group.

# %%
day.plot()

# %% [markdown]
# Look at the evening: predictive scaling by itself never scales in. And without the crowd?

# %%
table(lab.run(lab.preset("1").changed(flash_factor=1)))

# %% [markdown]
# In no group does more than one in five thousand fail: the cost decides. The calendar pays for its
# full size from four in the morning; the forecast for its full size all evening.

# %% [markdown]
# ### Raise one number until it breaks
#
# The target is the only number of target tracking. How high can it be?

# %%
plain = lab.Params(flash_factor=1, max_size=40)
lab.curve("instances_mean", "failed_share", "cost_usd", at=plain,
          over={"target": [30, 40, 50, 60, 70, 80, 90, 95]})

# %% [markdown]
# The price of headroom falls off like one over the target; requests fail near the end only. The
# notes' example of {{fact:asg.target_example}} is a safe choice and a dear one. On a quiet day
# eighty percent is fine. Now the same with the flash crowd, for all that react:

# %%
import numpy as np

from labsim.view.figure import LabFigure

frontier = {name: [] for name in NAMES[:3]}
for target in (30, 40, 50, 60, 70, 80):
    s = lab.run(lab.Params(target=target)).summary
    for name, points in frontier.items():
        points.append((s[f"cost_{name}"], 100 * s[f"failed_{name}"] / s["offered"]))
for name, points in frontier.items():
    print(f"{name:9}", "  ".join(f"{usd:5.2f} USD {miss:4.2f}%" for usd, miss in points[::2]))

# %%
figure = LabFigure(figsize=(6, 3.2))
figure.alt = "Failed requests over the cost of the day, for targets from 30% to 80%, by policy"
axes = figure.add_subplot()
for (name, points), mark in zip(frontier.items(), "os^"):
    axes.plot(*np.transpose(points), marker=mark, label=name)
axes.set(xlabel="cost of the day (USD)", ylabel="failed (%)")
axes.legend()
figure.tight_layout()
figure

# %% [markdown]
# A **frontier**: to lose less you pay more, and no policy gives both. What lies to the left and
# below is better. Quicker eyes and legs move the whole line; the target only moves you along it.

# %% [markdown]
# ### Where do the minutes go?
#
# The load rises to five times within a quarter of an hour. From {{preset:2}} to {{preset:5}} the
# presets change one thing after another: the metric, then the boot.

# %%
lab.curve("failed_share", "cost_usd", over=["2", "3", "4", "5"])

# %% [markdown]
# Basic monitoring is free and publishes CPU every five minutes; {{high_datapoints}} of those are
# a quarter of an hour. Detailed monitoring costs {{fact:cw.detailed_price}} per instance. A
# golden AMI spares the script at first boot; so does a pool of stopped instances, and a hibernated
# one the start of the application, too:

# %%
from labsim.services.ec2 import launch

p = lab.Params()
print(f"user data  {launch.cold_time(p.boot_time, p.start_time, p.user_data_time):5.0f} s")
print(f"golden AMI {launch.cold_time(p.boot_time, p.start_time):5.0f} s")
print(f"stopped    {launch.cold_time(p.restart_time, p.start_time):5.0f} s")
for ram in (2, 4, 8, 16, 64):
    serves = launch.resume_time(p.restart_time, ram, p.disk_throughput)
    print(f"hibernated, {ram:2} GiB of memory {serves:5.0f} s")

# %% [markdown]
# Measured, a new instance boots in {{fact:ec2.boot_s}} and one out of a pool starts in
# {{fact:ec2.restart_s}}: nearly the same. A warm pool saves what comes after the boot. Where a
# golden AMI leaves nothing to install, only hibernation helps, and that not always: memory is read
# back from the root volume. Up to {{fact:ec2.hibernate_ram_max}} can hibernate, for
# {{fact:ec2.hibernate_max_days}} at most.
#
# Read the log of the late group: what was known when?

# %%
for event in lab.run(lab.preset("2")).events[:8]:
    print(f"{event.t:6.0f} s  {event.text}")

# %% [markdown]
# CPU can't say more than a hundred percent. So tracking, which multiplies by CPU / target, can't
# ask for more than that in one step, and needs several rounds.

# %% [markdown]
# ### Why does it swing?
#
# A group that has no peace:

# %%
nervous = lab.run(lab.preset("6"))
nervous.plot()

# %% [markdown]
# Steady load, and step scaling with large orders: whenever a few instances more have come the low
# alarm rings, and what it takes away makes the high one ring. Which setting is the cause? Change
# one at a time.

# %%
lab.curve("reversals", "failed_share", at="6", over={
    "as it is": {}, "metric every minute": {"metric_period": 60},
    "warm-up and cooldown 600 s": {"warmup": 600, "cooldown": 600},
    "low alarm after four": {"low_datapoints": 4}, "low alarm at 0.7 x": {"low_ratio": 0.7},
    "all but the metric": lab.scene("7").values})

# %% [markdown]
# A quicker metric makes it worse: there are more datapoints to act on. **Warm-up** (step, tracking)
# and **cooldown** (simple) make the group wait, and the swings slower. What ends them is a dead
# band: a low threshold further below the target than one order moves the CPU. That is why scale-in
# is slower than scale-out on purpose: {{high_datapoints}} above the target, but {{low_datapoints}}
# well below it.
#
# Target tracking sees the same load, and does not fail:

# %%
s = nervous.summary
for name in ("tracking", "step", "simple"):
    print(f"{name:9} failed {s[f'failed_{name}'] / s['offered']:6.2%}   "
          f"cost {s[f'cost_{name}']:.2f} USD")

# %% [markdown]
# It adds in proportion to the metric, at once; but it takes away a tenth of the group at a
# datapoint, and nothing that its own estimate of the load needs at the target. A datapoint is acted
# on once, however often the alarm calls before the next one.

# %% [markdown]
# ### Several policies at once
#
# Two policies want something at the same moment: the largest capacity wins. Nothing is added up.

# %%
from labsim.services.autoscaling.rules import CHANGE, PERCENT, adjusted, largest

both = [adjusted(10, CHANGE, 3), adjusted(10, PERCENT, 200)]
print("10 instances, +3 and +200%:", both, "so", largest(10, both))
both = [adjusted(20, CHANGE, -2), adjusted(20, PERCENT, -50)]
print("20 instances, -2 and -50%: ", both, "so", largest(20, both))

# %% [markdown]
# So a group shrinks only as far as all agree. That is why predictive scaling belongs with
# tracking: one knows the morning, the other sees what is in no book. Today brings other loads
# than the last two weeks:

# %%
three = ("tracking", "predictive", "together")
lab.curve({name: f"failed_{name} / offered" for name in three},
          {f"{name} (USD)": f"cost_{name}" for name in three}, at=plain,
          over={"today_factor": [0.5, 1, 1.5, 2, 3]})

# %% [markdown]
# On a quiet day the forecast makes `together` pay for instances that nobody needs; on a busy one
# tracking adds what the forecast lacks.

# %% [markdown]
# ### A forecast above the maximum
#
# The group's maximum is smaller than what noon needs. May the forecast lift it?

# %%
small = plain.changed(policy="predictive", max_size=8, schedule_size=8, target=90)
lab.curve("instances_max", "failed_share", at=small, over="max_behavior")

# %% [markdown]
# ### Which instance goes?
#
# At eight a new launch template is made. The default termination policy picks the zone with most
# instances, and in it the oldest template; newest-instance sends home whoever came last.

# %%
lab.curve("old_template", "zones_uneven", at="1", over={
    "termination": ["default", "oldest-instance", "newest-instance"]})

# %% [markdown]
# With the default, a day's breathing renews the group by itself. All keep the zones even, since
# all begin with the fullest zone.

# %% [markdown]
# ### Two minutes' notice
#
# Spot costs a fraction, and now and then EC2 wants a whole zone back.

# %%
lab.curve("spot_lost", "failed_share", "cost_usd", at="9", over={
    "no Spot": {"spot_share": 0, "boot": "user-data", "rebalance": False},
    "Spot": {"spot_share": 80, "boot": "user-data", "rebalance": False},
    "golden AMI": {"spot_share": 80, "boot": "golden-ami", "rebalance": False},
    "and act on notice": {"spot_share": 80, "boot": "golden-ami", "rebalance": True}})

# %% [markdown]
# The notice is {{fact:ec2.spot_interruption_notice}}. A successor launched then, from an image
# that serves within that time, is there before the other one goes.

# %% [markdown]
# ### A launch hook that times out
#
# A launch hook whose work takes longer than its timeout:

# %%
lab.curve("launches", "instances_max", "failed_share", at="10",
          over={"hook_timeout": [180, 240, 300, 360, 600]})

# %% [markdown]
# The default result is ABANDON: the launch is given up, and tried again. Heartbeats
# (`hook_heartbeats`) prolong it, but for no longer than {{fact:asg.hook_global_h}}, nor a hundred
# timeouts.

# %% [markdown]
# ### Cheap instances that run out of breath
#
# T instances earn CPU credits at their baseline. A `t3.large` has two vCPUs and a baseline of
# thirty percent; an `m5.large` has none of that and costs a little more.

# %%
from labsim.services.ec2 import bill

print("t2.micro after a day idle:", bill.credit_balance(1, 10, 0, 24, launch=30), "credits")
for cpu in (20, 40, 60):
    print(f"t3.large at {cpu} %: {bill.credits_net(2, 30, cpu):+.0f} credits an hour")
print("unlimited t3.large dearer than m5.large above",
      f"{bill.unlimited_break_even(2, 30, 0.0835, 0.096):.1f} % CPU")

# %% [markdown]
# So the target of a group of T instances should lie below their baseline, or you pay for surplus
# credits, or the instances slow down.

# %% [markdown]
# ## Read the model
#
# This is how a group's policies come to one decision:

# %%
import inspect

from labsim.services.autoscaling import cpu_alarms

print(inspect.getsource(cpu_alarms.CpuAlarms._act))

# %% [markdown]
# **Change it.** What if the smallest wish won? (It does not; this is why.)

# %%
from unittest.mock import patch


def smallest(current, wanted):
    return min(wanted, default=current)


together = lab.preset("1").changed(policy="together")
with patch.object(cpu_alarms, "largest", smallest):
    modest = lab.run(together).summary
for name in ("failed_share", "scale_outs", "scale_ins", "cost_usd"):
    print(f"{name:15} {lab.run(together).summary[name]:8.2f} {modest[name]:8.2f}")

# %% [markdown]
# The whole model is in `labsim/builtin/asg_policies/model.py`; start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("asg-policies", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("asg-policies", 1, answer)
# >>> solution
check("asg-policies", 1, 264)
# <<< solution

# %%
exercise("asg-policies", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, in instances
# blank: check("asg-policies", 2, answer)
# >>> solution
check("asg-policies", 2, 17)
# <<< solution

# %%
exercise("asg-policies", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in instances
# blank: check("asg-policies", 3, answer)
# >>> solution
check("asg-policies", 3, 17)
# <<< solution

# %%
exercise("asg-policies", 4)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("asg-policies", 4, answer)
# >>> solution
check("asg-policies", 4, "b")
# <<< solution

# %%
exercise("asg-policies", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("asg-policies", 5, answer)
# >>> solution
check("asg-policies", 5, "c")
# <<< solution

# %%
exercise("asg-policies", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("asg-policies", 6, answer)
# >>> solution
check("asg-policies", 6, "b")
# <<< solution

# %%
exercise("asg-policies", 7)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("asg-policies", 7, answer)
# >>> solution
check("asg-policies", 7, "d")
# <<< solution

# %%
exercise("asg-policies", 8)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"target": 50}
# blank: check("asg-policies", 8, answer)
# >>> solution
answer = {"policy": "step", "target": 75, "metric_period": 10, "low_datapoints": 90,
          "boot": "golden-ami", "warmup": 60, "spot_share": 100}
check("asg-policies", 8, answer)
# <<< solution

# %% [markdown]
# ## Quiz

# %%
quiz("asg-policies")

# %% tags=["solution"]
# blank: # quiz("asg-policies", "...")    # a letter per question
# >>> solution
quiz("asg-policies", "ababababacbc")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * **Target tracking** is the default choice; **scheduled** for what is in the calendar;
#   **predictive** for what repeats, beside a dynamic policy, for it never scales in.
# * **Cooldown** (default {{fact:asg.default_cooldown}}) belongs to simple scaling, **warm-up** to
#   step and tracking. Both keep a group from acting before its last action shows.
# * With several policies the **largest capacity** wins.
# * A **golden AMI**, a **warm pool** (stopped by default, running or hibernated) and **detailed
#   monitoring** shorten the time until help comes; lifecycle **hooks** lengthen it, and give up
#   after their timeout.
# * Default termination: the **zone with most instances**, then the oldest launch template. Spot
#   gives **{{fact:ec2.spot_interruption_notice}}** notice. A **capacity reservation** costs
#   {{fact:ec2.capacity_reservation_price}}, used or not.
# * A burstable instance (`t2`, standard mode) starts with {{fact:ec2.t2_launch_credits}}, and pays
#   its boot with them.

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
# * CPU is load / capacity, and what is beyond the capacity fails at once. Real instances slow
#   down first; real clients wait, time out and come back.
# * The alarms of target tracking (three high, fifteen low datapoints, the low threshold) are
#   observed, not promised by AWS, and newer groups tune themselves. They are parameters here.
# * AWS says that target tracking scales in gradually and never so far that its estimate passes the
#   target; how far at once, and how it estimates, is not published. Here it is
#   {{fact:asg.tt_scale_in_step}} of the group at a datapoint, at least one instance, and the load
#   to expect is the highest of the low alarm's datapoints and as much again as that is above their
#   mean.
# * All policies act at most once on a datapoint. AWS repeats an alarm's action every minute; that
#   step and simple scaling then act twice on an old number is not modelled.
# * The forecast is the mean of the same hour of the days before; AWS learns patterns of the week,
#   too. An hour's forecast is its mean, so within a steep hour it is too small at the end.
# * Boot ({{boot_time}}), start ({{start_time}}) and user data ({{user_data_time}}) take fixed
#   times, and all instances are alike. The boot is a mean over six types and five regions, of
#   Amazon Linux; the other two are your workload's. A terminated instance doesn't return to the
#   warm pool.
# * AWS writes that a hibernated instance's RAM is read back. An idle one was back as soon as a
#   stopped one, far too soon for all of its RAM, so here only memory in use is read.
# * How often Spot is taken back, and a discount of {{spot_discount}}, are assumptions; they differ
#   by type, zone and month. A launch always finds Spot capacity here.
# * A period without any instance in service has no datapoint, and counts as neither high nor low.
# * Metrics of ten seconds are custom metrics with a price of their own, which is not in the bill;
#   neither are the alarms, the load balancer and the data.
# * Health checks and registration take no time here; the lab on load balancers shows them.
