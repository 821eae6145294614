# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Retry storms and metastable failures
#
# *labsim {{version}}. About fifty minutes. Not in the notes, and in every post-mortem: what clients
# do when no answer comes, and what that does to a load balancer, web servers, a cache, a database.*
#
# {{run}}
#
# The archive's lift stuck for a quarter of an hour. People waited, went out, and came in again by
# the other door with the same question. The lift has run again since noon; the office has not: each
# answer comes when its asker has gone. **Afterwards you can answer:**
#
# * Why does a service stay down when its cause is gone and the load is as before?
# * What do retries cost when few requests fail, and what when all do?
# * Which cure ends which failure: a retry budget, a breaker, a shorter queue, another order,
#   a lock, a timeout?
# * How much load is safe, and how much is only safe until something happens?

# %%
import labsim

lab = labsim.lab("retry-storms")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets: nine small disasters, one picture each. The shade is the time for which
# something was broken. Then look for what brings the service back: each has its own cure.

# %%
import labsim

labsim.lab("retry-storms").explore()

# %% [markdown]
# ## A guided tour
#
# ### Raise one number until it breaks
#
# The database is slow for fifteen seconds, five times as slow. Clients wait for {{client_timeout}}
# and make up to three attempts. How much load comes back from that?

# %%
story = lab.preset("2")
lab.curve("amplification", {"in time at the end": "goodput_end_share"}, at=story,
          over={"request_rate": [4, 8, 10, 12, 14, 16, 20]})

# %% [markdown]
# A little load comes back as soon as the database does. Above some load it never does. The picture
# of it, and of the same with a retry budget:

# %%
stuck = lab.run(story)
stuck.plot()

# %%
cured = lab.run(story.changed(retry_quota=True))
cured.plot()

# %% [markdown]
# In the first the database is busy to the end of the run, with questions of people who have gone.
#
# ### It is not the load
#
# The same load without the trigger never gets there: twenty runs of each, with other dice.

# %%
lab.curve({"in time at the end": "goodput_end_share"}, at=story, seeds=20, over={
    "no trigger": {"faults": ""}, "trigger": {}, "trigger, budget": {"retry_quota": True}})

# %% [markdown]
# Two states at one and the same load, and both stay: that is what *metastable* means.
#
# ### How much load is safe?
#
# For each load the share that is answered in time at the end: with the trigger, and without it. The
# gap is the window in which the service works until something happens.

# %%
lab.curve({"in time at the end": "goodput_end_share"}, at=story, seeds=1,
          over={"request_rate": range(2, 36, 2)},
          by={"nothing happens": {"faults": ""}, "the database is slow for a while": {},
              "the same, with a retry budget": {"retry_quota": True}})


# %% [markdown]
# Between the first line's fall and the second's lies the hidden capacity: a third of what the
# database can do is safe when each request may be tried three times, for after the trigger each one
# is tried three times. With a budget nearly all of it is.
#
# ### What retries cost
#
# As long as failures don't depend on the load, retries are cheap: with a failing share q and n
# attempts it is one, and q, and q squared, and so on.

# %%
def geometric(p):
    lost = 0.0 if not p.faults else float(p.faults.split()[-1])
    return labsim.theory.amplification(3, 1 - (1 - lost)**2)


lab.curve("amplification", theory=geometric, over={f"{lost:.0%} lost": {
    "faults": f"clients to web lost 0 0 {lost}" if lost else ""}
    for lost in (0.0, 0.1, 0.3, 0.5, 1.0)})

# %% [markdown]
# ### A service that slows as it fills
#
# No retries at all; a spike of ten seconds, and web servers that need longer for each the more they
# have at hand.

# %%
lab.run(lab.preset("3")).plot()

# %%
lab.curve("outage_s", {"answered in time": "goodput_share"}, at="3",
          over={"max_queue": [0, 2, 4, 8, 16, 30, 60, 100]})

# %% [markdown]
# A short queue refuses some at the peak and serves the rest quickly. A long one is kind to
# everybody, and useful to nobody.
#
# ### Threads that wait
#
# More than half of the requests find their answer in the cache. The others need one of a few
# connections to a database that is slow.

# %%
lab.run(lab.preset("4")).plot()

# %%
lab.curve("outage_s", {"in time": "goodput_share"}, at="4", over=[
    {}, {"pool": 64}, {"threads": 64}, {"database_timeout": 0.3},
    {"database_timeout": 0.3, "cancels": True}])

# %% [markdown]
# More connections don't help: the database is what is slow. More threads make it worse, for more
# queries wait in it, and the service never comes back. So does a timeout alone: who gives up leaves
# his query behind. A timeout whose query is cancelled leaves threads for those whom the cache can
# answer.
#
# ### The cache that does not come back
#
# A cache hides a database that is too small for the load. Here somebody empties it:

# %%
lab.run(lab.preset("6")).plot()

# %%
lab.curve("hit_ratio", {"in time at the end": "goodput_end_share"}, at="6",
          over=[{}, {"retry_quota": True}, {"lock": True}, {"shed_after": 0.4}])

# %% [markdown]
# Hardly any query is answered before its web server gives up, so hardly any answer gets into the
# cache. The database has to drop what comes too late anyway; then the rest comes in time.
#
# ### Who fails fastest
#
# One of four targets answers with an error at once, and passes its health checks.

