# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What becomes of an SQS message
#
# *labsim {{version}}. About fifty minutes. In the notes: SQS queues, visibility timeout,
# dead-letter queues, delay queues, long polling, FIFO queues.*
#
# {{run}}
#
# Order slips hang on the rail of a kitchen. A cook turns one face down, cooks, and spikes it. A
# cook who is slow, or has walked out of the door, leaves a slip that turns face up again by itself:
# then somebody else begins the same dish from the start. **Afterwards you can answer:**
#
# * When is a message received again, and what if the first consumer is only slow?
# * How long should a visibility timeout be, and when is a heartbeat better than a long one?
# * How often is a bad message tried before it is a dead letter, and what waits behind it?
# * What does FIFO promise, what does it cost, and what does it not protect from?
# * Why can a queue in which nothing happens be the dearest line of a bill?

# %%
import labsim

lab = labsim.lab("sqs-delivery")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# One row per message. A thread: it waits. A full bar: it is in flight, hidden from everybody else.
# A tick: it is received. A ring: it is deleted. A hatched half, *work without lease*: a consumer
# works on it although it is not hidden for him any more. Step through the presets, then pin a run
# and change one thing.

# %%
import labsim

labsim.lab("sqs-delivery").explore()

# %% [markdown]
# ## A guided tour
#
# ### One message's way
#
# The same timeline in words, for three messages of a kitchen in which some dishes take long.

# %%
from labsim.declare.describe import timeline

r = lab.run(lab.preset("2"))
print(timeline(r, "8", "9", "16"))

# %% [markdown]
# Message `8` is received, done, deleted. Message `9` takes longer than its timeout: a second
# consumer receives it while the first still works on it, then a third. Message `16` is deleted by
# its first consumer at last, and the second works on to the end for nothing.

# %%
r.plot()

# %% [markdown]
# ### Raise one number until it breaks
#
# Work takes {{service_time}}, and on the slow dishes of this preset `8` times as long: `48 s`.
# Make the timeout longer, step by step.

# %%
print("timeout  received again  done again  wasted work")
for timeout in (10, 20, 30, 40, 50, 60):
    s = lab.run(lab.preset("2").changed(visibility_timeout=timeout)).summary
    print(f"{timeout:5} s {s['redelivered']:13.0f} {s['duplicates']:12.0f}"
          f" {s['wasted_work_s']:10.0f} s")

# %% [markdown]
# It stops the moment the timeout is longer than the longest work. That a message comes back does
# not mean that a consumer has failed: only that it has not deleted in time.
#
# ### So why not make it very long?
#
# Because consumers do crash, and nobody tells the queue.

# %%
print("timeout  done again  p95 from made to done")
for timeout in (10, 30, 60, 120, 300):
    s = lab.run(lab.preset("4").changed(visibility_timeout=timeout, duration=900)).summary
    print(f"{timeout:5} s {s['duplicates']:11.0f} {s['latency_p95']:16.0f} s")

# %% [markdown]
# What is lost waits out the timeout, whole. Short for crashes, long for slow work: one number
# can't be both. A **heartbeat** can: while a consumer works it keeps changing the timeout of what
# it holds.

# %%
mixed = lab.preset("2").changed(crash_share=0.1, duration=900)
print("timeout  heartbeat  done again  p95 to done  extra calls")
for timeout, beat in ((30, 0), (60, 0), (120, 0), (30, 20)):
    s = lab.run(mixed.changed(visibility_timeout=timeout, heartbeat=beat)).summary
    print(f"{timeout:5} s {beat:8} s {s['duplicates']:9.0f} {s['latency_p95']:12.0f} s"
          f" {s['change_calls']:10.0f}")

# %% [markdown]
# With a heartbeat a short timeout means "has not been heard of", not "takes long".
#
# ### By hand: what does ChangeMessageVisibility do?
#
# The queue alone, and you call. Its timeout is a minute; a quarter of a minute after the receive
# it is changed to ten seconds. A text such as `1 x2` is message one, received for the second time.

# %%
from labsim.builtin.sqs_delivery.by_hand import play

steps = [[0, "send"], [0, "receive"], [15, "change", 10], [24.9, "receive"], [25, "receive"]]
for step, answer in zip(steps, play(steps, {"visibility_timeout": 60})):
    print(*step, "->", answer)

