# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A function and a crowd
#
# *labsim {{version}}. About an hour. In the notes: serverless, Lambda with its limits and
# prices, API Gateway.*
#
# {{run}}
#
# A telephone exchange when the concert tickets go on sale. What counts is not how many people ring
# in an hour, but how many talk at a time. An operator who has just hung up takes the next call at
# once; another one has to be fetched first. **Afterwards you can answer:**
#
# * How many executions does a load need, and what happens to those beyond the limit?
# * When is there a cold start, and what do reserved and provisioned concurrency change?
# * What do a client, an event, a queue and a stream do when the function is throttled?
# * When does coming back help, and when does it make things worse?
# * Does more memory cost more?
# * What does API Gateway keep away from the function?

# %%
import labsim

lab = labsim.lab("lambda-concurrency")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. The panel to watch is the
# executions under way, and where they touch the limit.

# %%
import labsim

labsim.lab("lambda-concurrency").explore()

# %% [markdown]
# ## A guided tour
#
# ### Raise one number until it breaks
#
# A steady rate, {{cpu_time}} of work and {{wait_time}} of waiting for each request, and
# environments that wait for them.

# %%
lab.curve({"needs": "concurrency_needed", "under way": "concurrency_max"}, "throttled_share",
          "latency_p99", spike_factor=1, duration=30, provisioned=900,
          over={"arrival_rate": [100, 200, 400, 600, 720, 800, 880, 1_200]})

# %% [markdown]
# Rate times duration is what is under way: Little's law. Up to the account's
# {{account_concurrency}} nothing happens to anybody; beyond it, whoever is too many gets an error
# at once. Nobody is slower for it: Lambda has no queue for callers that wait.

# %% [markdown]
# ### The same number in many ways
#
# Loads that look very different, and what becomes of them.

# %%
from labsim.services.lambda_ import rules

for rate, seconds in ((100, 1), (100, 0.5), (200, 0.25), (5_000, 0.2), (20_000, 0.05),
                      (30_000, 0.02)):
    print(f"{rate:6,} req/s of {seconds:4} s: {rules.concurrency(rate, seconds):5,.0f} under way; "
          f"a quota of a thousand serves {rules.served_rate(rate, seconds, 1_000):6,.0f} req/s")

# %% [markdown]
# The last two show the other limit: ten requests a second for each unit of the quota, which counts
# for very short functions only.

# %% [markdown]
# ### The limit is reached
#
# The first preset. Who got nothing, and why?

# %%
r = lab.run(lab.preset("1"))
s = r.summary
print(f"needed {s['concurrency_needed']:,.0f}, had {s['concurrency_max']:,.0f}")
print(f"throttled {s['failed_throttled']:,.0f}: by concurrency {s['throttled_concurrency']:,.0f}, "
      f"by scaling {s['throttled_scaling']:,.0f}, by rate {s['throttled_rate']:,.0f}")
r.plot()

# %% [markdown]
# The limit is reached within the first second of the crowd. From then on requests get in only as
# others end.

# %% [markdown]
# ### How fast can it grow?
#
# Suppose the account may have five thousand, and a load wants them all at once. The
# model's environments by hand, and in a run:

# %%
from labsim.builtin.lambda_concurrency import by_hand

for t in (0, 10, 20, 40):
    print(f"after {t:2} s: {by_hand.grown(t, 5_000):5,} environments")
p = lab.Params(account_concurrency=5_000, arrival_rate=400, spike_factor=1, cpu_time=20,
               wait_time=0, work_cv=0, init_time=0, duration=15, timeout=60)
s = lab.run(p).summary
print(f"run: {s['concurrency_max']:,.0f} after {p.duration:.0f} s, "
      f"{s['throttled_scaling']:,.0f} of {s['offered']:,.0f} requests came too fast")

# %% [markdown]
# A thousand at once, then a hundred more each second. A steep crowd is throttled long before the
# account's limit. (Older texts know
# another rule: three thousand at once in large regions, then five hundred a minute.)

# %% [markdown]
# ### Which environment?
#
# Ten requests that overlap: who starts a new one, who takes one that is idle?

# %%
starts = [0, 1, 2, 3, 4, 5, 6, 7, 7.5, 8]
ends = [4.5, 5.5, 6.5, 7.8, 9, 9, 10, 11, 12, 12]
for which, cold in enumerate(by_hand.cold_starts(starts, ends), 1):
    print(f"request {which:2}: {'a new environment' if cold else 'one that is idle'}")