# %%
lab.curve({"in time at the end": "goodput_end_share"}, at="8", over={
    "shortest line": {}, "turns": {"algorithm": "round_robin"},
    "mitigated": {"algorithm": "weighted_random", "anomaly_mitigation": True}})

# %% [markdown]
# ### Yesterday's queue
#
# After a spike each answer is too late, for the oldest is served first.

# %%
lab.curve("outage_s", {"in time": "goodput_share"}, at="9",
          over=[{}, {"queue_order": "lifo"}, {"max_wait": 0.8}, {"max_queue": 20}])

# %% [markdown]
# ### Read the model
#
# The whole system is five parts. The function that wires them:

# %%
import inspect

from labsim.builtin.retry_storms import model

print(inspect.getsource(model.simulate))

# %% [markdown]
# **Change it.** Add a second database attempt, or a pool for each web server, in a system of your
# own: see *Build your own system*.
#
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise

exercise("retry-storms", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, in attempts per request
# blank: check("retry-storms", 1, answer)
# >>> solution
check("retry-storms", 1, 3)
# <<< solution

# %%
exercise("retry-storms", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, in attempts per request
# blank: check("retry-storms", 2, answer)
# >>> solution
check("retry-storms", 2, 1.89)
# <<< solution

# %%
exercise("retry-storms", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in per cent
# blank: check("retry-storms", 3, answer)
# >>> solution
check("retry-storms", 3, 0)
# <<< solution

# %%
exercise("retry-storms", 4)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("retry-storms", 4, answer)
# >>> solution
check("retry-storms", 4, "b")
# <<< solution

# %%
exercise("retry-storms", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("retry-storms", 5, answer)
# >>> solution
check("retry-storms", 5, "c")
# <<< solution

# %%
exercise("retry-storms", 6)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"retry_quota": ...}
# blank: check("retry-storms", 6, answer)
# >>> solution
check("retry-storms", 6, {"retry_quota": True})
# <<< solution

# %%
exercise("retry-storms", 7)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"max_queue": ...}
# blank: check("retry-storms", 7, answer)
# >>> solution
check("retry-storms", 7, {"max_queue": 4})
# <<< solution

# %%
exercise("retry-storms", 8)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"pool": ...}
# blank: check("retry-storms", 8, answer)
# >>> solution
check("retry-storms", 8, {"database_timeout": 0.3, "cancels": True})
# <<< solution

# %%
exercise("retry-storms", 9)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"lock": ...}
# blank: check("retry-storms", 9, answer)
# >>> solution
check("retry-storms", 9, {"lock": True})
# <<< solution

# %%
exercise("retry-storms", 10)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"shed_after": ...}
# blank: check("retry-storms", 10, answer)
# >>> solution
check("retry-storms", 10, {"shed_after": 0.4})
# <<< solution

# %%
exercise("retry-storms", 11)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"database_timeout": ...}
# blank: check("retry-storms", 11, answer)
# >>> solution
check("retry-storms", 11, {"database_timeout": 0.3, "cancels": True})
# <<< solution

# %%
exercise("retry-storms", 12)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"algorithm": ...}
# blank: check("retry-storms", 12, answer)
# >>> solution
check("retry-storms", 12, {"algorithm": "weighted_random", "anomaly_mitigation": True})
# <<< solution

# %%
exercise("retry-storms", 13)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"queue_order": ...}
# blank: check("retry-storms", 13, answer)
# >>> solution
check("retry-storms", 13, {"queue_order": "lifo"})
# <<< solution

# %%
exercise("retry-storms", 14)

# %% tags=["solution"]
# blank: answer = None    # a list of points (x, y)
# blank: check("retry-storms", 14, answer)
# >>> solution
check("retry-storms", 14, [(2, 100), (9, 100), (11, 0), (32, 0)])
# <<< solution

# %% [markdown]
# ## Quiz

# %%
from labsim.course import quiz

quiz("retry-storms")

# %% tags=["solution"]
# blank: # quiz("retry-storms", "...")    # a letter per question
# >>> solution
quiz("retry-storms", "bcbdba")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * Retries are for rare failures. When most requests fail they multiply the load: give them a
#   budget, back off, add jitter (chance in the wait). The SDKs' standard mode does all three.
# * What is inside must give up before what is outside: a chain of timeouts gets shorter inwards.
# * A queue longer than its clients' patience is work for nobody. Bound it, drop what is stale.
# * A cache is part of the capacity. What if it is empty?
# * Health checks and least outstanding requests don't see a target that fails quickly; anomaly
#   mitigation does.
#
# ## How far can you trust this lab?
#
# Each known answer below is checked when you run the cell.

# %%
lab.trust()

# %% [markdown]
# ## Where the model is wrong
#
# * Rates are those of a small service. A hundred times the load on a hundred times the servers
#   behaves alike with less chance in it.
# * Users never stay away, and never come in a crowd because of an outage.
# * A web server's contention is a straight line; garbage collectors stop it altogether for moments.
# * The database does not get slower by having more connections, and its cache is never cold.
# * Nobody has published a measurement of a metastable failure with all its numbers: the stories are
#   those that Marc Brooker tells with his Stability Sim, with AWS's parts.