# %% [markdown]
# The call does not add: it starts the clock anew, from the call. The next receive has the queue's
# own timeout again. Zero is a timeout, too: with it a consumer gives a message back.

# %%
steps = [[0, "send"], [0, "receive"], [5, "receive"], [5, "change", 0], [5, "receive"]]
print(play(steps))
print(play([[0, "send"], [0, "receive"], [0, "receive"]], {"visibility_timeout": 0}))

# %% [markdown]
# A queue whose timeout is zero hides nothing: who looks next gets the same message.
#
# ### By hand: when is it a dead letter?
#
# Timeout one second, at most three receives, nobody deletes.

# %%
steps = [[0, "send"], [0, "receive"], [0.3, "receive"], [1.2, "receive"], [2.4, "receive"],
         [3.5, "count"], [3.6, "receive"], [3.6, "count"]]
for step, answer in zip(steps, play(steps, {"visibility_timeout": 1, "max_receives": 3})):
    print(*step, "->", answer)

# %% [markdown]
# `count` says visible, in flight, delayed, dead letters. After the last timeout the message is
# simply visible; only the **receive that would be one too many** moves it, and returns nothing.
#
# ### A message that nobody can digest
#
# Without a dead-letter queue it goes round for as long as the retention lasts
# ({{fact:sqs.retention_default_s}} by default).

# %%
for number in "67":
    s = lab.run(lab.preset(number)).summary
    print(f"{lab.scene(number).title:24} receives {s['received']:3.0f}, wasted work "
          f"{s['wasted_work_s']:4.0f} s, dead letters {s['dead_lettered']:.0f}")

# %% [markdown]
# And the retention of the dead-letter queue itself? A message that spent a day in its queue:

# %%
day = 86_400
steps = [[0, "send"], [0, "receive"], [day / 2, "receive"], [day, "receive"],
         [4 * day - 1, "count"], [4 * day, "count"]]
print(play(steps, {"visibility_timeout": day / 2, "max_receives": 2, "dlq_retention": 4 * day}))

# %% [markdown]
# Three days there, not four: in a standard queue the clock goes on from the first send. Set the
# retention of a dead-letter queue longer than that of its source.
#
# ### Ten in one hand
#
# A receive may return up to {{fact:sqs.receive_max_messages}}. Work on them one by one, and:

# %%
for batch in (1, 2, 5, 10):
    s = lab.run(lab.preset("8").changed(receive_batch=batch)).summary
    print(f"{batch:2} at once: received again {s['redelivered']:2.0f}, done again "
          f"{s['duplicates']:2.0f}, receive calls {s['receive_calls']:3.0f}")

# %% [markdown]
# All clocks of a batch start at the receive. The timeout has to cover the batch, not the message.
#
# ### Order, and what it costs
#
# A burst, worked on by a few consumers: how many messages are begun after a later one of their
# group, and how long does the burst take?

# %%
burst = lab.Params(arrivals="at once", messages=60, consumers=8, wait_time=20, duration=900)
s = lab.run(burst).summary
print(f"standard          out of order {s['out_of_order']:2.0f}, p95 {s['latency_p95']:4.0f} s")
for groups in (1, 2, 5, 20):
    s = lab.run(burst.changed(queue_type="fifo", groups=groups)).summary
    print(f"FIFO, {groups:2} groups   out of order {s['out_of_order']:2.0f}, "
          f"p95 {s['latency_p95']:4.0f} s")

# %% [markdown]
# With one group, seven of the eight consumers look on: a group has one batch in flight at a time.
# Order is kept in each group; parallel work comes from many groups. A receive of several takes as
# many of one group as there are, and only then those of others:

# %%
tables = [[0, "send", group, str(number)] for number, group in enumerate("ABAB")]
print(play([*tables, [1, "receive", 2], [1, "receive", 2]], {"fifo": True})[4:])

# %% [markdown]
# Messages one and three are of table A, two and four of B. So another consumer has a whole table
# to itself, too. One poisoned slip shuts its table, and only that:

# %%
lab.run(lab.preset("11")).plot()

# %% [markdown]
# Unless its backlog is long. A FIFO queue looks at its first {{fact:sqs.fifo_scan_messages}} for a
# group that is not shut. Here it looks at fewer, and half of the messages are of one group:

