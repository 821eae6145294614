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
# **Afterwards you can answer:** How do I put my own system together? How do I see what it does, and
# what it costs? How do I try a change, and know that it is not luck?
#
# Time: about twenty minutes. labsim {{version}}.

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
