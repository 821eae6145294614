# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Copies all over the world
#
# *labsim {{version}}. About an hour. In the notes: CloudFront, its price classes, signed URLs
# and origins; CloudFront against S3 Cross-Region Replication; Lambda@Edge.*
#
# {{run}}
#
# A factory in America bakes bread, and corner shops in four parts of the world sell it. Each loaf
# has a date on it. Who finds what he wants around the corner has it at once; every other wish
# crosses an ocean. **Afterwards you can answer:**
#
# * How long does an edge keep a copy, and who decides: the origin's header or the behaviour?
# * Why do more edges hit less, and what is a regional cache for?
# * How do viewers get the new version of a file, and what does each way cost?
# * What belongs into the cache key, and what is Origin Shield for?
# * What do viewers see when the origin doesn't answer, and what when they try again?
# * When is CloudFront dearer than a bucket, and when is a bucket in each region the better way?

# %%
import labsim

lab = labsim.lab("cloudfront-cache")

# %% [markdown]
# ## The facts

# %%
lab.fact_table()

# %% [markdown]
# ## Explore
#
# Step through the presets first. Then pin a run and change one thing. In the system picture each
# row is a part of the world: its viewers, its edges with a column per edge (the part of the
# requests that it had a fresh copy for), its regional cache. The dashed line is the steady state
# that theory gives, where it says anything.

# %%
import labsim

labsim.lab("cloudfront-cache").explore()

# %% [markdown]
# ## A guided tour
#
# ### Raise one number until it breaks
#
# A server in the US works a tenth of a second on each answer, a hundred at a time: a thousand per
# second. Everybody asks it, or CloudFront does.

# %%
server = lab.Params(origin="server", workers=100, duration=14_400, change_every=0)
lab.curve("origin_utilization", {"failed": "failed / offered"}, "latency_p95", at=server,
          over={"request_rate": [100, 500, 900, 1_100, 2_000, 10_000, 100_000]},
          by={"delivery": ["direct", "cloudfront"]})

# %% [markdown]
# At a thousand requests per second the server is at its end, and beyond it viewers wait half a
# minute or in vain. Behind CloudFront it is nearly idle at any rate: the more viewers, the more of
# them ask for what another has just fetched. There are only so many objects, each fetched once per
# TTL and region.

# %% [markdown]
# ### An ocean is wide
#
# No load at all, a quick bucket. When does the first byte come?

# %%
lab.curve({"US": "ttfb_us", "Europe": "ttfb_eu", "Asia": "ttfb_as", "South America": "ttfb_sa"},
          over=["1", "11", "2", "4"])

# %% [markdown]
# A new connection takes three round trips: TCP, TLS, the request. From Asia to the bucket that is
# well over half a second. Look at {{preset:11}}: nothing is cached, and yet Asia waits little
# more than half as long. The three trips are to the edge near by; the edge's connection to the
# origin is open already. With edges most answers need no more than the way to the nearest of them.

# %% [markdown]
# ### How many edges?
#
# More edges are nearer to everybody. What becomes of the hit ratio? Beside it theory: a copy brings
# rate times TTL hits, at each edge for itself.

# %%
lab.curve("offload", "hit_ratio", "latency_mean", "origin_requests", warm_up=43_200,
          change_every=0, over={"edges": [1, 4, 16, 64]}, by="regional")

# %% [markdown]
# Sixteen edges see a sixteenth of the viewers each, and a TTL passes with fewer of them. Without
# regional caches more edges mean more work for the origin, and in the end nobody waits less. With
# them the origin sees one cache per region, whatever the number of edges.

# %% [markdown]
# ### Origin Shield
#
# And one cache for the world? All regions ask it before the origin.

# %%
lab.curve("offload", "origin_requests", "latency_mean", "month_usd", edges=16,
          over={"four regions": {"shield": False}, "Origin Shield": {"shield": True}})

# %% [markdown]
# The origin is asked less than a third as often. Edges hit as before, and who goes on to the shield
# from another region pays a request more. It stands in the origin's region, where the regional
# cache is the shield itself.

# %% [markdown]
# ### What is in the cache key?
#
# A query string, a header or a cookie in the key makes a copy of its own for each of its values,
# even if the origin doesn't care. So many copies of each object:

# %%
lab.curve("offload", "hit_ratio", change_every=0, warm_up=43_200, edge_size=10_000,
          over={"variants": [1, 2, 10, 50, 200, 1_000]})

