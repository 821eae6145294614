# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # Build your own system
#
# The labs are finished machines. Here is the box of parts that they are made of: a queue, a fleet,
# a group, an alarm. You wire them in a function, and everything else (figure, picture, metrics,
# bill, report) comes with the parts.
#
# **Afterwards you can answer:** How do I put my own system together, from ten lines to a system of
# four services? How do I see what it does, and what it costs? What do clients do who get no answer,
# and what happens when a part breaks? How do I try a change, and know that it is not luck?
#
# Time: about forty minutes. labsim {{version}}. {{run}}

# %% [markdown]
# ## Ten lines
#
# A part is made in the simulation `sim` and has a name of its own. What it is connected with is
# said where it is made: the workers *consume* the orders; the policy *tracks* the backlog per
# worker; the producers send *to* the orders.

# %%
import labsim as ls
from labsim.services import autoscaling, ec2, sqs


def shop(sim, boot=120):
    """A spike of orders: how late does help arrive?"""
    orders = sqs.Queue(sim, "orders", visibility_timeout=30)
    workers = ec2.Fleet(sim, "workers", boot, consumes=orders, work=ls.exponential(4))
    group = autoscaling.Group(sim, "group", workers, min_size=10, max_size=60)
    autoscaling.TargetTracking(group, orders.backlog_per(workers), target=30)
    sim.send(ls.spike(2, 4, start=600, length=900), to=orders)


# %%
r = ls.simulate(shop, duration=5_400, seed=1)
r.plot()

# %% [markdown]
# The spike begins after ten minutes and lasts a quarter of an hour. The workers come three readings
# of the metric and a boot after it has begun; meanwhile the orders pile up.
#
# ## What came of it
#
# Metrics are called after their part; so are the lines of the bill.

# %%
{name: r.summary[name] for name in ("orders.wait_p95", "workers.instances_max", "cost_usd")}

# %%
r.cost

# %% [markdown]
# The picture of the system at any moment, here a quarter of an hour after the start: the arrows
# that carry orders are solid, those that steer are dashed.

# %%
r.picture(900)

# %% [markdown]
# Everything that happened at a moment is in the log, under the name of the part.

# %%
for event in r.events[:6]:
    print(f"{event.t:6.0f} s  {event.text}")

# %% [markdown]
# ## A change
#
# What the function takes as a parameter can be turned. The same seed rolls the same dice, so what
# differs is the boot time's doing.

# %%
ls.compare(r, ls.simulate(shop, duration=5_400, seed=1, boot=20))

# %% [markdown]
# One run is an anecdote: ten of each say how sure it is.

# %%
table = ls.sweep(shop, over={"boot": [20, 60, 120]}, duration=5_400, replications=10)
table[table.metric == "orders.wait_p95"][["boot", "mean", "low", "high"]].round(0)

# %% [markdown]
# ## Two of a kind
#
# Two queues with a fleet each in one simulation: nothing of theirs is mixed up, for everything is
# recorded under a name.

# %%
def two_shops(sim):
    """A small shop and a busy one."""
    for name, rate, size in (("small", 0.1, 3), ("busy", 0.5, 7)):
        orders = sqs.Queue(sim, f"{name} orders")
        ec2.Fleet(sim, f"{name} workers", size=size, consumes=orders, work=ls.fixed(10))
        sim.send(rate, to=orders, name=f"{name} customers")


both = ls.simulate(two_shops, duration=6_000)
both.plot()

# %%
{name: value for name, value in both.summary.items() if name.endswith("orders.offered")}

# %% [markdown]
# Two parts of one name are refused, and so is whatever is not connected.

# %%
def confused(sim):
    """Two parts of one name."""
    sqs.Queue(sim, "orders")
    ec2.Fleet(sim, "orders")


try:
    ls.simulate(confused, duration=60)
except ls.ParameterError as error:
    print(error)

# %% [markdown]
# ## One after the other
#
# What leaves a part can come to the next one: whatever is packed has to be shipped.

