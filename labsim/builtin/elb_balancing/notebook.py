# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A load balancer over three zones
#
# *labsim {{version}}. About an hour. In the notes: ELB with ALB and NLB, sticky sessions,
# cross-zone load balancing, health checks, deregistration delay; stateful web apps.*
#
# {{run}}
#
# A supermarket has a door per zone, an usher at each door, and tills in every hall. The usher
# points to a till and never looks back: whoever stands in a line stays there. **Afterwards you can
# answer:**
#
# * Why do even shares still make people wait, and what does the shortest line change?
# * Which targets drown when zones have different numbers of them, on an ALB and on an NLB?
# * Why doesn't a scale-out help users with a cookie?
# * How long is a dead target sent requests, and what does it cost? And one that is sick, and whose
#   health checks pass?
# * What happens to a request whose target is leaving, and to one whose zone is lost?
# * When do retries help, and when do they keep a failure alive that is over?

# %%
import labsim

lab = labsim.lab("elb-balancing")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. The bars in the system
# picture are targets, a box per zone: work sent to each in the last minute, the dashed line is all
# that it can do. What is sent and what is worked off differ: a dead target has a bar, too.

# %%
import labsim

labsim.lab("elb-balancing").explore()

# %% [markdown]
# ## A guided tour
#
# ### Raise one number until it breaks
#
# Six targets, {{service_time}} for a request: together they can do three hundred a second.

# %%
lab.curve("latency_mean", "latency_p99", "load_max", {"failed": "failed / offered"}, duration=600,
          over={"request_rate": [100, 150, 200, 250, 280, 300, 400]})

# %% [markdown]
# The shares are as even as can be, and yet the wait grows long before the targets are full. Beyond
# that the lines grow as long as it lasts, until people wait for the idle timeout,
# {{idle_timeout}}, and get an error for it.

# %% [markdown]
# ### Turns, a die, or the shortest line?
#
# The same requests, sent in three ways, at one node that knows all there is to know. Beside them
# what one line for all tills would give.

# %%
from labsim import theory


def one_line(p):
    return p.service_time + theory.mmc_wait_mean(p.request_rate, p.service_time, 6)


one = lab.Params(a_targets=6, b_targets=0, c_targets=0, request_rate=225)
lab.curve("latency_mean", at=one, theory=one_line, by="algorithm",
          over={"request_rate": [100, 150, 200, 225, 250, 270]})

# %% [markdown]
# Turns space the requests out, which halves most of the wait. But who goes where is decided without
# a look at the lines. The shortest line comes close to what is possible.

# %% [markdown]
# ### When is that worth most?
#
# When requests are unlike each other: most take little, a few take very long.

# %%
lab.curve("latency_p99", over={"service_cv": [0.0, 1.0, 2.0, 3.0]},
          by={"algorithm": ["round_robin", "least_outstanding_requests"]})

# %%
lab.run(lab.preset("3")).plot()

# %% [markdown]
# Round robin puts people behind a cart that takes for ever while other tills idle. If all requests
# are alike, it is nearly as good.

# %% [markdown]
# ### Two here, eight there
#
# DNS shares clients out evenly over the zones. What is a target's part?

# %%
lab.curve({"a target of zone a": "share_a", "one of zone b": "share_b"},
          a_targets=2, b_targets=8, c_targets=0, over={
    f"{name.upper()}, cross-zone {cross}": {"balancer": name, "cross_zone": cross}
    for name in ("alb", "nlb") for cross in ("on", "off", "default")})

# %% [markdown]
# Cross-zone on: a tenth each. Off: half of the clients for two targets, half for eight. An ALB
# crosses by itself, an NLB has to be told, and then data between zones is charged:

# %%
def between_zones(r):
    return r.cost["data between zones"] / r.params.duration * 3_600


lab.curve("latency_p95", {"between zones (USD an hour)": between_zones}, over=["4", "5"])

# %% [markdown]
# ### What else is different on an NLB?
#
# It doesn't see requests, only connections. A connection stays on its target while it is open.

# %%
lab.curve("moved_share", "imbalance", balancer="nlb", cross_zone="on",
          over={"connection_time": [1, 10, 60, 600, 3_600]})

# %% [markdown]
# Nobody looks at lines, and nobody takes turns: the target is picked by a hash, once per
# connection. That is quick and cheap, keeps the client's address, and is even only for many short
# connections.

# %% [markdown]
# ### Regulars
#
# Nearly too much for six targets, and after a minute six more come. With cookies and without:

# %%
labsim.compare(lab.run(lab.preset("6")), lab.run(lab.preset("7")))

