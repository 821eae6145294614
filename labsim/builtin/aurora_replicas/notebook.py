# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Read load on Aurora replicas
#
# *labsim {{version}}. About fifty-five minutes. In the notes: RDS read replicas and Multi-AZ,
# Aurora's replicas, endpoints, failover and storage.*
#
# {{run}}
#
# A kitchen with a desk at its door. Whoever asks gets the name of one cook, each as often as the
# others. But a waiter asks once and keeps his cook all evening. **Afterwards you can answer:**
#
# * Why is one replica worn out while another one idles?
# * Why does a replica that auto scaling adds not help, and what makes it help?
# * How old is what a replica says, in Aurora and in RDS?
# * How long are clients without a writer after a failover, and who serves reads meanwhile?
# * Why does a cluster stay down when the replica that was lost is back?
# * What do pools and timeouts add to a failover, and what does RDS Proxy save?

# %%
import labsim

lab = labsim.lab("aurora-replicas")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. Press play and watch the
# columns in the box of the replicas: each is the CPU of one, the dashed line is all of it.

# %%
import labsim

labsim.lab("aurora-replicas").explore()

# %% [markdown]
# ## A guided tour
#
# ### How even is even?
#
# {{replicas}} of {{instance_capacity}} each share {{read_rate}} from {{clients}}, each with a pool
# of {{pool_size}}. Only one number changes: how long a connection lives.

# %%
lab.curve("imbalance", "cpu_max", over={"connection_lifetime": [30, 60, 300, 900, 3_600]})

# %% [markdown]
# Over the run short lives come out nearly even, though not at every moment, as the busiest CPU
# says: a client keeps its DNS answer for {{dns_ttl}}, and all connections that it opens meanwhile
# go to the same replica. Long lives keep the luck of the start, good or bad: the
# bars are as wide as the luck is. Do many clients share it?

# %%
lab.curve("imbalance", over={"clients": [2, 4, 8, 16, 32]}, connection_lifetime=86_400)

# %% [markdown]
# The endpoint throws a die per *client*, not per read. Few clients, few throws.

# %% [markdown]
# ### Pools that hold on
#
# {{preset:2}}: a bad start, and nobody ever asks again.

# %%
burning = lab.run(lab.preset("2"))
for i in range(3):
    print(f"replica {i + 1}: {burning.series[f'load{i:02}'].value[-1]:4.0%} CPU")
print(f"reads that fail: {burning.summary['failed'] / burning.summary['offered']:.0%}")

# %%
burning.plot()

# %% [markdown]
# The average CPU is {{result:2:cpu_mean}}. An alarm on the average sees no trouble at all,
# while a fifth of all reads fails at one replica.

# %% [markdown]
# ### One more replica, please
#
# A lower target makes auto scaling act. What does the log say, and who uses the new replica?

# %%
scaled = lab.run(lab.preset("3"))
for event in scaled.events:
    if event.kind in ("scale-out", "replica"):
        print(f"{event.t:5.0f} s  {event.text}")
print(f"its CPU at the end: {scaled.series['load03'].value[-1]:.0%}")

# %% [markdown]
# The bill has grown, the average has fallen, the alarm is content, and as many reads fail as
# before. Now let connections end:

# %%
def failing(r):
    return r.series["failed_rate"].value[-90:].mean()


lab.curve("imbalance", {"failing at the end (reads/s)": failing}, "cost_usd", over=["3", "4"])

# %% [markdown]
# ### Then why not very short?
#
# A connection costs as much as {{connect_cost}}: a process or thread, TLS, a login.

# %%
lab.curve("cpu_mean", "cpu_max", "latency_p99", replicas=4, read_rate=5_000,
          over={"connection_lifetime": [5, 10, 20, 60, 300]})

# %% [markdown]
# Below some lifetime the replicas work for the logins. Shorter than the DNS answer lives gains
# nothing anyhow: the pool moves as one block, from replica to replica.

# %% [markdown]
# ### A report moves out
#
# A third of the reads belongs to a report. The preset {{preset:5}} gives it a custom endpoint
# with a replica {{big_factor}} as large, and leaves the others to the rest.