# %% [markdown]
# Six environments for ten requests, six cold starts. A quiet minute, with and without a supply:

# %%
lab.curve("cold_starts", "latency_p99", "cost_usd", over=["5", "6"])

# %% [markdown]
# Provisioned concurrency is paid whether it is used or not; used well, it is even cheaper, for the
# duration on it costs less. When does that begin?

# %%
from labsim.services.lambda_.bill import bill, gb_seconds

for used in (0.2, 0.4, 0.6, 0.8, 1.0):
    month = 100 * 730 * 3_600 * used      # seconds that a hundred environments work in a month
    on_demand = bill([(month, 1, 1_024)])
    ready = bill((), [(month, 1, 1_024)], [(100, 730, 1_024)])
    print(f"used {used:4.0%}: on demand {sum(on_demand.values()):8,.0f} USD, "
          f"provisioned {sum(ready.values()):8,.0f} USD")

# %% [markdown]
# ### How long does an environment live?
#
# AWS doesn't say; the logs of somebody's requests do. One request at a time, at random, for a day:

# %%
lab.curve("cold_start_share", "environments_mean", spike_factor=1, duration=86_400, cpu_time=2,
          over={"arrival_rate": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]}, log=False)

# %% [markdown]
# When the function has been idle for {{keep_time}}, it has no environment any more. While it works,
# a spare one stays longer; the share of environments that are still there:

# %%
for least, most in ((300, 600), (650, 900), (900, 1_400), (1_500, 1_600)):
    print(f"idle for {least:5,} to {most:5,} s: {by_hand.idle_there(least, most):4.0%} of an idle "
          f"function's, {by_hand.spare_there(least, most):4.0%} of the spare ones")

# %% [markdown]
# Each is replaced at an age of some two hours, so a busy function has its cold starts, too. What a
# peak leaves behind:

# %%
lab.run(lab.preset("20")).plot()

# %% [markdown]
# ### How long does a cold start take?
#
# By runtime and memory, as somebody measured it:

# %%
lab.curve("latency_mean", over="memory", at="Cold start of .NET, by memory",
          by={name: {"runtime": name} for name in rules.RUNTIMES})

# %%
for package in (0, 14, 35):
    print(f"a package of {package:2} MB: {rules.cold_start('nodejs', 1_769, package):4.2f} s")

# %% [markdown]
# Only .NET computes enough at its start for memory to matter. What it loads matters for all.

# %% [markdown]
# ### Neighbours
#
# All functions of a region share one limit.

# %%
lab.curve({"we lose": "failed"}, {"the others lack": "others_short"}, over=["7", "8"])

# %% [markdown]
# A reservation is a guarantee for one and taken from all others; and it is also the most that the
# function gets. Some must stay for all:

# %%
print("left:", rules.unreserved(1_000, [400, 400]))
try:
    rules.unreserved(1_000, [400, 501])
except ValueError as error:
    print(error)

# %% [markdown]
# ### Just enough is not enough
#
# Fifty erlangs of work (executions under way if none were missed), and so many reserved. Each
# misses some; Erlang said how many in the year of the first automatic exchanges.

# %%
lab.curve("throttled_share", over={"reserved": [40, 45, 50, 55, 60, 65, 70]}, arrival_rate=50,
          spike_factor=1, cpu_time=1, wait_time=0, work_cv=1, init_time=0, duration=120)

# %% [markdown]
# ### What do callers do?
#
# The same crowd before the same small function, brought by four kinds of callers.

# %%
lab.curve({"lost": "failed / offered"}, {"done at the end": "completed / offered"}, "throttled",
          over=["9", "10", "11", "12"])

# %% [markdown]
# A caller that waits has lost its request. An event is tried again and again, a little later each
# time. A queue keeps what its pollers don't take, and they take less as soon as they are throttled.
# A stream never asks for more than it has shards, and never overtakes.

# %%
lab.run(lab.preset("10")).plot()

# %% [markdown]
# ### How should a queue be limited?
#
# A burst of messages before five executions. A poller that is throttled tries its batch again and
# again, until the visibility timeout has run out; then the batch has been received once, for
# nothing.