# %% [markdown]
# Each copy is asked for that much more rarely, so that its TTL passes with fewer hits. And all of
# them take room: smaller edges throw many out before their time. Leave out of
# the key whatever the origin doesn't need.

# %% [markdown]
# ### Who is hit?
#
# What everybody wants is there, what nobody wants is not.

# %%
lab.curve("hit_ratio", "offload", over={"skew": [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]})

# %%
lab.curve("hit_ratio", "offload", over={"objects": [1_000, 10_000, 100_000, 1_000_000]})

# %% [markdown]
# And if there is no room? An edge throws out what nobody has asked for the longest. How much room
# is enough for {{objects}} of one size? Beside it Che's approximation.

# %%
lab.curve("offload", edges=1, regional=False, header_age=1e8, size_cv=0, warm_up=86_400,
          change_every=0, seeds=1, over={"edge_size": [0.1, 0.5, 1.0, 2.0, 3.5, 5.0]})

# %% [markdown]
# Each GB has room for a tenth of the objects. The first takes most of the requests: with Zipf's
# law (the second is asked for half as often as the first, the third a third) the favourites are
# quickly in. It also means that a copy may be gone long before its date.

# %% [markdown]
# ### Who prints the date?
#
# The origin says something, or nothing; the behaviour has a minimum, a default and a maximum.

# %%
from labsim.services.cloudfront.rules import browser_ttl, edge_ttl

print(f"{'Cache-Control':26} minimum 0  minimum 300  browser")
for header in ("", "max-age=60", "max-age=40000000", "max-age=60, s-maxage=10", "no-store",
               "private, max-age=60"):
    said = browser_ttl(header)
    print(f"{header or 'nothing':26} {edge_ttl(header):9,.0f} {edge_ttl(header, None, 300):12,.0f} "
          f"{'its choice' if said is None else f'{said:,.0f}':>11}")

# %% [markdown]
# Edges read `s-maxage` before `max-age`, and both before `Expires`. The behaviour cuts what they
# say at both ends. Look at the last two rows: a minimum above zero keeps even what is private.
# What is the same page worth in the simulation?

# %%
lab.curve({"no origin": "offload", "old": "stale_share"}, over=["11", "12"])

# %%
expires = labsim.run("cloudfront-cache", header="expires", header_age=43_200)
hits = expires.series["hit_ratio"].value
print(f"one date for all copies: hits {hits[29]:.0%} before it, {hits[-1]:.0%} at the end")

# %% [markdown]
# `Expires` is one date for all copies everywhere. After it nothing is fresh any more until somebody
# writes a new date. An age is safer.

# %% [markdown]
# ### How long a date?
#
# The longer, the less the origin is asked, and the older is what viewers get. Where would you stop?

# %%
lab.curve({"no origin": "offload", "old answers": "stale_share"}, "stale_longest",
          duration=172_800, over={"header_age": [10, 60, 600, 3_600, 14_400, 86_400]})

# %% [markdown]
# Every doubling spares the origin and lets bread get older: at most one TTL, for the date counts
# from the origin's answer in both caches. With a short date most of the origin's answers are *not
# modified*, without a body.

# %% [markdown]
# ### The site changes
#
# Four ways to a new version, all with a date of a day.

# %%
lab.curve({"no origin": "offload", "old": "stale_share"}, "month_usd", over="update",
          header_age=86_400, duration=172_800)

# %%
lab.run(lab.preset("8")).plot()

# %% [markdown]
# A path for each changed file costs more than all the requests of the month. A wildcard is one
# path, and throws out what was still good. New names cost nothing, are never old, and reach
# browsers, too. The page that leads to them must not be cached for long.

# %% [markdown]
# ### The origin is away
#
# Two hours without an answer, {{connect_attempts}} of {{connect_timeout}} each.

# %%
ways = {"alone": {}, "stale-if-error": {"stale_if_error": 86_400},
        "second origin": {"origin_group": True},
        "and one short try": {"origin_group": True, "connect_attempts": 1, "connect_timeout": 1},
        "and 503 at once": {"origin_group": True, "outage": "errors"}}
lab.curve("failed", {"expired copies": "expired_served"}, {"by the second": "from_second"},
          "latency_max", over=ways, at="13")