# %%
print("looks at  done  of")
for scan in (20, 40, 120_000):
    s = lab.run(lab.preset("12").changed(fifo_scan=scan)).summary
    print(f"{scan:8,} {s['completed']:5.0f} {s['sent']:3.0f}")

# %% [markdown]
# What it looks at fills with messages of groups that are shut. Those of the others hang behind, and
# consumers look on. A dead-letter queue opens the group, and the way.

# %% [markdown]
# ### Sent twice
#
# A producer that has not heard an answer sends again. A FIFO queue recognizes the deduplication id
# for {{fact:sqs.fifo_dedup_window_s}}.

# %%
for after in (20, 290, 310):
    twice = lab.Params(resend_share=0.3, resend_after=after, duration=600)
    fifo, plain = lab.run(twice.changed(queue_type="fifo")).summary, lab.run(twice).summary
    print(f"sent again after {after:3} s: done again, FIFO {fifo['duplicates']:.0f}, "
          f"standard {plain['duplicates']:.0f}")

# %% [markdown]
# "Exactly once" is about sends. It does not help a consumer that is slower than its timeout:

# %%
slow = lab.preset("2").changed(queue_type="fifo", groups=20)
s = lab.run(slow).summary
print(f"FIFO with slow work: done again {s['duplicates']:.0f}")

# %% [markdown]
# ### Not before
#
# A delay queue hides each new message; in a standard queue a message may bring its own delay.

# %%
for delay, share in ((0, 0), (30, 0), (30, 0.3)):
    s = lab.run(lab.preset("14").changed(delay=delay, delayed_share=share)).summary
    print(f"queue {delay:2} s, {share:.0%} with their own: mean from made to done "
          f"{s['latency_mean']:4.0f} s")

# %% [markdown]
# ### The dearest line of the bill
#
# A quiet hour, two consumers, ten messages. Only the polling changes; the price is for a month of
# such hours.

# %%
print("wait  pause     calls    empty  mean wait  USD a month")
for wait, pause in ((0, 0), (0, 1), (0, 10), (5, 0), (20, 0)):
    s = lab.run(lab.preset("15").changed(wait_time=wait, poll_pause=pause)).summary
    print(f"{wait:2} s {pause:4} s {s['receive_calls']:9,.0f} {s['empty_receives']:8,.0f}"
          f" {s['wait_mean']:8.2f} s {s['cost_usd'] * 720:10.2f}")

# %% [markdown]
# A pause makes short polls cheaper and messages wait. A long poll returns as soon as there is
# something: fewest calls and no wait.
#
# ### A narrow door
#
# A FIFO queue takes {{fact:sqs.fifo_tps}} of each action. What counts as a call?

# %%
rush = lab.preset("17").changed(arrival_rate=4_000, messages=8_000, consumers=0)
for batch in (1, 2, 5, 10):
    s = lab.run(rush.changed(send_batch=batch)).summary
    print(f"{batch:2} in a call: {s['sent'] / rush.duration:5,.0f} messages per second")

# %% [markdown]
# A batch is one call, here and on the bill.
#
# ### The tray is full
#
# Messages that are received and not deleted are in flight, and there is a limit:
# {{fact:sqs.inflight_max_standard}}. Lower it, and let nobody ever delete.

# %%
stuck = lab.preset("9")
for limit, wait in ((10, 0), (40, 0), (40, 20), (120_000, 0)):
    s = lab.run(stuck.changed(in_flight_limit=limit, wait_time=wait)).summary
    print(f"limit {limit:7,}, wait {wait:2} s: in flight {s['in_flight_max']:2.0f}, out of reach "
          f"{s['queue_end']:2.0f}, OverLimit {s['throttled']:4.0f}")

# %% [markdown]
# In flight = rate of receives x time held. Consumers that forget to delete fill the tray, and then
# nobody gets anything although the queue is full of visible messages. A short poll is told so by
# an error, OverLimit. A long poll, or a FIFO queue, returns nothing and says nothing.

# %% [markdown]
# ## Read the model
#
# A consumer, whole:

# %%
import inspect

from labsim.services import sqs

print(inspect.getsource(sqs.Consumers.consume))

# %% [markdown]
# **Change it.** A queue that goes by another rule: a delete works with any receipt, old or not.

# %%
from unittest.mock import patch

from labsim.builtin.sqs_delivery import model


class Forgiving(sqs.MessageQueue):
    def __init__(self, *args, **settings):
        super().__init__(*args, **{**settings, "old_receipts": 1.0})