# %%
lab.curve("throttled", "dead_lettered", at="14", over=[
    {}, {"visibility_timeout": 180}, {"visibility_timeout": 180, "max_receives": 5},
    {"max_concurrency": 5}])

# %% [markdown]
# AWS advises a visibility timeout of six times the function's and five receives: then hardly a
# message is lost. Better still, limit the pollers and not only the function: who isn't asked for
# need not be turned away.

# %% [markdown]
# ### Errors slow the pollers down
#
# Two thousand messages a second, sixty under way, and a part of the attempts fails. Somebody has
# measured that on AWS (rehanvdm.com, "SQS Lambda ESM scaling behaviour"):

# %%
measured = {0: (60, 2_000), 0.01: (25, 1_600), 0.05: (16, 500), 0.1: (13, 300)}
for errors, (at_once, done) in measured.items():
    p = lab.Params(caller="sqs", arrival_rate=2_000, spike_factor=1, cpu_time=0.03, wait_time=0,
                   work_cv=0, init_time=0, error_share=errors)
    r = lab.run(p)
    print(f"errors {errors:4.0%}: {r.series['in_flight'].value[60:].mean():3.0f} at a time, "
          f"{r.series['completed_rate'].value[60:].mean():5,.0f} done per second; "
          f"measured {at_once}, {done:,}")

# %% [markdown]
# A few errors cost most of the throughput. While messages wait, pollers come at
# {{fact:lambda.esm_sqs_ramp}}; each error takes {{fact:lambda.esm_sqs_back_off}} of them away, one
# number for all rows. Where the two balance, errors a second times concurrency is always the same,
# and so it was on AWS. At one per cent concurrency is too high here and the rate too low, and no
# rule could mend both: by Little's law what was measured there is a third of the time that the
# function takes.
#
# And when the function is mended?

# %%
r = lab.run(lab.preset("18"))
under_way, waiting = r.series["in_flight"], r.series["waiting"]
for t in (60, 90, 119, 125, 130, 150, 200, 250):
    print(f"after {t:3} s: {under_way.value[under_way.t.searchsorted(t)]:3.0f} at a time, "
          f"{waiting.value[waiting.t.searchsorted(t)]:5,.0f} messages wait")

# %%
r.plot()

# %% [markdown]
# The pollers are back where they were within seconds, and then go on to grow, since messages wait:
# what has piled up is worked off by more of them than there were before. What failed waits longest:
# it is back only after its visibility timeout.

# %% [markdown]
# ### The way to the function
#
# How long from a producer's call to a warm function that does nothing? Nobody waits here, nothing
# is throttled; what is left is the way. In brackets what was measured (bitesizedserverless.com,
# "Serverless messaging: latency compared").

# %%
idle = {"arrival_rate": 20, "spike_factor": 1, "cpu_time": 0, "wait_time": 0, "init_time": 0,
        "duration": 200}
for caller, fan_out, *measured in (
        ("sqs", "shared", 16, 105), ("asynchronous", "shared", 73, 225),
        ("kinesis", "shared", 627, 1_580), ("kinesis", "enhanced", 49, 109)):
    s = lab.run(lab.Params(caller=caller, fan_out=fan_out, **idle)).summary
    print(f"{caller:12} {fan_out:8}  p50 {1e3 * s['latency_p50']:3,.0f} ms ({measured[0]}), "
          f"p99 {1e3 * s['latency_p99']:5,.0f} ms ({measured[1]:,})")

# %% [markdown]
# A queue's long poll is answered at once. A stream without enhanced fan-out is polled about once a
# second, so half a second goes by before anybody looks. The way is no execution: it costs time, and
# neither concurrency nor money. With `delivery_delay` off all of them are there at once.

# %% [markdown]
# ### A bad record
#
# In a stream, one record of some thousands fails each time. What is done about it?

# %%
poison = lab.preset("16")
lab.curve("dead_lettered", "waiting_end", "iterator_age_max", at=poison, over=[
    {}, {"batch_attempts": 3}, {"batch_attempts": 3, "bisect_batch": True}, {"record_age": 60}])

# %% [markdown]
# Without a limit each bad record stops its shard, and the IteratorAge grows as fast as the clock
# goes. With one, the batch around it is lost with it, unless it is split.

# %%
lab.run(poison).plot()

# %% [markdown]
# ### An event that always fails