# %% [markdown]
# Most viewers notice nothing: what is fresh is served. Each miss waits until all tries are over,
# even if an expired copy stands in then. An origin group forgets: at every miss it asks the first
# origin again. Short and few tries are what makes it useful.

# %% [markdown]
# ### Viewers who try again
#
# A small server, pages that may not be cached, and viewers who wait for two seconds and make up to
# {{max_attempts}}. For two minutes the server is slow. When are viewers well again?

# %%
storm = lab.preset("18")
lab.run(storm).plot()

# %% [markdown]
# Never. Who has gone is still in the server's line, and has asked again. An edge goes on waiting
# for an answer that nobody wants any more. What ends it, and what keeps it away?

# %%
cures = {"the storm": {}, "no slow server": {"faults": ""}, "nobody retries": {"max_attempts": 1},
         "retry budget": {"retry_quota": True}, "breaker": {"breaker": True},
         "more workers": {"workers": 60}, "kept for a second": {"min_ttl": 1},
         "kept for five": {"min_ttl": 5}, "kept for a minute": {"min_ttl": 60}}
lab.curve({"in time": "goodput / request_rate"}, "amplification", over=cures, at=storm, seeds=1)

# %% [markdown]
# A second in a cache is enough to end it: of those who ask for a page at the same time one goes to
# the server, and the others share his answer. A minute, and most viewers don't notice that the
# server was slow at all. Small servers behind CloudFront survive crowds because of seconds like
# these, not because of budgets.

# %% [markdown]
# ### Signed URLs
#
# A viewer gets a URL and clicks some time later, {{click_delay}} in the mean.

# %%
import math

from labsim.services.cloudfront.rules import admitted


def too_late(p):
    return math.exp(-p.url_lifetime / p.click_delay)


lab.curve({"refused": "refused / offered"}, theory=too_late,
          over={"url_lifetime": [60, 120, 300, 600, 1_800, 3_600]})

# %%
print("parts asked for at 0, 40, 80 s, URL until 60 s:", admitted([0, 40, 80], until=60))

# %% [markdown]
# The time is looked at when a request begins and never again. A long download in one piece goes
# on; in pieces, or resumed, it breaks off.

# %% [markdown]
# ### Lambda@Edge: at which trigger?

# %%
def functions(r):
    return r.cost["functions"]


lab.curve("invocations", {"functions (USD)": functions}, "latency_p50",
          over={"trigger": ["viewer-request", "origin-request"]})

# %% [markdown]
# At a viewer's trigger everybody waits for it and every request is paid; at an origin's only
# misses. What depends on the viewer (a login, an A/B test) belongs to the first, what is the same
# for all to the second.

# %% [markdown]
# ### What does it cost?
#
# Larger files, fewer requests, three audiences, and five ways to serve them, for a month.

# %%
big = lab.Params(size_mean=5e6, edge_size=1_000, request_rate=1, objects=1_000)
audiences = {"US, Europe": (0.4, 0, 0), "the world": (0.3, 0.2, 0.1), "the south": (0.1, 0.5, 0.3)}
offers = {"bucket": {"delivery": "direct"}, "CloudFront": {}, "free tier": {"free_tier": True},
          "class 100": {"price_class": "100"}, "replicas": {"delivery": "replicas"}}
print(f"{'USD per month':14}" + "".join(f"{offer:>12}" for offer in offers))
for who, (europe, asia, south) in audiences.items():
    there = big.changed(europe_share=europe, asia_share=asia, south_america_share=south)
    usd = [lab.run(there.changed(**offer)).summary["month_usd"] for offer in offers.values()]
    print(f"{who:14}" + "".join(f"{x:12,.0f}" for x in usd))

# %% [markdown]
# It is not the requests to the origin that cost, but the bytes to viewers, and those are paid hit
# or miss. In the US and Europe CloudFront is cheaper than the bucket, elsewhere its price is that
# of the edge's region. A cheaper price class serves those viewers from afar. Data from an AWS
# origin to CloudFront is free.

# %% [markdown]
# ### A bucket for each region
#
# Replication instead of a cache, for a site whose files all change every hour.

# %%
busy = lab.Params(change_every=3_600, change_share=1)
offers = {"CloudFront, 4 h": {}, "CloudFront, 10 min": {"header_age": 600},
          "replicas": {"delivery": "replicas"},
          "replicas, 10 min lag": {"delivery": "replicas", "replication_lag": 600}}
