# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A queue in front of an Auto Scaling group
#
# *labsim {{version}}. About forty-five minutes. In the notes: SQS with an Auto Scaling group,
# CloudWatch alarms, EC2 instances that boot.*
#
# {{run}}
#
# People line up at a bakery. The foreman looks at the line now and then, and calls more bakers;
# they take a while to arrive. **Afterwards you can answer:**
#
# * Why does the backlog keep growing after the alarm has rung?
# * What costs more waiting: a slow metric, a slow boot, or a cooldown?
# * Why does a group that keeps up perfectly dismiss its instances?
# * What happens to a message whose instance is terminated?
# * Why may a queue stay full when the load is long gone?

# %%
import labsim

lab = labsim.lab("sqs-asg")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. Press play and watch the
# queue, the alarm and the group.

# %%
import labsim

labsim.lab("sqs-asg").explore()

# %% [markdown]
# ## A guided tour
#
# ### How long is the line when nobody has to scale?
#
# {{instances}} work on messages of {{service_time}} each, and {{arrival_rate}} arrive: busy for
# four fifths of the time. Theory knows the mean wait of such a queue (Erlang C, for one line before
# several servers).

# %%
r = lab.run(lab.preset("1"))
p = r.params
theory = labsim.theory.mmc_wait_mean(p.arrival_rate, p.service_time, p.instances)
print(f"mean wait: model {r.summary['wait_mean']:.2f} s, Erlang C {theory:.2f} s")

# %% [markdown]
# One hour of one run is a sample, not the truth: other seeds (throws of the dice) scatter around
# the theory.

# %%
waits = [lab.run(p, seed).summary["wait_mean"] for seed in range(20)]
print(f"twenty seeds: {min(waits):.2f} to {max(waits):.2f} s, mean {sum(waits) / 20:.2f} s")

# %% [markdown]
# So a curve here is the mean of several runs, with a bar in which the true mean lies, nineteen
# times out of twenty (its *confidence interval*). All points roll the same dice.
#
# ### Raise one number until it breaks
#
# Where is the limit, and what happens just before it? Mark it with a finger before you run the
# cell.

# %%
lab.curve("wait_mean", "utilization", at="1",
          over={"arrival_rate": [1.0, 1.5, 2.0, 2.25, 2.4, 2.5, 2.75]})

# %% [markdown]
# The axis of the wait is logarithmic: the wait explodes *before* the limit of instances / service
# time is reached. Beyond it theory ends, since there is no steady state: the backlog grows for as
# long as you look.

# %% [markdown]
# ### The spike: who is to blame for the wait?
#
# Three presets, the same arrivals. First the metric gets faster, then the boot. Is who waits less
# dearer? (`wait_p95`, the *percentile*: nineteen of twenty messages wait no longer.)

# %%
lab.curve("wait_p95", "cost_usd", over=["2", "3", "4"])

# %% [markdown]
# With {{preset:2}} one message in twenty waits longer than {{result:2:wait_p95}}, with {{preset:4}}
# longer than {{result:4:wait_p95}}. The early group is not only quicker, it is cheaper: it never
# has to work off the mountain that the late one lets grow.

# %%
lab.run(lab.preset("2")).plot()

# %% [markdown]
# ### Read the log: when was what known?

# %%
for event in lab.run(lab.preset("4")).events:
    if event.kind in ("alarm", "scale-out", "scale-in"):
        print(f"{event.t:6.0f} s  {event.text}")

# %% [markdown]
# Between the start of the spike ({{spike_start}}) and the first scale-out lie the datapoints
# that the alarm waits for; then the boot, {{fact:ec2.boot_s}} with everything installed. Both are
# paid in backlog. What a script installs at first boot is added; how long that takes is your
# workload's affair:

# %%
lab.curve("launch_s", "wait_p95", "cost_usd",
          over={"user_data_time": [0, 60, 120, 180, 240, 300]})

# %% [markdown]
# The boot itself is short; what a script adds to it is paid three times, and the line has no bend
# where it begins to hurt. A golden AMI for what is the same on every instance, user data for what
# differs.

# %% [markdown]
# ### Simple scaling and its cooldown
#
# Adding a few at a time, and then not listening: how much does the cooldown cost?

# %%
lab.curve("wait_p95", "scale_outs", over={"cooldown": [0, 60, 150, 300, 450, 600]},
          policy="simple", user_data_time=0)

# %% [markdown]
# The default is {{fact:asg.default_cooldown}}. It protects a group from hiring for the same
# alarm twice, and here it makes every repeat wait.

# %% [markdown]
# ### Alarm on queue depth: what people build first
#
# `scale_on="queue-depth"` looks at all visible messages, whoever works on them. How much waiting is
# a depth of {{target_depth}}?

# %%
print("instances   time to drain")
for n in (1, 10, 60):
    print(f"{n:9}   {p.target_depth * p.service_time / n:11.0f} s")

# %% [markdown]
# Twenty minutes or twenty seconds: the alarm can't tell. So its steps are guesses, and it goes on
# adding while the backlog already shrinks.

# %%
lab.curve("wait_p95", "instances_max", "cost_usd", over=["4", "5", "8"])