# %%
print("attempts after", by_hand.attempts(0), "s")
print("attempts after", by_hand.attempts(5), "s, if each takes five seconds")

# %% [markdown]
# ### Does more memory cost more?
#
# Ten vCPU-seconds of work on one thread, and on as many as there are:

# %%
print("   MB   one thread            all vCPUs")
for memory in (128, 512, 1_024, 1_769, 3_008):
    row = [rules.duration(10, memory, threads=threads) for threads in (False, True)]
    print(f"{memory:5,} " + "   ".join(
        f"{t:6.1f} s {gb_seconds(1, t, memory):5.1f} GB-s" for t in row))

# %% [markdown]
# As long as all of the CPU works, half of the time costs as much as half of the memory. Beyond one
# vCPU that is so only for code that uses more than one. And the first presets of the lab:

# %%
lab.curve("concurrency_needed", "failed", "cost_usd", over=["1", "2", "3", "4"])

# %% [markdown]
# ### API Gateway
#
# API Gateway's bucket, as AWS has it for an account, full at first:

# %%
for requests in (15_000, 20_000):
    print(f"{requests:,} in a second: {by_hand.admitted_evenly(requests, 1):,.0f} pass")
print("ten at once, ten half a second later, ten a second and burst five:",
      by_hand.admitted([10, 10], 0.5, 10, 5))

# %% [markdown]
# And a small one before our function, with and without a cache:

# %%
lab.curve({"turned away": "failed_gateway", "from the cache": "cache_hits"}, "concurrency_max",
          at="13", over={"cache_ttl": [0, 5, 10, 20, 40, 60]})

# %% [markdown]
# A cached answer needs no token and no function. What is asked for again and again is cheapest not
# done again. A function that takes longer than the gateway waits works for nobody:

# %%
slow = lab.Params(caller="api-gateway", arrival_rate=2, spike_factor=1, cpu_time=30, wait_time=0,
                  timeout=60, duration=120)
s = lab.run(slow).summary
print(f"timed out at the gateway {s['timed_out']:.0f} of {s['offered']:.0f}, "
      f"and {s['invocations']:.0f} paid")

# %% [markdown]
# ### Throttled, and come back
#
# A crowd within a second, far more than may be under way. What do its clients do with their `429`?
# The same crowd with other clients:

# %%
crowd = lab.preset("21")
lab.curve("attempts", {"never answered": "failed"}, at=crowd, over={"retry_mode": [
    "none", "at-once", "fixed", "exponential", "full-jitter", "decorrelated-jitter"]})

# %% [markdown]
# Who tries again at once finds what he found. Who waits helps, but all wait for the same time, and
# come back as the crowd that they were. With jitter, chance in the wait, they come by ones and
# twos, and the same limit serves nearly all of them. Dotted the crowd, in full lines the same with
# jitter:

# %%
labsim.compare(lab.run(crowd), lab.run(lab.preset("22"))).plot()

# %% [markdown]
# The throttles as clients see them: a request that fails has used up its attempts. And clients who
# hang up too early make throttles of their own:

# %%
lab.curve("throttled", {"work for nothing": "late"}, "completed", at="23", over={
    f"wait {wait or 'for ever'}": {"client_timeout": wait} for wait in (0.5, 1, 2, 4, 0)})

# %% [markdown]
# ### A function that waits for a database
#
# Most functions spend their time waiting, and an environment that waits is in use. Here a gateway,
# a function and a database with a pool of connections, wired by hand; the database is slow for a
# while.

# %%
from labsim.services import api_gateway, ec2, lambda_


def shop(sim, timeout=5.0, limit=1_000.0):
    database = ec2.Service(sim, "database", labsim.exponential(0.02), threads=6)
    app = lambda_.Function(sim, "app", labsim.fixed(0.05), timeout=timeout, limit=limit,
                           calls=labsim.ask(database, pool=6))
    door = api_gateway.Gateway(sim, "door", app)
    sim.send(120, to=door, retry=labsim.retry(timeout=2, attempts=3))


slow = [("database", "slow", 60, 20, 5)]
r = labsim.simulate(shop, duration=200, faults=slow)
r.plot()

# %% [markdown]
# Nothing is wrong with the function, and yet it takes the account's whole limit: each environment
# waits for a connection, is in use, and is billed. And when the database is well again, nothing is:
# the retries of the clients are as much as it can do, each is answered after its client has given
# up and come again, and so it goes on to the end. Two cures, a function that gives up before its
# clients do, and a smaller limit:

