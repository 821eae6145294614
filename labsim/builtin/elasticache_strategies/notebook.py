# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A cache before a database
#
# *labsim {{version}}. About forty-five minutes. In the notes: ElastiCache with its patterns, Redis
# and Memcached, sessions; RDS behind it.*
#
# {{run}}
#
# A librarian keeps the books that are asked for most on a small shelf behind her. Nearly nobody has
# to go down to the archive, and its stairs were made narrow accordingly. **Afterwards you can
# answer:**
#
# * How much of the reads does a small cache answer, and how much does twice the memory help?
# * How old are its answers with lazy loading, with a TTL, with write-through?
# * Why do databases die when a cache expires, and what do jitter (chance in each expiry) and a lock
#   do against it?
# * Which share of the keys is gone with a node, of Memcached and of Redis?
# * What becomes of sessions?
# * When does a cache that was flushed not recover, though all is as before?

# %%
import labsim

lab = labsim.lab("elasticache-strategies")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. The dashed line beside the
# hit ratio is theory: what a cache of that size answers in the long run.

# %%
import labsim

labsim.lab("elasticache-strategies").explore()

# %% [markdown]
# ## A guided tour
#
# ### Raise one number until it breaks
#
# No cache: the database works on {{database_servers}} at a time, {{database_time}} each.

# %%
lab.curve("database_utilization", "latency_p95", "failed", strategy="no-cache", write_rate=0,
          over={"read_rate": [2_000, 5_000, 7_000, 7_600, 7_900, 8_200, 9_000]})

# %% [markdown]
# So many at a time are quick nearly up to what they can do; then they are slow, then dead. Now with
# a shelf:

# %%
lab.curve("hit_ratio", "database_utilization", "latency_p95", write_rate=0,
          over={"read_rate": [7_000, 14_000, 20_000, 28_000, 31_000, 34_000]})

# %% [markdown]
# The same database bears more than three times as many readers.

# %% [markdown]
# ### How much memory?
#
# Beside Che's approximation, for the default's keys:

# %%
lab.curve("hit_ratio", write_rate=0, database_servers=200,
          over={"node_items": [2_500, 12_500, 25_000, 50_000, 100_000, 200_000]})

# %% [markdown]
# The first hundredth of the items answers two fifths of the reads. Each doubling gives about as
# much as the one before. If all were equally popular, it would be a straight line:

# %%
lab.curve("hit_ratio", write_rate=0, database_servers=200,
          over={"skew": [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5]})

# %% [markdown]
# ### What does a miss cost?
#
# A question to the cache, one to the database, one more to fill the shelf: a miss is slower than no
# cache at all.

# %%
lab.curve("latency_mean", skew=0.0, read_rate=5_000, write_rate=0,
          over={"trip_time": [0.001, 0.0025, 0.005, 0.0075, 0.01]},
          by={"strategy": ["no-cache", "lazy-loading"]})

# %% [markdown]
# With a low hit ratio and a slow cache nothing is left of the gain.

# %% [markdown]
# ### Yesterday's edition
#
# Two thousand writes a second, of keys as popular as those read. How many answers are out of date,
# and by how much?

# %%
lab.curve("stale_share", "hit_ratio", "database_utilization", "stale_age_max", at="5", over=[
    {}, {"ttl": 30}, {"ttl": 10}, {"ttl": 2}, {"strategy": "write-through"}])

# %% [markdown]
# A TTL bounds the age. A short one makes few stale answers and many misses. Write-through has
# neither, and fills the shelf with what is written, read or not:

# %%
lab.curve("evictions", over={"write_rate": [0, 1_000, 2_000, 3_500, 5_000]}, node_items=25_000,
          strategy="write-through", database_servers=200)

# %%
lab.run(lab.preset("6")).plot()

# %% [markdown]
# ### All at once
#
# Everything was loaded at the same moment, and expires at the same moment.

# %%
lab.run(lab.preset("8")).plot()

# %%
lab.curve("queue_max", "failed", "hit_ratio", at="8", over=[
    {}, {"jitter": 0.2}, {"jitter": 0.5}, {"jitter": 1.0}, {"lock": True}, {"ttl": 0}])

# %% [markdown]
# Jitter spreads the expiries out. A lock does less here, for it isn't the same book that they all
# want. Where it is:

# %%
lab.curve({"made twice": "duplicate_fetches"}, "queue_max", over=["10", "11"],
          by={"no jitter": {}, "jitter": {"jitter": 0.5}})

# %% [markdown]
# Jitter does nothing for one page: it expires at another moment, and everybody goes and makes it.
# How many do depends on the query. If it takes always the same time, each reader who comes
# meanwhile begins another one; if times vary, a lucky one is done early and ends it:

# %%
lab.curve({"made twice": "duplicate_fetches"}, at="10",
          over={"database_cv": [0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0]})

# %% [markdown]
# ### The node with the hot key
#
# A key is on one node, however many nodes there are. What does the busiest one get?

# %%
lab.curve("busiest_node_share", over={"nodes": [2, 4, 8, 16]}, by={"skew": [0.9, 1.6]},
          database_servers=200)