# %%
apart = lab.preset("5")
for title, p in (("together", apart.changed(custom_endpoint_share=0)), ("apart", apart)):
    r = lab.run(p)
    loads = [r.series[f"load{i:02}"].value.mean() for i in range(3)]
    print(f"{title:9} CPU " + "  ".join(f"{load:4.0%}" for load in loads)
          + f"   {r.summary['cost_usd']:.2f} USD")

# %% [markdown]
# The bigger replica idles most of the time: a custom endpoint separates, it doesn't save. It is
# for a report that must not disturb, or that needs the memory.

# %% [markdown]
# ### How old is what a replica says?
#
# The same reads on Aurora and on RDS, with ever more writes.

# %%
lab.curve("replica_lag_p95", {"stale reads": "stale_reads / offered"}, "cpu_mean", read_rate=600,
          over={"write_rate": [100, 300, 500, 700, 900]}, by="engine")

# %% [markdown]
# Aurora's replicas read the writer's storage, and only refresh what they hold in memory. Those of
# RDS do every write again, so writes take away read capacity on *all* of them, and near
# {{apply_rate}} they fall behind without end:

# %%
late = lab.run(lab.Params(engine="rds", write_rate=1_500, write_cost=1, read_rate=600))
lag = late.series["replica_lag"]
for minute in (1, 10, 20, 30):
    print(f"after {minute:2} min: {lag.value[lag.t <= 60 * minute][-1]:5.0f} s behind")

# %% [markdown]
# ### The writer fails
#
# Three clusters, the same failure. How long is the slowest client without a writer, and how many
# reads fail, counted in seconds of the whole load?

# %%
lab.curve("failover_s", {"reads lost (s of the load)": "failed / read_rate"}, over=["7", "8", "9"])

# %%
lab.run(lab.preset("7")).plot()

# %% [markdown]
# With a replica it is {{promotion_time}} and what is left of a DNS answer, as somebody measured it
# five times without load. AWS grants itself more ({{fact:aurora.failover}}), and under load nearly
# a minute has been seen: plan for AWS's. The promoted replica leaves the readers: its connections
# all come back within {{dns_ttl}}, to the two that are left.
# The standby of RDS had served no read before, and with a single instance there is nobody else.
# What if the clients cache DNS for longer than they should?

# %%
lab.curve("failover_s", "writes_failed", over={"dns_ttl": [1, 5, 30, 60, 120, 300]},
          failover_at=600)

# %% [markdown]
# With the longest it is more than that: after {{rejoin_time}} the old writer is back, as a replica,
# and clients whose answer is that old connect to it.
#
# ### A server that has become read-only
#
# {{preset:10}}: half of the pooled connections to the writer survive the failover. The old writer
# is now a reader; it answers, with an error that is no network error, so the pool keeps the
# connection. How long?

# %%
lab.curve("failover_s", "writes_failed", at="10", over="pool_validation",
          by={"connection_lifetime": [60, 1_800]})

# %% [markdown]
# A pool tests whether a connection is alive, not whether it may write, so that only the end of its
# lifetime parts them: half an hour, as people have reported it. With a test, or a pool that takes
# the error for the end of a connection, a failover is as long as for those that are cut.
#
# With {{preset:11}} the clients' connections end at the proxy. It finds the new writer itself,
# in a third of the time, and holds writes meanwhile. It costs {{proxy_price}} per vCPU of *each*
# instance.

# %%
lab.curve("failover_s", "writes_failed", "cost_usd", over=["10", "11"])

# %% [markdown]
# ### A server that says nothing
#
# A process that crashes resets its connections. A host that is gone doesn't: a client waits for an
# answer that never comes, until its socket timeout. Drivers have none by default; then TCP gives up
# after {{fact:rds.tcp_gives_up}}.

# %%
lab.curve("failover_s", "writes_failed", at="12",
          over={"socket_timeout": [5, 30, 60, 300, lab.preset("12").socket_timeout]})

