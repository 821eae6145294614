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
lab.curve("redelivered", "duplicates", "wasted_work_s", at="2",
          over={"visibility_timeout": [10, 20, 30, 40, 45, 50, 60]})

# %% [markdown]
# It stops the moment the timeout is longer than the longest work. That a message comes back does
# not mean that a consumer has failed: only that it has not deleted in time.
#
# ### So why not make it very long?
#
# Because consumers do crash, and nobody tells the queue.

# %%
lab.curve("latency_p95", at="4", duration=900,
          over={"visibility_timeout": [10, 30, 60, 120, 200, 300]})

# %% [markdown]
# What is lost waits out the timeout, whole. Short for crashes, long for slow work: one number
# can't be both. A **heartbeat** can: while a consumer works it keeps changing the timeout of what
# it holds.

# %%
mixed = lab.preset("2").changed(crash_share=0.1, duration=900)
lab.curve("duplicates", "latency_p95", at=mixed, over={"visibility_timeout": [30, 60, 90, 120]},
          by={"no heartbeat": {}, "heartbeat": {"heartbeat": 20}})

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
lab.curve("received", "wasted_work_s", "dead_lettered", over=["6", "7"])

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
lab.curve("redelivered", "duplicates", "receive_calls", at="8",
          over={"receive_batch": [1, 2, 3, 5, 10]})

# %% [markdown]
# All clocks of a batch start at the receive. The timeout has to cover the batch, not the message.
#
# ### Order, and what it costs
#
# A burst, worked on by a few consumers: how many messages are begun after a later one of their
# group, and how long does the burst take?

# %%
burst = lab.Params(arrivals="at once", messages=60, consumers=8, wait_time=20, duration=900)
lab.curve("out_of_order", "latency_p95", at=burst, over={"groups": [1, 2, 5, 10, 20]},
          by="queue_type")

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
lab.curve({"done": "completed / sent"}, at="12", over={"fifo_scan": [20, 40, 80, 160, 120_000]})

# %% [markdown]
# What it looks at fills with messages of groups that are shut. Those of the others hang behind, and
# consumers look on. A dead-letter queue opens the group, and the way.

# %% [markdown]
# ### Sent twice
#
# A producer that has not heard an answer sends again. A FIFO queue recognizes the deduplication id
# for {{fact:sqs.fifo_dedup_window_s}}.

# %%
lab.curve("duplicates", over={"resend_after": [20, 100, 200, 290, 310]}, by="queue_type",
          resend_share=0.3, duration=600)

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
lab.curve("latency_mean", at="14", over={"delay": [0, 10, 20, 30]},
          by={"delayed_share": [0.0, 0.3]})

# %% [markdown]
# ### The dearest line of the bill
#
# A quiet hour, two consumers, ten messages. Only the polling changes; the price is for a month of
# such hours.

# %%
def month(r):
    return 720 * r.summary["cost_usd"]


lab.curve({"receive calls": "receive_calls"}, "wait_mean", {"a month (USD)": month}, at="15", over={
    "short polls": {"wait_time": 0, "poll_pause": 0},
    "a second between": {"wait_time": 0, "poll_pause": 1},
    "ten seconds between": {"wait_time": 0, "poll_pause": 10},
    "long polls of five": {"wait_time": 5}, "long polls of twenty": {"wait_time": 20}})

# %% [markdown]
# A pause makes short polls cheaper and messages wait. A long poll returns as soon as there is
# something: fewest calls and no wait.
#
# ### A narrow door
#
# A FIFO queue takes {{fact:sqs.fifo_tps}} of each action. What counts as a call?

# %%
rush = lab.preset("17").changed(arrival_rate=4_000, messages=8_000, consumers=0)
lab.curve({"messages per second": "sent / duration"}, at=rush, over={"send_batch": [1, 2, 5, 10]})

# %% [markdown]
# A batch is one call, here and on the bill.
#
# ### The tray is full
#
# Messages that are received and not deleted are in flight, and there is a limit:
# {{fact:sqs.inflight_max_standard}}. Lower it, and let nobody ever delete.

# %%
lab.curve("in_flight_max", "queue_end", "throttled", at="9", over={
    "limit of ten": {"in_flight_limit": 10, "wait_time": 0},
    "forty": {"in_flight_limit": 40, "wait_time": 0},
    "forty, long polls": {"in_flight_limit": 40, "wait_time": 20},
    "AWS's limit": {"wait_time": 0}})

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
