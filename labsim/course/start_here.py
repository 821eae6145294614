# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Start here
#
# {{run}}
#
# labsim {{version}}: labs in which you feel how AWS services behave under load. You move a
# slider, and a small simulation answers at once: the backlog grows, help comes too late, the
# bill moves. Under every picture is a model that you can read, change and trust.
#
# **After this page you can** open a lab, run an experiment in one line, compare two runs, and
# say where a number comes from.

# ## Turn a knob
#
# A queue in front of an Auto Scaling group. Go through its steps, turn a knob, press play.

# %%
import labsim

labsim.lab("sqs-asg").explore()

# %% [markdown]
# ## The labs there are
#
# {{labs}}

# %% [markdown]
# ## One run
#
# Every parameter has a default, a unit and a range. You change only what you ask about; the
# same seed gives the same run, on every machine.

# %%
r = labsim.run("sqs-asg", seed=7, arrival_rate=3)
print(r)
for name in labsim.lab("sqs-asg").headline:
    print(f"{name:14} {r.summary[name]:8.1f}")

# %% [markdown]
# What the control plane did, and why, is in the event log:

# %%
for event in r.events[2:6]:
    print(f"{event.t:6.0f} s  {event.text}")

# %%
r.plot()

# %% [markdown]
# ## A typing error is answered, not ignored

# %%
try:
    labsim.run("sqs-asg", arival_rate=3)
except labsim.ParameterError as error:
    print(error)

# %% [markdown]
# ## And with your own traffic?
#
# A lab whose load is a rate replays a file of yours: what CloudWatch exports, an access log, the
# results of a load test. Drop it on an explorer, or name it. This one is a made-up shop's day:

# %%
shop = labsim.factbook.data_folder() / "traces" / "shop-day.csv"
day = labsim.run("elb-balancing", workload="trace", trace=shop, trace_factor=100)
print(day.notes[0])

# %%
day.plot()

# %% [markdown]
# ## Where a number comes from
#
# Limits, defaults, delays and prices are facts with a source: what the course notes say, what
# AWS says today, and how sure we are.

# %%
labsim.facts("CloudWatch")

# %% [markdown]
# ## Where you are
#
# Every answer is kept on your machine before you read whether it is right. What is done, and
# what is next (`labsim progress` in a terminal):

# %%
from labsim.course import review, standing

standing()

# %% [markdown]
# Quiz questions of the labs you have begun come again, after longer and longer pauses, before
# you forget them (`labsim quiz`):

# %%
review()

# %% [markdown]
# For an instructor, `labsim hand-in sqs-asg` writes your answers to a lab into one file.
#
# ## How a lab is built
#
# 1. What you will be able to answer, and the facts.
# 2. The explorer: sliders, pictures, and a system picture that plays.
# 3. A guided tour of short experiments.
# 4. The model itself, to read and to change.
# 5. Exercises: predict, explain, design, draw; and a quiz. Answer where they are asked, and leave
#    them blank as long as you like.
# 6. For the exam, and where the model is wrong.
#
# Next: **01-sqs-asg**, a queue in front of an Auto Scaling group.