# %% [markdown]
# And when each message becomes ten times as small, and there are ten times as many? The work is the
# same.

# %%
smaller = {"arrival_rate": 10 * p.arrival_rate, "service_time": p.service_time / 10}
depth, backlog = lab.preset("8"), lab.preset("4")
lab.curve("instances_max", "cost_usd", over={
    "queue depth": depth, "queue depth, small messages": depth.changed(**smaller),
    "backlog per instance": backlog, "the same, small messages, target to match":
    backlog.changed(**smaller, target_backlog=10 * p.target_backlog)})

# %% [markdown]
# The same depth now means a tenth of the wait, so the alarm hires more than the work needs. Backlog
# per instance has a rule for its target: acceptable latency / time per message.

# %% [markdown]
# ### A backlog, and all at once
#
# Consumers that were switched off overnight; a nightly job that sends everything in one go.

# %%
lab.curve("queue_max", "oldest_age_max", "instances_max", over=["9", "10"])

# %%
lab.run(lab.preset("10")).plot()

# %% [markdown]
# ### Scale-in on an empty queue: a sawtooth
#
# Steady load, but the group may shrink to one. What does a backlog of zero tell the policy?

# %%
lab.run(lab.preset("6")).plot()

# %% [markdown]
# Visible messages per instance is zero when all are idle, *and* when all are busy and keep up.
# So the group shrinks until there is a backlog again, then pays for it.

# %%
lab.curve("redelivered", "scale_ins", "wait_p95", over=["6", "7"])

# %% [markdown]
# Each scale-in cuts instances off in the middle of a message. It is not lost: it comes back
# after the visibility timeout ({{visibility_timeout}}) and starts over, unless a lifecycle hook
# lets the instance finish.

# %% [markdown]
# ### The limit in flight
#
# A fleet of very many threads, long work, and a backlog for all of them.

# %%
r = lab.run(lab.preset("11"))
threads = r.params.instances * r.params.threads
print(f"threads {threads:,}, in flight {r.summary['in_flight_max']:,}, "
      f"visible {r.summary['queue_max']:,}")

# %% [markdown]
# A standard queue has {{fact:sqs.inflight_max_standard}} in flight and no more. The other threads
# poll a full queue and get nothing, until somebody deletes a message.

# %% [markdown]
# ### Clients who come back
#
# So far nobody waited for the result. Now somebody does, for a while; then he sends the message
# again, and leaves the old one where it is.

# %%
stale = lab.preset("12")
calm = stale.changed(spike_factor=1)
lab.curve({"answered in time (req/s)": "goodput", "worked on for nobody": "stale"}, over={
    "no spike": calm, "five minutes of it": stale, "stale ones dropped": "13"})

# %%
lab.run(stale).plot()

# %% [markdown]
# The spike has an end, what it has begun has none: a *metastable failure*. The instances are busy
# all the time, with messages that nobody waits for any more; CPU and queue depth say "more load".
# Whoever drops, unread, what is too old, works for those who are still there. From which load on
# does it last? At each, hours after a short spike, with and without the cure:

# %%
def in_time(r):
    done, nobody = (r.series[name].value[-100:] for name in ("completed_rate", "stale_rate"))
    return 1 - nobody.sum() / done.sum()


lab.curve({"of the work at the end, in time": in_time}, seeds=2,
          over={"arrival_rate": [0.4, 0.6, 0.8, 1.0, 1.5]},
          by={"nothing dropped": stale, "stale ones dropped": "13"},
          spike_factor=8, spike_duration=120, duration=9_000)

# %% [markdown]
# Once all attempts together are more than the instances finish, a queue that is full stays full.
# The same load without the spike never gets there: look at the first bar of the figure before.
#
# A consumer that is broken for a while does the same. Any part can be broken, at any moment:

# %%
broken = calm.changed(faults="workers down 600 120")
lab.curve({"answered in time (req/s)": "goodput"}, over={
    "no fault": calm, "down for a while": broken,
    "and stale ones dropped": broken.changed(max_age=50)})

# %% [markdown]
# ### A whole day
#
# `workload="trace"` replays a file: what CloudWatch exports, an access log, two columns. This one
# is a made-up shop with a sale at noon. Drop a file of your own on the explorer above; in a
# terminal, `labsim trace FILE` says what it is. The first note says what was read:

# %%
shop = labsim.factbook.data_folder() / "traces" / "shop-day.csv"
day = labsim.run("sqs-asg", workload="trace", trace=shop, min_size=5, instances=5)
s = day.summary
print(day.notes[0])
print(f"{s['offered']:,} messages, p95 wait {s['wait_p95']:.0f} s, {s['cost_usd']:.2f} USD")

# %%
day.plot()

# %% [markdown]
# ## Read the model
#
# This is all that target tracking decides when an alarm of its rings:

# %%
import inspect

from labsim.services import autoscaling

print(inspect.getsource(autoscaling.TargetTracking.decide))

# %% [markdown]
# **Change it.** It takes away a tenth of the group at a time. A foreman who dismisses all at once
# whom the backlog does not need:

# %%
from unittest.mock import patch