# %% [markdown]
# More nodes are more room. Against a hot key they don't help: keep it in the application, or read
# it from replicas.

# %% [markdown]
# ### A node less
#
# One node of four is lost. By a ring of hashes, modulo, and with Redis's replicas:

# %%
def most(r):
    return r.series["accepted_rate"].value.max()


lab.curve({"database at most (req/s)": most}, "queue_max", "cost_usd", over=["12", "13", "14"])

# %%
from labsim.services.elasticache import rules

print("nodes   by a ring   by modulo")
for n in (2, 3, 4, 5, 10):
    ring, modulo = (rules.moved(spread(5_040, range(n)), spread(5_040, range(1, n)))
                    for spread in (rules.by_ring, rules.by_modulo))
    print(f"{n:5} {ring:10.0%} {modulo:11.0%}")

# %% [markdown]
# On a ring the lost node's keys move, and no others. With replicas nobody looks elsewhere, and the
# shard answers again after {{failover_time}}, AWS's figure for a failure; a planned failover takes
# seconds. A new node is there after {{replace_time}}: somebody measured it twice, where AWS says a
# few minutes. Until then the shard has one copy less, and without replicas it isn't there:

# %%
kept = lab.preset("14").changed(duration=900)
for replicas in (1, 0):
    r = lab.run(kept.changed(replicas=replicas))
    at = {event.kind: event.t - kept.lost_at for event in r.events}
    print(f"{replicas} replicas: answers again after {at['back']:3.0f} s, replaced after "
          f"{r.summary['replacing_s']:.0f} s, hit ratio {r.summary['hit_ratio']:.0%}")

# %% [markdown]
# And with Memcached, what does the database have to bear if more than one is lost?

# %%
lab.curve("hit_ratio", "queue_max", "failed", over={"lost_nodes": [1, 2, 3]}, at="12")

# %% [markdown]
# ### Sessions
#
# A session in a cache is nowhere else.

# %%
lab.curve({"logged out while busy (times)": "sessions_lost"}, at="15", over={
    "as it is": {}, "a replica each": {"engine": "redis", "replicas": 1},
    "too small": {"node_items": 5_000, "lost_nodes": 0}})

# %% [markdown]
# The last bar is a cache that is too small: it throws out sessions that are in use. Size a session
# store for all users, and give each shard a replica.

# %% [markdown]
# ### Readers who come back
#
# Somebody flushes the cache. If nobody asks twice, the database is busy for a while, the shelf
# fills up, and all is well. Readers who give up after a second and ask again:

# %%
lab.run(lab.preset("16")).plot()

# %% [markdown]
# The flush was a moment. After that the load is as before, and the database never gets rid of its
# queue: who waits in it is gone before his answer is there, has asked again, and stands in it
# twice. The cause is gone and its effect stays: that is called **metastable**. The same load
# without the flush never gets there:

# %%
storm = lab.preset("16")
cures = {"no flush": {"faults": ""}, "flush": {}, "nobody retries": {"retry_mode": "none"},
         "retry budget": {"retry_quota": True}, "lock": {"lock": True},
         "timeouts that fit": {"database_timeout": 0.5}}


def at_the_end(r):
    good = r.series["goodput_rate"]
    return good.value[good.t > 100].mean() / r.params.read_rate


lab.curve({"in time at the end": at_the_end}, "amplification", over=cures, at=storm, seeds=1)

# %% [markdown]
# A budget stops the retries and not the storm: the queue is as long, and who is first in it has
# gone. A lock keeps second reads out of the queue; a database that turns away at once who would
# wait too long does nothing for nobody. At which load is there a way back, and at which is there
# none?

# %%
lab.curve({"in time at the end": at_the_end}, at=storm, seeds=1,
          over={"read_rate": [12_000, 14_000, 16_000, 20_000, 24_000, 28_000]},
          by={name: cures[name] for name in ("no flush", "flush", "lock")})

# %% [markdown]
# Where the flush falls off the other two, the system has two states at the same load, and which it
# is in depends on its past. A slow database or a lost node pushes it over as well:

# %%
lab.curve({"in time at the end": at_the_end}, at=storm, seeds=1, over={
    "a slow database": {"faults": "database slow 30 10 3"},
    "none for a while": {"faults": "database down 30 10"},
    "a lost node": {"faults": "cache-1 lost 30 20"}})

# %% [markdown]
# ## Read the model
#
# What a miss does:

# %%
import inspect

from labsim.services import elasticache

print(inspect.getsource(elasticache.Application._fetch))

# %% [markdown]
# **Change it.** Suppose that the first reader after an expiry refreshes the page while the others
# are still given the old one (stale while revalidate).


# %%
class Polite(elasticache.Application):
    def _fetch(self, t, key, work, die, call, old=None):
        if key in self.fetching:
            self.ends.append(t + self.trip)
            self.hit.append(True)
            self.stale.append(0.001)
            return self._reply_at(t + self.trip, call)
        super()._fetch(t, key, work, die, call, old)


# %%
from unittest.mock import patch