# %%
def warehouse(sim):
    """Orders are packed, then shipped."""
    packing, shipping = sqs.Queue(sim, "packing"), sqs.Queue(sim, "shipping")
    ec2.Fleet(sim, "packers", size=6, consumes=packing, work=ls.exponential(2))
    ec2.Fleet(sim, "drivers", size=5, consumes=shipping, work=ls.exponential(2))
    packing.done.to(shipping)
    sim.send(2, to=packing)


flow = ls.simulate(warehouse, duration=7_200)
{name: round(flow.summary[name], 1) for name in ("packing.wait_mean", "shipping.wait_mean")}

# %% [markdown]
# For five drivers at four fifths of their capacity, Erlang C expects a mean wait of about a second:

# %%
ls.theory.mmc_wait_mean(arrival_rate=2, service_time=2, servers=5)

# %% [markdown]
# ## Parts that wait for each other
#
# What leaves by `done.to` nobody waits for. A web server that asks a database *does* wait, and
# keeps its thread meanwhile: that is said by `calls`. The last part is made first, for the others
# name it.

# %%
from labsim.services import elasticache, elb, rds


def site(sim, lock=False):
    """A load balancer, its targets, a cache, a database."""
    database = rds.Database(sim, "database", servers=2, work=ls.exponential(0.06))
    cache = elasticache.Cluster(sim, "cache", keys=2_000, room=400)
    app = elasticache.Application(sim, "app", cache, database, skew=0.8, warm=True, lock=lock)
    web = elb.Balancer(sim, "web", targets=(1, 1, 0), work=ls.exponential(0.02), threads=64,
                       calls=app)
    sim.send(20, to=web, name="clients", retry=ls.retry(timeout=1, attempts=3, base=0.1))


# %%
quiet = ls.simulate(site, duration=120)
{name: round(quiet.summary[name], 3) for name in (
    "clients.goodput_share", "clients.latency_p95", "app.hit_ratio", "database.utilization")}

# %% [markdown]
# A call may have a timeout, retries and a pool of connections of its own: `calls=ls.ask(database,
# retry=ls.retry(timeout=0.3), pool=10)`. Several are made one after the other: `calls=[app,
# ls.ask(database)]`; a cache is asked by way of its application. `a.then(b)` passes a request on
# instead, so that `b` answers it. Target groups are shared out by weight with several of those,
# `a.then(b, share=0.3)` and `a.then(c, share=0.7)`, or served in turn by a balancer with
# `targets=[b, c]`. `sim.send(ls.users(200, think=5), to=web)` is a closed loop: so many users, who
# think between an answer and the next request.
#
# ## Break it
#
# Any part can be broken at any moment: a list of who, how, from when on (s), for how long (s), and
# how badly. Faults may overlap: times as long multiply, shares are struck each for itself. Here the
# database takes twelve times as long for a while.

# %%
broken = ls.simulate(site, duration=120, faults=[("database", "slow", 20, 20, 12)])
broken.plot()

# %% [markdown]
# The database is well again after a third of the run; half a minute later still nobody gets an
# answer. Why, and what ends it, is the lab *Retry storms and metastable failures*. Everything
# balances, over the whole system and in each part:

# %%
ended = ("completed", "failed", "abandoned", "open_end")
sum(broken.summary[f"clients.{name}"] for name in ended), broken.summary["clients.offered"]

# %% [markdown]
# What can be broken in a system, and in which ways, its result knows; a wrong name suggests the
# nearest.

# %%
for piece, kinds in broken.breakable.items():
    print(f"{piece:16} {', '.join(kinds)}")

# %%
try:
    ls.simulate(site, duration=60, faults=[("databse", "slow", 20, 20, 12)])
except ls.ParameterError as error:
    print(error)

# %% [markdown]
# ## Without servers
#
# API Gateway, a function, a table. The function's environment is kept, and paid, until the table
# has answered. A table counts what it is asked: a single request falls into one of its steps, and
# shares that step's fate.

# %%
from labsim.services import api_gateway, dynamodb, lambda_