class AllAtOnce(autoscaling.TargetTracking):
    def decide(self, seen, value, high):
        if high or seen.warming:
            return super().decide(seen, value, high)
        needed = round(seen.in_service * value / self.threshold)
        return (needed, "all at once") if needed < seen.desired else None


# %%
with patch.object(autoscaling, "TargetTracking", AllAtOnce):
    rash = lab.run(lab.preset("6"))
for name in ("wait_p95", "redelivered", "cost_usd"):
    print(f"{name:12} {lab.run(lab.preset('6')).summary[name]:8.2f} {rash.summary[name]:8.2f}")

# %% [markdown]
# A longer queue, and dearer: whom it dismissed it has to call back. The whole model is in
# `labsim/builtin/sqs_asg/model.py`; start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise

exercise("sqs-asg", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, in messages
# blank: check("sqs-asg", 1, answer)
# >>> solution
check("sqs-asg", 1, 4950)
# <<< solution

# %%
exercise("sqs-asg", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("sqs-asg", 2, answer)
# >>> solution
check("sqs-asg", 2, 9900)
# <<< solution

# %%
exercise("sqs-asg", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("sqs-asg", 3, answer)
# >>> solution
check("sqs-asg", 3, 204)
# <<< solution

# %%
exercise("sqs-asg", 4)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("sqs-asg", 4, answer)
# >>> solution
check("sqs-asg", 4, "b")
# <<< solution

# %%
exercise("sqs-asg", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("sqs-asg", 5, answer)
# >>> solution
check("sqs-asg", 5, "c")
# <<< solution

# %%
exercise("sqs-asg", 6)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"metric_period": 60}
# blank: check("sqs-asg", 6, answer)
# >>> solution
answer = {"target_backlog": 20, "metric_period": 10, "high_datapoints": 3,
          "low_datapoints": 5, "max_size": 34, "user_data_time": 0}
check("sqs-asg", 6, answer)
# <<< solution

# %%
exercise("sqs-asg", 7)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("sqs-asg", 7, answer)
# >>> solution
check("sqs-asg", 7, 120)
# <<< solution

# %%
exercise("sqs-asg", 8)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("sqs-asg", 8, answer)
# >>> solution
check("sqs-asg", 8, "b")
# <<< solution

# %%
exercise("sqs-asg", 9)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("sqs-asg", 9, answer)
# >>> solution
check("sqs-asg", 9, "c")
# <<< solution

# %%
exercise("sqs-asg", 10)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("sqs-asg", 10, answer)
# >>> solution
check("sqs-asg", 10, "c")
# <<< solution

# %%
exercise("sqs-asg", 11)

# %% tags=["solution"]
# blank: answer = None    # a list of points (x, y)
# blank: check("sqs-asg", 11, answer)
# >>> solution
check("sqs-asg", 11, [(600, 0), (980, 1_800), (1_320, 0), (2_700, 0)])
# <<< solution

# %% [markdown]
# ## Quiz

# %%
from labsim.course import quiz

quiz("sqs-asg")

# %% tags=["solution"]
# blank: # quiz("sqs-asg", "...")    # a letter per question
# >>> solution
quiz("sqs-asg", "bcbacacbbbaaaaababababacbc")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * Scale a group behind a queue on **backlog per instance**, not on CPU and not on queue depth:
#   target = acceptable latency / time per message.
# * A standard queue has a limit of messages **in flight**; beyond it consumers get nothing.
# * **Cooldown** belongs to simple scaling; step scaling and target tracking have a **warm-up**.
# * Detailed monitoring and a **golden AMI** shorten the two delays that a backlog pays for.
# * A terminated instance's message comes back after the **visibility timeout**; a termination
#   **lifecycle hook** lets it finish.
# * Messages that nobody waits for any more are still work: drop what is **stale**, bound retries.
# * Pick the **minimum size** for the base load; a policy on visible messages can't see it.

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
# * Each thread takes one message at a time: no batches, no polling latency. Real consumers fetch up
#   to ten at once and hold them all.
# * The limit in flight is exact; AWS calls it approximate. A backlog at the start has no age before
#   the run, and a burst is sent in no time.
# * Consumers renew the visibility timeout while they work, so a slow message is never received
#   twice while its instance lives. Many real consumers don't; the lab on delivery shows that.
# * The alarms of target tracking (three high, fifteen low datapoints, the low threshold) are
#   observed, not promised by AWS, and newer groups tune themselves. They are parameters here. How
#   far it scales in at once is not published: {{fact:asg.tt_scale_in_step}} here.
# * Who waits for a result hears of it at once when the work is done; real ones poll a reply queue
#   or a table. A group that is down is down as a whole, and a zone's instances are missed at once.
#   SQS hands out no newest message first: that stands for consumers which drop their way to it.
# * With no instance in service the metric is the whole backlog; AWS would have no data there
#   unless your metric math fills it.
# * Instances boot in a fixed time, the mean of what was measured on six types and in five regions,
#   and never fail; all are alike, so which of them holds which message is drawn by lot. That a
#   script takes {{user_data_time}} is an assumption: it is your workload's.
# * Billing starts at the launch; AWS starts it a few seconds later.