lab.curve({"old": "stale_share"}, {"Asia waits (s)": "ttfb_as"}, "month_usd", over=offers, at=busy)

# %% [markdown]
# Copies follow each change, asked for or not, and each is paid for. Only what has not arrived yet
# is old, and nobody is far away. A short TTL makes CloudFront nearly as new; with so many viewers
# most of what they ask for is near by all the same. Replication has to be set up for each region,
# holds for new objects only, and copies aren't copied on.

# %% [markdown]
# ## Read the model
#
# These are caches that have nothing fresh for a request, many at once: `cells`, each an object at a
# cache that asks the origin itself. What lies between two fetches is counted.

# %%
import inspect

from labsim.services.cloudfront.crowd import Crowd

print(inspect.getsource(Crowd._fetch))

# %% [markdown]
# **Change it.** Let expired copies be served at once, while the edge asks for a new one in the
# background: `stale-while-revalidate`, here for as long as anybody likes.

# %%
import numpy as np


class Patient(Crowd):
    def _ask(self, cells, column, at, wait, *rest):
        wait = np.where(self.held[cells], 0.0, wait)
        super()._ask(cells, column, at, wait, *rest)


# %%
from unittest.mock import patch

few = lab.Params(header_age=600)
before = lab.run(few).summary
with patch("labsim.services.cloudfront.distribution.Crowd", Patient):
    after = lab.run(few).summary
print(f"wait for the first byte, mean: {before['latency_mean']:.3f} s before, "
      f"{after['latency_mean']:.3f} s with it")

# %% [markdown]
# Who comes to an expired copy no longer waits for the origin. (The sketch counts the new version
# where the old one would be served; a whole one takes a few lines more.) The whole model is in
# `labsim/builtin/cloudfront_cache/model.py`; start at `simulate`.

# %% [markdown]
# ## Exercises
#
# Commit to an answer before you run anything. A wrong answer gets a hint, then another, then the
# solution.

# %%
from labsim.course import check, exercise, quiz

exercise("cloudfront-cache", 1)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("cloudfront-cache", 1, answer)
# >>> solution
check("cloudfront-cache", 1, 0.65)
# <<< solution

# %%
exercise("cloudfront-cache", 2)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("cloudfront-cache", 2, answer)
# >>> solution
check("cloudfront-cache", 2, 85.7)
# <<< solution

# %%
exercise("cloudfront-cache", 3)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("cloudfront-cache", 3, answer)
# >>> solution
check("cloudfront-cache", 3, 22.3)
# <<< solution

# %%
exercise("cloudfront-cache", 4)

# %% tags=["solution"]
# blank: answer = None    # your number, in USD
# blank: check("cloudfront-cache", 4, answer)
# >>> solution
check("cloudfront-cache", 4, 18_000)
# <<< solution

# %%
exercise("cloudfront-cache", 5)

# %% tags=["solution"]
# blank: answer = None    # your number, in seconds
# blank: check("cloudfront-cache", 5, answer)
# >>> solution
check("cloudfront-cache", 5, 8.3)
# <<< solution

# %%
exercise("cloudfront-cache", 6)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("cloudfront-cache", 6, answer)
# >>> solution
check("cloudfront-cache", 6, "b")
# <<< solution

# %%
exercise("cloudfront-cache", 7)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("cloudfront-cache", 7, answer)
# >>> solution
check("cloudfront-cache", 7, "c")
# <<< solution

# %%
exercise("cloudfront-cache", 8)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("cloudfront-cache", 8, answer)
# >>> solution
check("cloudfront-cache", 8, "c")
# <<< solution

# %%
exercise("cloudfront-cache", 9)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("cloudfront-cache", 9, answer)
# >>> solution
check("cloudfront-cache", 9, "b")
# <<< solution

# %%
exercise("cloudfront-cache", 10)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"edges": 8}
# blank: check("cloudfront-cache", 10, answer)
# >>> solution
answer = {"price_class": "100", "header_age": 86_400, "update": "versioned"}
check("cloudfront-cache", 10, answer)
# <<< solution

# %%
exercise("cloudfront-cache", 11)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"connect_timeout": 5}
# blank: check("cloudfront-cache", 11, answer)
# >>> solution
answer = {"origin_group": True, "connect_attempts": 1, "connect_timeout": 1}
check("cloudfront-cache", 11, answer)
# <<< solution