hot = lab.preset("10").changed(read_rate=500, database_servers=100)    # each is followed
for Kind in (elasticache.Application, Polite):
    with patch.object(elasticache, "Application", Kind):
        s = lab.run(hot).summary
    print(f"{Kind.__name__:12} made twice {s['duplicate_fetches']:3.0f}, "
          f"p99 {1000 * s['latency_p99']:6.0f} ms")

# %% [markdown]
# Nobody waits, nothing is made twice, and answers are as much older as a query takes. The whole
# model is in `labsim/builtin/elasticache_strategies/model.py` (start at `simulate`),
# `labsim/services/elasticache` and `labsim/services/rds`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("elasticache-strategies", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("elasticache-strategies", 1, answer)
# >>> solution
check("elasticache-strategies", 1, 79)
# <<< solution

# %%
exercise("elasticache-strategies", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("elasticache-strategies", 2, answer)
# >>> solution
check("elasticache-strategies", 2, 25)
# <<< solution

# %%
exercise("elasticache-strategies", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("elasticache-strategies", 3, answer)
# >>> solution
check("elasticache-strategies", 3, 95)
# <<< solution

# %%
exercise("elasticache-strategies", 4)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("elasticache-strategies", 4, answer)
# >>> solution
check("elasticache-strategies", 4, 80)
# <<< solution

# %%
exercise("elasticache-strategies", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("elasticache-strategies", 5, answer)
# >>> solution
check("elasticache-strategies", 5, "c")
# <<< solution

# %%
exercise("elasticache-strategies", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("elasticache-strategies", 6, answer)
# >>> solution
check("elasticache-strategies", 6, "a")
# <<< solution

# %%
exercise("elasticache-strategies", 7)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("elasticache-strategies", 7, answer)
# >>> solution
check("elasticache-strategies", 7, "b")
# <<< solution

# %%
exercise("elasticache-strategies", 8)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"jitter": 0.1}
# blank: check("elasticache-strategies", 8, answer)
# >>> solution
check("elasticache-strategies", 8, {"lock": True, "nodes": 1, "node_items": 2_000})
# <<< solution

# %%
exercise("elasticache-strategies", 9)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"replicas": 2}
# blank: check("elasticache-strategies", 9, answer)
# >>> solution
check("elasticache-strategies", 9, {"ring": True})
# <<< solution

# %%
exercise("elasticache-strategies", 10)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"client_timeout": 5}
# blank: check("elasticache-strategies", 10, answer)
# >>> solution
check("elasticache-strategies", 10, {"lock": True})
# <<< solution

# %% [markdown]
# ## Quiz

# %%
quiz("elasticache-strategies")

# %% tags=["solution"]
# blank: # quiz("elasticache-strategies", "...")    # a letter per question
# >>> solution
quiz("elasticache-strategies", "bcadba")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * **Lazy loading**: only what is asked for, stale answers, three trips at a miss.
#   **Write-through**: never stale, two trips at a write, keys that nobody reads. **TTL**: bounds
#   the age.
# * **Redis**: replicas in other zones with failover, backups, sorted sets (leaderboards), up to
#   {{fact:ec.replicas_max}} per shard. **Memcached**: nodes that share the keys, several
#   threads, no replication, no persistence.
# * **Sessions** in ElastiCache (or DynamoDB) make web servers stateless.
# * ElastiCache needs changes in the application; DAX in front of DynamoDB does not.
# * Security: in the VPC, Redis AUTH, encryption; Memcached has SASL. IAM for Redis came after the
#   notes.
# * **RDS Multi-AZ** fails over in {{fact:rds.multi_az_failover}} and serves no reads; read
#   replicas do.

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
# * Of a million keys some thousands are followed and stand for all, and their reads are counted.
#   So what is turned away in an overload differs by a tenth from seed to seed, more than it would,
#   and by a third where it is just too much. Real popularity changes from hour to hour; here it is
#   the same throughout.
# * A node answers as many reads as come; real ones have a limit, and the busiest meets it first.
# * Each node is exact in what it throws out; Redis looks at a few items at random, and by default
#   only at those with a TTL.
# * The database is a line with {{database_servers}} servers, a fluid where requests are counted.
#   Real ones slow down as more is under way, and have a cache of their own.
# * Readers who come back are a crowd where they are counted: with each attempt the keys that were
#   missing are asked for again, a few hundredths less often than when each reader is followed.
#   Their circuit breakers open together. Who reads again reads the same thing.
# * A failover takes {{failover_time}}, as AWS says of a failure, and loses no writes; replication
#   is asynchronous. A node is replaced in {{replace_time}}: that was a service update of one shard,
#   and of a failure nobody has published one. A shard that lacks a copy loses no second one here.
# * A question to the cache takes {{trip_time}}, an assumption. In the same zone somebody who sells
#   another cache measured {{fact:ec.trip}}; other zones are further, and most applications ask from
#   several.
# * Warming up takes no time here. The price of a node is an assumption; that of the database is
#   AWS's for one size.
# * A key that is fetched while it is written may be kept in its old form; here what is kept is as
#   it was when it arrived.