# %%
labsim.curve(shop, {"in time": "producers.completed / producers.offered"}, "app.concurrency_max",
             over={"as it is": {}, "gives up sooner": {"timeout": 1.0}, "limit": {"limit": 50.0}},
             duration=200, faults=slow, seeds=1)

# %% [markdown]
# ### The bill
#
# AWS's own examples of a month, to the cent:

# %%
for what, lines in (
        ("with the free tier", bill([[3_000_000, 0.120, 1_536]], free=True)),
        ("without it", bill([[7_440_000, 2.0, 1_024]])),
        ("with two GB of /tmp", bill([[6_000_000, 0.280, 4_096, 2_048]], free=True)),
        ("provisioned", bill([], [[2_000_000, 0.280, 4_096]], [[7, 24, 4_096]]))):
    print(f"{sum(round(usd, 2) for usd in lines.values()):7.2f} USD {what}")

# %% [markdown]
# ## Read the model
#
# This is how a call finds its environment, and how environments end:

# %%
import inspect

from labsim.services.lambda_.environments import Environments

for part in (Environments.invoke, Environments._end_some, rules.fates):
    print(inspect.getsource(part))

# %% [markdown]
# **Change it.** Suppose no more than ten environments came at once, and ten a second.

# %%
from unittest.mock import patch


class Slow(lambda_.Function):
    def __init__(self, *args, **how):
        super().__init__(*args, **how, at_once=10, per_second=10)


with patch.object(lambda_, "Function", Slow):
    s = lab.run().summary
print(f"too many {s['throttled_concurrency']:,.0f}, too fast {s['throttled_scaling']:,.0f}, "
      f"under way {s['concurrency_max']:,.0f}")

# %% [markdown]
# Now most of the crowd comes too fast, and the limit is never reached. The whole model is in
# `labsim/builtin/lambda_concurrency/model.py`; start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("lambda-concurrency", 1)

# %% tags=["solution"]
# blank: answer = None    # your number of executions
# blank: check("lambda-concurrency", 1, answer)
# >>> solution
check("lambda-concurrency", 1, 150)
# <<< solution