# %%
lab.run(lab.preset("6")).plot()

# %% [markdown]
# Look at `new_share`: the new targets get newcomers only. The mean load falls, the busiest target
# stays where it was, until its regulars go home. Does a shorter cookie help?

# %%
for seconds in (86_400, 60, 10, 1):
    s = lab.run(lab.preset("6").changed(cookie_duration=seconds)).summary
    print(f"cookie {seconds:6,} s: p95 {s['latency_p95']:5.1f} s, new targets get "
          f"{s['new_share']:.0%}, {s['moved_share']:.0%} of the requests lose their session")

# %% [markdown]
# An ALB renews the cookie with every answer, so only who is away for longer is moved: it has to be
# shorter than the time between two requests of a user (AWS's advice for a rebalance is a second).
# And whatever the old target remembered of those who move is lost: a cart, a login. A session in
# ElastiCache or DynamoDB can be read from any target, so nobody has to be a regular.

# %% [markdown]
# ### What does a dead target cost?
#
# It refuses, or it hangs; noticed after {{unhealthy_threshold}} that fail in a row.

# %%
dead = lab.Params(a_targets=6, b_targets=0, c_targets=0, request_rate=225)


def lost(r):
    return r.summary["refused"] + r.summary["timed_out"]


lab.curve({"lost meanwhile (requests)": lost}, at=dead,
          over={"fault": ["target-refuses", "target-hangs"]},
          by={"algorithm": ["round_robin", "least_outstanding_requests"]})

# %% [markdown]
# With turns it costs its share for as long as it is unnoticed. The shortest line makes it better or
# worse: a target that hangs has a long line and is avoided; one that refuses at once has always the
# shortest, and draws the requests of the others. Quicker checks?

# %%
lab.curve("detection_s", "refused", at=dead, fault="target-refuses", fault_duration=0,
          health_timeout=2, over={"health_interval": [5, 10, 20, 30, 60]})

# %% [markdown]
# And if every target fails its checks? Then the balancer fails open and sends to all of them.

# %%
all_dead = dead.changed(fault="target-refuses", fault_targets=6, fault_duration=0)
s = lab.run(all_dead).summary
print(f"refused by targets {s['refused']:,.0f}, turned away by the balancer {s['rejected']:.0f}")

# %% [markdown]
# ### A target that is sick, and whose checks pass
#
# It answers every request with a server error, at once, and its health check well: a gray failure.
# The checks are no help. Who is?

# %%
lab.curve("server_errors", at="8", over={
    "shortest line": {"algorithm": "least_outstanding_requests"},
    "turns": {"algorithm": "round_robin"}, "a die": {"algorithm": "weighted_random"},
    "a die, mitigated": {"algorithm": "weighted_random", "anomaly_mitigation": True}})

# %%
lab.run(lab.preset("9")).plot()

# %% [markdown]
# The shortest line falls into the trap: the sick target is always idle. Turns and a die give it a
# sixth. With anomaly mitigation (automatic target weights) the balancer looks at the answers every
# {{fact:elb.atw_period_s}} and cuts the weight of a target whose errors are out of proportion,
# again and again; when it is well it wins its share back little by little. What if most are sick?

# %%
def failed(r):
    return r.summary["server_errors"] / r.params.request_rate / r.params.fault_duration


def share_of_targets(p):
    return p.fault_targets / 6


lab.curve({"failed": failed}, over={"fault_targets": [1, 2, 3, 4, 5]}, at="9", request_rate=100,
          theory=share_of_targets)

# %% [markdown]
# Half of the targets is the most it takes from: with more, who is the anomaly?

# %% [markdown]
# ### A zone is lost
#
# Its door and a third of the targets. Three things have to be noticed: by DNS, by the clients whose
# answer is up to {{dns_ttl}} old, and by the checks of the other nodes.

# %%
for event in lab.run(lab.preset("10")).events[:6]:
    print(f"{event.t:6.0f} s  {event.text}")

# %% [markdown]
# How many targets does each zone need?

# %%
lab.curve("failed", "latency_p99", at="10", over={
    f"{n} per zone": {"a_targets": n, "b_targets": n, "c_targets": n} for n in (2, 3, 4)})

# %% [markdown]
# What fails in the first minute fails whatever the size. But the rest of the outage depends on
# whether two zones can carry the load of three. Would cross-zone off have been better?

# %%
lab.curve({"at the lost door": "rejected", "sent to a lost target": "timed_out"}, at="10",
          over={"cross_zone": ["on", "off"]})