# %% [markdown]
# ### A replica is away for a minute
#
# So far a read that failed was gone. Now readers wait for a second each time, and make up to
# {{max_attempts}}. One of {{replicas}} is away for a minute; the others can nearly do its work.
# Guess before you look: when is it over?

# %%
storm = lab.preset("13")
lab.run(storm).plot()

# %% [markdown]
# It isn't. The replica is back, the load is as before, and all three are busy with reads whose
# askers have gone: a **metastable failure**. What would have ended it?

# %%
lab.curve({"in time": "goodput / read_rate"}, "amplification", "cost_usd", at=storm,
          over=[{}, {"max_attempts": 1}, {"retry_quota": True}, {"breaker": True}, {"replicas": 4}])

# %% [markdown]
# How much load is safe? For each, the share of the reads that end well in the last third of the
# run, with and without that minute:

# %%
def at_the_end(r):
    lost = r.series["lost_rate"]
    return 1 - lost.value[lost.t > 1_200].mean() / r.params.read_rate


lab.curve({"answered in time, at the end": at_the_end}, at=storm, seeds=1,
          over={"read_rate": range(3_000, 4_700, 100)},
          by={"nothing happens": {"faults": ""}, "a replica is away": {},
              "the same, with a retry budget": {"retry_quota": True}})


# %% [markdown]
# Where the first two lines part there are two states at one and the same load, and which it is
# depends on the past. A load test that breaks nothing doesn't show it. The lab on retry storms has
# more of this, request by request.

# %% [markdown]
# ### And if the storage fails?
#
# Six copies in three zones, a quorum of four to write and of three to read.

# %%
from labsim.services.aurora import rules

for lost in range(5):
    print(f"{lost} copies lost: writes {'go on' if rules.volume_writable(lost) else 'stop':5}"
          f"  reads {'go on' if rules.volume_readable(lost) else 'stop'}")

# %% [markdown]
# A whole zone may go, and writes go on. A zone and one more, and the data can still be read.

# %% [markdown]
# ## Read the model
#
# This is where a connection chooses its replica, and the only place:

# %%
import inspect

from labsim.services import aurora

print(inspect.getsource(aurora.Endpoint._open))

# %% [markdown]
# **Change it.** A driver that knows all replicas and opens each connection to the one that has
# fewest:

# %%
from unittest.mock import patch

import numpy as np


class FewestFirst(aurora.Endpoint):
    def _open(self, which, t):
        super()._open(which, t)
        for one in which:
            held = np.bincount(self.at, minlength=self.nowhere)[self.members]
            self.at[one] = self.members[held.argmin()]


# %%
with patch.object(aurora, "Endpoint", FewestFirst):
    clever = {number: lab.run(lab.preset(number)) for number in "24"}
for number, r in clever.items():
    before = lab.run(lab.preset(number)).summary
    print(f"{lab.scene(number).title:22} imbalance {before['imbalance']:.2f} -> "
          f"{r.summary['imbalance']:.2f}   reads failed {before['failed']:9,} -> "
          f"{r.summary['failed']:,}")

# %% [markdown]
# Clever drivers help where connections are opened. They can't help those that never are. The
# whole model is in `labsim/builtin/aurora_replicas/model.py` (start at `simulate`) and
# `labsim/services/aurora`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise

exercise("aurora-replicas", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, in reads per second
# blank: check("aurora-replicas", 1, answer)
# >>> solution
check("aurora-replicas", 1, 2000)
# <<< solution

# %%
exercise("aurora-replicas", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("aurora-replicas", 2, answer)
# >>> solution
check("aurora-replicas", 2, 70)
# <<< solution

# %%
exercise("aurora-replicas", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in percent
# blank: check("aurora-replicas", 3, answer)
# >>> solution
check("aurora-replicas", 3, 80)
# <<< solution

# %%
exercise("aurora-replicas", 4)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("aurora-replicas", 4, answer)
# >>> solution
check("aurora-replicas", 4, "b")
# <<< solution

# %%
exercise("aurora-replicas", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("aurora-replicas", 5, answer)
# >>> solution
check("aurora-replicas", 5, "d")
# <<< solution

# %%
exercise("aurora-replicas", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("aurora-replicas", 6, answer)
# >>> solution
check("aurora-replicas", 6, "a")
# <<< solution

# %%
exercise("aurora-replicas", 7)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"replicas": 3}
# blank: check("aurora-replicas", 7, answer)
# >>> solution
answer = {"replicas": 4, "connection_lifetime": 60}
check("aurora-replicas", 7, answer)
# <<< solution

# %%
exercise("aurora-replicas", 8)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("aurora-replicas", 8, answer)
# >>> solution
check("aurora-replicas", 8, 60)
# <<< solution

# %%
exercise("aurora-replicas", 9)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("aurora-replicas", 9, answer)
# >>> solution
check("aurora-replicas", 9, "c")
# <<< solution

# %%
exercise("aurora-replicas", 10)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("aurora-replicas", 10, answer)
# >>> solution
check("aurora-replicas", 10, 4)
# <<< solution

# %%
exercise("aurora-replicas", 11)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"replicas": 4}
# blank: check("aurora-replicas", 11, answer)
# >>> solution
answer = {"retry_quota": True}
check("aurora-replicas", 11, answer)
# <<< solution

# %% [markdown]
# ## Quiz
#
# Exam style, a letter per question.

# %%
from labsim.course import quiz

quiz("aurora-replicas")

# %% tags=["solution"]
# blank: # quiz("aurora-replicas", "...")    # a letter per question
# >>> solution
quiz("aurora-replicas", "baabbbca")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * The **reader endpoint** balances **connections**, not statements; long-lived pools stay where
#   they are, also when auto scaling adds a replica.
# * A **custom endpoint** serves a subset of the instances, for a use of its own.
# * **Multi-AZ** is for availability: synchronous, and the standby serves no reads. **Read
#   replicas** are for scale: asynchronous. An Aurora replica is both.
# * A failover lasts under a minute or two with somebody who can take over, minutes without;
#   clients add what is left of their **DNS** answer, and connections that they keep to the old
#   writer. **RDS Proxy** spares them both.
# * Six copies in three zones, **four to write, three to read**.

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
# * All reads are alike, and all connections of an endpoint carry equally many. Real statements
#   differ by orders of magnitude, and a busy replica slows its own pool down.
# * Waits are those of M/M/c at the load of the moment, on top of a fluid queue; near full load
#   the truth lags behind the formula. No wait is longer than the timeout, since the client hangs
#   up. Clients who try again are counted, not followed: a share of them is back after a share of
#   its pause, and budgets and breakers are those of the mean client.
# * How long a replica takes to be created, an instance's reads per second, what a connection and
#   a write cost, and the size of the lag are assumptions: AWS publishes none. They are parameters.
#   Aurora's lag does not run away under too many writes here; a real replica would be restarted.
#   And lag follows the write rate at once, though a queue near its limit takes long to build up.
# * All pools open together at the start. Clients look a name up at regular times, like a cache
#   that is kept fresh; RDS has no reader endpoint, so think of a DNS name of your own there.
# * Bigger replicas serve only the custom endpoint, and the rest is served by the others, as if
#   you had made two custom endpoints. If none of a kind is left, all replicas serve it.
# * Lost copies stay lost, and reads stop below the read quorum. Aurora repairs copies within
#   minutes, and a read usually needs a single one; the quorum is for recovery.
# * An RDS replica is never promoted, since that is done by hand. What an instance has in hand when
#   it fails is not lost here, and a silent failure only hangs connections to the writer.
# * A promotion takes {{promotion_time}}, as five trials without load had it; under load it took far
#   longer, and here load makes no difference.
# * Every connection to the writer has a write soon after the failure, so that it notices at once.
#   How many connections survive a failover is a parameter: nobody has published it. What the proxy
#   saves is AWS's best figure, for every failover alike; it pins no session, its held writes cause
#   no rush, and a failed attempt to connect is repeated at once.
# * Auto scaling's alarms (three high, fifteen low datapoints, the low threshold) are observed, not
#   promised. Storage, backups and I/O of reads are not in the bill.