# %%
exercise("lambda-concurrency", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("lambda-concurrency", 2, answer)
# >>> solution
check("lambda-concurrency", 2, 31)
# <<< solution

# %%
exercise("lambda-concurrency", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("lambda-concurrency", 3, answer)
# >>> solution
check("lambda-concurrency", 3, 6.9)
# <<< solution

# %%
exercise("lambda-concurrency", 4)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("lambda-concurrency", 4, answer)
# >>> solution
check("lambda-concurrency", 4, 10.5)
# <<< solution

# %%
exercise("lambda-concurrency", 5)

# %% tags=["solution"]
# blank: answer = None    # your number of invocations
# blank: check("lambda-concurrency", 5, answer)
# >>> solution
check("lambda-concurrency", 5, 2.6)
# <<< solution

# %%
exercise("lambda-concurrency", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("lambda-concurrency", 6, answer)
# >>> solution
check("lambda-concurrency", 6, "b")
# <<< solution

# %%
exercise("lambda-concurrency", 7)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("lambda-concurrency", 7, answer)
# >>> solution
check("lambda-concurrency", 7, "b")
# <<< solution

# %%
exercise("lambda-concurrency", 8)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("lambda-concurrency", 8, answer)
# >>> solution
check("lambda-concurrency", 8, "c")
# <<< solution

# %%
exercise("lambda-concurrency", 9)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"memory": 1_024}
# blank: check("lambda-concurrency", 9, answer)
# >>> solution
check("lambda-concurrency", 9, {"memory": 3_000})
# <<< solution

# %%
exercise("lambda-concurrency", 10)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"reserved": 100}
# blank: check("lambda-concurrency", 10, answer)
# >>> solution
check("lambda-concurrency", 10, {"max_concurrency": 5})
# <<< solution

# %%
exercise("lambda-concurrency", 11)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("lambda-concurrency", 11, answer)
# >>> solution
check("lambda-concurrency", 11, 15)
# <<< solution

# %%
exercise("lambda-concurrency", 12)

# %% tags=["solution"]
# blank: answer = None    # your number of attempts per request
# blank: check("lambda-concurrency", 12, answer)
# >>> solution
check("lambda-concurrency", 12, 3.4)
# <<< solution

# %% [markdown]
# ## Quiz

# %%
quiz("lambda-concurrency")

# %% tags=["solution"]
# blank: # quiz("lambda-concurrency", "...")    # a letter per question
# >>> solution
quiz("lambda-concurrency", "bcabdcbcbab")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * **Concurrency is rate times duration**; {{account_concurrency}} per region, shared by all
#   functions. Beyond it: `429`, not a queue.
# * **Reserved** concurrency guarantees and limits, free of charge; a reservation of nothing at all
#   switches a function off. **Provisioned** is warm, and paid.
# * A function runs **fifteen minutes** at most, API Gateway waits **{{gateway_timeout}}**. Longer
#   work goes to Step Functions, ECS or Batch.
# * Memory from {{fact:lambda.memory_min_mb}} to {{fact:lambda.memory_max_mb}}, and **CPU
#   and network come with it**.
# * **Asynchronous** events: two retries, then the dead-letter queue of the function. **SQS**: the
#   dead-letter queue of the queue; visibility timeout six times the function's, five receives;
#   maximum concurrency of at least {{fact:lambda.esm_sqs_max_concurrency_min}}; more than
#   {{fact:lambda.esm_sqs_windowless}} in a batch need a batch window. **Kinesis, DynamoDB
#   streams**: order kept, a failing batch blocks its shard: retry attempts, record age, bisect, and
#   an alarm on the IteratorAge.
# * **API Gateway**: REST, HTTP, WebSocket; token bucket, cache, usage plans, authorizers; edge
#   optimised, regional or private.
# * `/tmp` has {{fact:lambda.tmp_default_mb}} for nothing; environment variables have four KB.

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
# * How long environments live isn't published. {{keep_time}} without a call, {{spare_time}} for a
#   spare one and {{life_time}} of age are from request logs of a small function; the facts say
#   whose. AWS changes it: half of the environments survived three quarters of an hour of idleness
#   in one year, and six minutes two years later.
# * Environments lost by chance are left out of runs shorter than all of that; the replacement of
#   some before {{fact:lambda.environment_life_min_s}} of age is left out of all.
# * Which idle one is taken next, the one used last, held for all but a few of a thousand requests.
# * A cold start is always as long as the median. Nineteen of twenty measured ones were between
#   three quarters and two and a half times as long. What .NET computes depends on the code: a
#   smaller function than the measured one took less than half a second with
#   {{fact:lambda.memory_min_mb}}. Container images, functions in a VPC, frameworks and SnapStart
#   are left out, and that a package of any runtime takes as long as one of Node.js is assumed.
# * The duration grows smaller with memory exactly as CPU grows; measured was a twelfth more below
#   a vCPU. Real code waits for more than it says, and below a certain memory fails.
# * Other functions take their part first, and this one what is left; in truth they compete.
# * How fast AWS takes pollers of a queue away isn't published. Here those go that found nothing for
#   the length of a long poll, and each error or throttle takes
#   {{fact:lambda.esm_sqs_back_off}} of them, one number fitted to one measurement of one short
#   function. Whether slow functions, which fail less often in a second, keep as many pollers as the
#   rule says is not known; that throttles do the same, and that a throttled batch is tried each
#   second, is assumed.
# * The way to the function is as measured at little load, whatever the load here; an event's is
#   that of an SNS topic, and EventBridge takes longer. Its tail is that of a law through three
#   percentiles: a third too long for events, too short for a polled stream, whose polls are never
#   late here. Who waits for the answer has no way at all, since nobody measured it alone.
# * A throttled batch that begins late and ends after its visibility timeout is done once; on AWS it
#   may be done twice. Messages come back in the order of time; SQS keeps none.
# * Back-off of a stream's failed batches isn't published; here it doubles. FIFO queues and partial
#   batch answers are left out.
# * The bill has no free tier unless it is asked for, and the gateway's price is unverified. Its
#   cache costs by the hour, which isn't counted.
# * Clients wait for their answer, and come back, only if `retry_mode` and `client_timeout` say so,
#   all of them alike; what comes through an event, a queue or a stream comes back by the rules of
#   Lambda instead. A fault hits all invocations alike.