# %% [markdown]
# ### Users who try again
#
# So far each error was one that a user saw. Most programs try again, a few times, after a pause
# that is left to chance. Guess before you run it: does that help when a zone is lost?

# %%
lab.curve({"answered in time": "completed / offered"}, "amplification", at="Retries that help",
          seeds=1, over={"request_rate": [150, 200, 210]},
          by={"once": {"retry_mode": "none"}, "with retries": {}})

# %% [markdown]
# While two zones have room for all, a retry meets a door and a target that are well, and nearly all
# errors are gone. With a little more it is the other way round: lines grow, users give up, and each
# puts another request behind the one that he has left in line.

# %%
lab.run(lab.preset("Retry storm")).plot()

# %% [markdown]
# The fault ends, and the storm doesn't. All targets are busy, most of the time for nobody (`late`):
# a **metastable failure**. Without retries the same load comes through by itself. What ends it?

# %%
def in_the_end(r):
    answered = r.series["completed_rate"]
    return answered.value[answered.t > 220].mean() / r.params.request_rate


lab.curve({"answered at the end": in_the_end}, {"for nobody": "late"}, at="Retry storm", seeds=1,
          over=[{}, {"retry_quota": True}, {"breaker": True}, {"retry_mode": "none"}])

# %% [markdown]
# A budget for retries keeps it smaller. A circuit breaker stops sending while most attempts fail,
# so that the lines empty, at the price of requests that it doesn't even try. The lab on retry
# storms has all of it.
#
# ### Break whatever you like
#
# A target, a zone, the balancer, the way to it: what, when, for how long, how badly.

# %%
faults = [("balancer-1", "slow", 30, 60, 5), ("balancer-2", "down", 60, 60),
          ("balancer-c", "lost", 150, 60)]
for event in lab.run(lab.Params(faults=faults)).events[:8]:
    print(f"{event.t:6.0f} s  {event.text}")

# %% [markdown]
# ### Those who leave, those who come
#
# Long requests, and half of the targets are deregistered. How long shall they be waited for?

# %%
lab.curve("cut_off", "drain_s", at="13",
          over={"deregistration_delay": [0, 10, 20, 30, 60, 120, 300]})

# %% [markdown]
# The delay is the most that is waited; a target whose requests have ended is done before. And
# targets that come cold, with empty caches?

# %%
lab.curve("failed", "latency_p99", at="11", over={
    "no slow start": {"slow_start": 0}, "slow start": {"slow_start": 300}},
    by={"algorithm": ["round_robin", "least_outstanding_requests"]})

# %% [markdown]
# Slow start works with round robin only. The shortest line doesn't need it: a cold target's line
# is long.

# %% [markdown]
# ## Read the model
#
# This is an usher who counts.

# %%
import inspect

from labsim.services.elb import nodes as elb_nodes

print(inspect.getsource(elb_nodes.LeastOutstanding.pick))
print(inspect.getsource(elb_nodes.LeastOutstanding.ended))

# %% [markdown]
# **Change it.** Two dice: pick two members at random and take the shorter line. It needs no search,
# and is used where there are thousands of targets.


# %%
class TwoDice(elb_nodes.LeastOutstanding):
    def pick(self, now, chance):
        self.ended(now)                # those who are back are counted
        n = len(self.members)
        one, other = int(chance * n), int(chance * n * n) % n
        return self.members[min(one, other, key=lambda i: self.unfinished[i])]


# %%
from unittest.mock import patch

least = one.changed(algorithm="least_outstanding_requests")
with patch.object(elb_nodes, "LeastOutstanding", TwoDice):
    print(f"the shorter of two lines: mean {lab.run(least).summary['latency_mean']:.3f} s")
print(f"the shortest of all:      mean {lab.run(least).summary['latency_mean']:.3f} s")

# %% [markdown]
# Two looks give most of what six give. The whole model is in
# `labsim/builtin/elb_balancing/model.py`; start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("elb-balancing", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("elb-balancing", 1, answer)
# >>> solution
check("elb-balancing", 1, 11.1)
# <<< solution

# %%
exercise("elb-balancing", 2)

# %% tags=["solution"]
# blank: answer = None    # your number of requests
# blank: check("elb-balancing", 2, answer)
# >>> solution
check("elb-balancing", 2, 1_125)
# <<< solution