# %%
with patch.object(model, "MessageQueue", Forgiving):
    gentle = lab.run(lab.preset("2"))
for name in ("redelivered", "duplicates", "wasted_work_s"):
    print(f"{name:15} {lab.run(lab.preset('2')).summary[name]:6.0f} {gentle.summary[name]:6.0f}")

# %% [markdown]
# It ends the merry-go-round of a slow message, not all of the double work. The whole model is in
# `labsim/builtin/sqs_delivery/model.py`, the queue in `labsim/services/sqs/messages.py`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("sqs-delivery", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("sqs-delivery", 1, answer)
# >>> solution
check("sqs-delivery", 1, 25)
# <<< solution

# %%
exercise("sqs-delivery", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("sqs-delivery", 2, answer)
# >>> solution
check("sqs-delivery", 2, 100)
# <<< solution

# %%
exercise("sqs-delivery", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in calls
# blank: check("sqs-delivery", 3, answer)
# >>> solution
check("sqs-delivery", 3, 540_000)
# <<< solution

# %%
exercise("sqs-delivery", 4)

# %% tags=["solution"]
# blank: answer = None    # your number, in messages
# blank: check("sqs-delivery", 4, answer)
# >>> solution
check("sqs-delivery", 4, 2400)
# <<< solution

# %%
exercise("sqs-delivery", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("sqs-delivery", 5, answer)
# >>> solution
check("sqs-delivery", 5, "b")
# <<< solution

# %%
exercise("sqs-delivery", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("sqs-delivery", 6, answer)
# >>> solution
check("sqs-delivery", 6, "c")
# <<< solution

# %%
exercise("sqs-delivery", 7)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("sqs-delivery", 7, answer)
# >>> solution
check("sqs-delivery", 7, "b")
# <<< solution

# %%
exercise("sqs-delivery", 8)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"visibility_timeout": 60}
# blank: check("sqs-delivery", 8, answer)
# >>> solution
answer = {"heartbeat": 25, "dead_letters": True, "max_receives": 4, "wait_time": 20}
check("sqs-delivery", 8, answer)
# <<< solution

# %% [markdown]
# ## Quiz

# %%
quiz("sqs-delivery")

# %% tags=["solution"]
# blank: # quiz("sqs-delivery", "...")    # a letter per question
# >>> solution
quiz("sqs-delivery", "bcbacacbbbaaaa")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * **At least once**: a message is hidden for the visibility timeout, not gone. Delete it after the
#   work, make the work idempotent, and extend the timeout while it lasts.
# * **ChangeMessageVisibility** counts from the call; zero makes a message visible at once.
# * A message moves to the **dead-letter queue** at the receive that would exceed
#   `maxReceiveCount`; give that queue a long retention.
# * **FIFO** keeps order in each message group, hands out one group's messages first, and drops
#   repeated sends for five minutes; batches multiply its messages per second by up to ten. Parallel
#   work needs many groups, and none of them a long backlog.
# * **Long polling** (`WaitTimeSeconds` up to {{fact:sqs.long_poll_max_s}}) is cheap *and* quick.

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
# * How far a standard queue departs from order, how often it hands out a copy, what share of its
#   servers a short poll asks, and how often a delete with an old receipt works: AWS publishes no
#   numbers. They are parameters here, with guesses.
# * AWS promises no latency of a call. Here each takes {{call_time}}, the mean of somebody's calls,
#   and acts on the queue when it begins; who sends doesn't wait. Real calls differ: of the same
#   ones a twentieth took five times as long, and from a send to its receive ten times.
# * Copies come from receives only. In AWS a message may return after its delete, too.
# * Calls never fail, and batches never fail in part. A FIFO queue's limit makes callers wait in
#   line; AWS refuses them, and the SDK tries again. Empty receives are not limited here.
# * Consumers work on one message at a time; heartbeats are sent by a helper that dies with them.
# * After an OverLimit error a consumer here polls on as after an empty answer; an SDK would wait
#   longer each time. AWS says that the limit is approximate; here it is exact.
# * AWS does not say whether messages in flight count among those that a FIFO queue looks at for
#   open groups. Here they do.
# * The first million requests of a month are free on the bill of AWS, and not here. Redrive from
#   the dead-letter queue, encryption and access policies are left out, and so are request-response
#   systems with temporary queues.