# %%
exercise("cloudfront-cache", 12)

# %% tags=["solution"]
# blank: answer = None    # your number, per cent
# blank: check("cloudfront-cache", 12, answer)
# >>> solution
check("cloudfront-cache", 12, 60)
# <<< solution

# %%
exercise("cloudfront-cache", 13)

# %% tags=["solution"]
# blank: answer = None    # a letter
# blank: check("cloudfront-cache", 13, answer)
# >>> solution
check("cloudfront-cache", 13, "b")
# <<< solution

# %%
exercise("cloudfront-cache", 14)

# %% tags=["solution"]
# blank: answer = None    # a dict, such as {"workers": 80}
# blank: check("cloudfront-cache", 14, answer)
# >>> solution
answer = {"min_ttl": 60}
check("cloudfront-cache", 14, answer)
# <<< solution

# %% [markdown]
# ## Quiz
#
# The last three are about S3 itself, see the lab `s3-prefix`.

# %%
quiz("cloudfront-cache")

# %% tags=["solution"]
# blank: # quiz("cloudfront-cache", "...")    # a letter per question
# >>> solution
quiz("cloudfront-cache", "bcadbacbccabca")
# <<< solution

# %% [markdown]
# ## For the exam
#
# * **CloudFront** caches at edges for a TTL: static content for everywhere. **S3 replication**
#   copies to the regions you set up, nearly at once: changing content for a few regions.
# * Origins: an S3 bucket, closed to all but CloudFront by **OAC** (once OAI); any HTTP server that
#   CloudFront's addresses can reach: ALB, instance, website. Behaviours by path choose among
#   several. An **origin group** has a primary and a secondary origin. Requests go through with
#   what the origin needs of headers and query strings, uploads to S3 as well.
# * Without headers the **default TTL** holds; the **minimum** beats even `no-store`.
# * The **cache key**: as few query strings, headers and cookies as the origin needs. **Origin
#   Shield**: one more cache before the origin, paid per request.
# * New files: **versioned names**; invalidation is for accidents.
# * **Signed URL**: one file; **signed cookies**: many files. A policy says until when, from which
#   addresses, and who may sign; your application signs, with the SDK and the account's key, for any
#   origin. An S3 **pre-signed URL** has the rights of who made it, lives a limited time, and goes
#   to the bucket itself, past the cache.
# * **Price class** `100`: North America and Europe; `200`: all but the dearest; all.
# * **Lambda@Edge** has four triggers: viewer request, origin request, origin response, viewer
#   response. At the first a function may answer by itself, without cache and origin.
# * **Geo restriction** by country; **field-level encryption** at the edge for a few fields of a
#   form; Shield and WAF are in front. Fixed addresses, UDP, or no HTTP: Global Accelerator instead.

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
# * Viewers are counted; only fetches from the origin are followed, and of a large catalogue a
#   sample of the objects. Where room is short, an object that a regional cache has thrown out is
#   gone from its edges, too, so with Origin Shield and little room the origin is asked about a
#   tenth too often.
# * All copies behind a regional cache or Origin Shield expire together, since their age counts from
#   the origin's answer. Values in the cache key are asked for alike often; in truth a few are
#   common.
# * Origin Shield is in the origin's region, always there, and as large as a regional cache.
# * A round trip between two regions is the mean over pairs of AWS regions
#   ({{fact:regions.europe_asia}} from Europe to Asia, where single pairs take a fifth less or a
#   tenth more), and the same for all viewers of a region, who are spread over its edges evenly. The
#   US is its east: Asia's way to an edge in the west is a third shorter. Ways within a region, and
#   how much nearer more edges are, are assumptions.
# * Only the first byte is timed. A large file's body takes longer than all of this, and comes
#   faster from near by.
# * Caches are looked up as they are when the viewer asks; the ways only add to the answer's time.
# * Browsers cache nothing here. They answer many requests before an edge sees them.
# * How much room a site gets at an edge AWS doesn't say; nor how much larger a regional cache is.
# * How `stale-if-error` behaves in detail is unverified; errors are kept per object.
# * An invalidation takes as long everywhere, and nothing that is on its way meets it.
# * The second origin always answers, has all that the first one has, and no limit.
# * A month's bill takes the run for the whole month. What the server itself costs isn't in it.
# * The lag of replication is exponential; AWS says only that most objects take minutes at most.