# %%
exercise("elb-balancing", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("elb-balancing", 3, answer)
# >>> solution
check("elb-balancing", 3, 33)
# <<< solution

# %%
exercise("elb-balancing", 4)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("elb-balancing", 4, answer)
# >>> solution
check("elb-balancing", 4, 0.08)
# <<< solution

# %%
exercise("elb-balancing", 5)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("elb-balancing", 5, answer)
# >>> solution
check("elb-balancing", 5, "b")
# <<< solution

# %%
exercise("elb-balancing", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("elb-balancing", 6, answer)
# >>> solution
check("elb-balancing", 6, "c")
# <<< solution

# %%
exercise("elb-balancing", 7)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("elb-balancing", 7, answer)
# >>> solution
check("elb-balancing", 7, "c")
# <<< solution

# %%
exercise("elb-balancing", 8)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("elb-balancing", 8, answer)
# >>> solution
check("elb-balancing", 8, "c")
# <<< solution

# %%
exercise("elb-balancing", 9)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("elb-balancing", 9, answer)
# >>> solution
check("elb-balancing", 9, "b")
# <<< solution

# %%
exercise("elb-balancing", 10)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"a_targets": 5}
# blank: check("elb-balancing", 10, answer)
# >>> solution
answer = {"balancer": "alb", "algorithm": "least_outstanding_requests",
          "a_targets": 4, "b_targets": 4}
check("elb-balancing", 10, answer)
# <<< solution

# %%
exercise("elb-balancing", 11)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"health_interval": 10}
# blank: check("elb-balancing", 11, answer)
# >>> solution
answer = {"health_interval": 5, "health_timeout": 2, "algorithm": "round_robin"}
check("elb-balancing", 11, answer)
# <<< solution

# %% [markdown]
# ## Quiz

# %%
quiz("elb-balancing")

# %% tags=["solution"]
# blank: # quiz("elb-balancing", "...")    # a letter per question
# >>> solution
quiz("elb-balancing", "acabcbbacb")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * **ALB**: HTTP, each request on its own, cross-zone always on and free between zones, cookies,
#   clients' addresses in `X-Forwarded-For`. **NLB**: TCP and UDP, each connection on its own, a
#   fixed address per zone, cross-zone off until you turn it on and pay. **GWLB**: packets through
#   appliances, GENEVE.
# * Open a target's security group to the balancer only; the balancer is open to the world. **SNI**
#   lets one listener of an ALB or NLB hold certificates for many names.
# * **Cross-zone off** shares evenly over zones, **on** over targets.
# * **Stickiness** undoes the balance and what a scale-out brings; keep sessions in ElastiCache or
#   DynamoDB instead.
# * A dead target gets requests for **threshold times interval**; with no healthy target the
#   balancer **fails open**. One that answers server errors and passes its checks draws requests
#   under least outstanding requests; **automatic target weights** (weighted random with anomaly
#   mitigation) take them away. Weighted random has no slow start and no sticky sessions.
# * An ALB **renews its cookie** with every answer.
# * The **deregistration delay** must be longer than the longest request that matters; **slow
#   start** is for cold targets and round robin.

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
# * A target works on one request at a time. Real servers work on many, a little slower each; the
#   lines are shorter then, and what is said here about load and shares stays.
# * Nodes don't tell each other what they have sent; AWS doesn't say whether they do. With
#   `b_targets=0, c_targets=0` there is one node, and it knows everything.
# * A zone has one node. Real balancers have more as they grow, which makes each node's knowledge
#   even smaller.
# * Health checks fail only at dead targets. A real target that is busy may miss its checks, and
#   what is taken from it makes the next one busy.
# * When DNS drops the node of a lost zone is not published; {{eviction_time}} is an assumption. So
#   is that a zone's end comes at once and all of it. A node whose last target has left it drops at
#   once here, and clients go on for as long as their answer is valid. Of two clients that were
#   measured one went on for that long and a second more, the other for half as long: both fit
#   either assumption.
# * Nobody tries again unless you say so, and then each user alike; the balancer itself never does.
#   An ALB does where a target refuses a connection. A retry goes to the next address that the
#   user's DNS answer has, which not every client does.
# * Sessions end at random, users differ by {{user_cv}} of their mean, both assumptions.
# * How far and how fast anomaly mitigation cuts a weight, and how it gives it back, AWS doesn't
#   publish. Here it is halved every {{fact:elb.atw_period_s}}, down to an eighth, and won back by
#   sixteenths; only while a target has a fault. In AWS's workshop the failed part of a zone's gray
#   failure falls from {{fact:elb.atw_workshop}}, in the model to a little less.
# * The balancer itself takes no time; what the notes say of an ALB's and an NLB's latency isn't
#   published, and isn't modelled. Nor is how it grows under a sudden load.
# * A new target's slowness and how long it lasts are assumptions; set them to what you have
#   measured.
# * Capacity units of an NLB are unverified; those of an ALB and all prices per hour are from
#   AWS's price list.