def serverless(sim):
    """API Gateway -> Lambda -> DynamoDB."""
    table = dynamodb.Table(sim, "table", "provisioned", 10, 50, saved=0)
    save = lambda_.Function(sim, "save", ls.exponential(0.05), calls=table.writes)
    api = api_gateway.Gateway(sim, "api", save)
    sim.send(60, to=api, name="browsers", retry=ls.retry(attempts=3, base=0.1))


r = ls.simulate(serverless, duration=600)
{name: round(r.summary[name], 3) for name in (
    "browsers.goodput_share", "browsers.amplification", "table.throttled", "cost_usd")}

# %% [markdown]
# ## Work that waits in queues
#
# One group serves two queues: whoever is named first is served first. What fails three times goes
# to a third queue, and is looked at by somebody else.

# %%
def office(sim):
    """Two queues of different priority, one group, and a queue of what failed."""
    urgent = sqs.Queue(sim, "urgent")
    normal = sqs.Queue(sim, "normal", max_receives=3, error_share=0.2)
    broken = sqs.Queue(sim, "broken")
    normal.dead.to(broken)
    ec2.Fleet(sim, "workers", size=10, consumes=[urgent, normal], work=ls.exponential(4))
    ec2.Fleet(sim, "people", size=1, consumes=broken, work=ls.exponential(60))
    sim.send(0.8, to=urgent, name="customers")
    sim.send(1.0, to=normal, name="jobs")


r = ls.simulate(office, duration=7_200, faults=[("workers", "down", 1_800, 600)])
r.plot()

# %%
{name: round(r.summary[name], 1) for name in (
    "urgent.wait_p95", "normal.wait_p95", "normal.dead_lettered", "broken.completed")}

# %% [markdown]
# ## From counts to requests, and back
#
# Buckets, streams and tables count; queues and functions follow requests one by one. What a counted
# part gives out comes to the next one evenly over a step; what comes to a counted part one by one
# is counted in the step that begins next.

# %%
from labsim.services import kinesis, s3


def pipeline(sim):
    """Objects make events; workers write what they find into a table."""
    bucket = s3.Bucket(sim, "bucket")
    events = sqs.Queue(sim, "events")
    table = dynamodb.Table(sim, "table", "provisioned", 10, 40)
    bucket.written.to(events)
    workers = ec2.Fleet(sim, "workers", 60, consumes=events, work=ls.exponential(0.5))
    group = autoscaling.Group(sim, "group", workers, min_size=5, max_size=40)
    autoscaling.TargetTracking(group, events.backlog_per(workers), target=20)
    events.done.to(table.writes)
    sim.send(ls.spike(8, 4, start=600, length=600), to=bucket.puts, name="uploads")



# %%
r = ls.simulate(pipeline, duration=3_600)
r.picture(900)

# %%
def orders(sim):
    """Producers -> Kinesis -> Lambda -> a queue."""
    stream = kinesis.Stream(sim, "stream", 2)
    check = lambda_.Function(sim, "check", ls.exponential(0.01))
    mapping = lambda_.KinesisEventSourceMapping(sim, "mapping", check)
    shipping = sqs.Queue(sim, "shipping")
    stream.done.to(mapping)
    mapping.done.to(shipping)
    ec2.Fleet(sim, "packers", size=30, consumes=shipping, work=ls.exponential(0.5))
    sim.send(50, to=stream)


r = ls.simulate(orders, duration=900)
r.cost

# %% [markdown]
# ## Where to go on
#
# * `r.report("shop.html")` writes all of it on one page to send to somebody;
#   `r.to_json()` keeps it, `ls.Result.from_json(text, shop)` brings it back.
# * A policy can also track `workers.cpu()`, behind an `elb.Balancer` its `requests_per_target()`,
#   or a `cloudwatch.Metric` of your own.
# * The parts are in `labsim/services/`, a folder per service; each file says in its first lines
#   what it models and what it leaves out.
# * A lab is such a system with a story, exercises and known answers: see *How to add a lab* in the
#   README.
