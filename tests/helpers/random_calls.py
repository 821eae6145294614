"""Random systems of a client, a server, and another one that this calls or passes on to, which
break now and then: what they are made of, and as labsim runs them."""

import math

import labsim as ls
from labsim.declare import Client, Retry
from labsim.declare.client_report import ABANDONED, COMPLETED, FAILED
from labsim.declare.faults import checked, schedule
from labsim.declare.retry import BACKOFFS, Breaker
from labsim.engine import Simulation
from labsim.services import ec2

DURATION = 60.0


def plan(rng):
    """A random system of a client, a server, and one that this calls or passes on to."""
    def server(rate):
        count = rng.randint(1, 4)
        return dict(
            instances=count, mean=count / rate / rng.uniform(0.4, 1.6),
            order=rng.choice(["fifo", "lifo"]), max_queue=rng.choice([math.inf, rng.randint(0, 9)]),
            max_wait=rng.choice([None, None, "fixed", "drawn"]),
            contention=rng.choice([0.0, rng.uniform(0, 0.2)]), cancels=rng.random() < 0.5)

    def client(rate):
        c = dict(
            timeout=rng.choice([None, "fixed", "fixed", "drawn"]), mean=rng.uniform(1, 8) / rate,
            attempts=rng.randint(1, 5), backoff=rng.choice(BACKOFFS), base=rng.uniform(0, 0.7),
            cap=rng.uniform(0.5, 4), pool=rng.choice([math.inf, rng.randint(1, 6)]),
            trip=rng.choice([0.0, rng.uniform(0, 0.2)]),
            hedge=rng.choice([math.inf, math.inf, rng.uniform(0, 2)]),
            budget=rng.choice([math.inf, rng.uniform(0, 60)]), clients=rng.randint(1, 3),
            breaker=rng.choice([None, None, (rng.uniform(0.2, 1), rng.randint(2, 9),
                                             rng.uniform(0.2, 9), rng.randint(1, 3))]))
        if (c["pool"] < math.inf or c["breaker"]) and "jitter" not in c["backoff"]:
            c["backoff"] = "full-jitter"    # of those who come back at once, who is first is chance
        return c
    rate = rng.uniform(0.5, 6)
    faults = []
    for part, kinds in (("a", "down hangs slow errors"), ("b", "down hangs slow errors"),
                        ("p to a", "lost slow"), ("a to b", "lost slow")):
        for what in kinds.split():
            if rng.random() < 0.3:
                amount = {"slow": rng.uniform(1, 5), "errors": rng.random(), "lost": rng.random()}
                faults.append((part, what, rng.uniform(0, 50), rng.uniform(0.1, 20),
                               amount.get(what, 0.0)))
    way = rng.choice(["calls", "calls", "optional", "then", "alone"])
    made = dict(rate=rate, users=rng.choice([0, 0, rng.randint(1, 12)]), a=server(rate),
                b=server(rate), client=client(rate), inner=client(rate), way=way,
                share=rng.uniform(0.2, 1))
    hedged = min(made["client"]["hedge"], made["inner"]["hedge"]) < math.inf
    return {**made, "faults": [
        fault for fault in faults if (fault[0] != "a to b" or way in ("calls", "optional"))
        and not (hedged and fault[1] in ("down", "hangs"))]}    # who of two fails first is chance


def retry(c):
    timeout = {None: math.inf, "fixed": c["mean"], "drawn": ls.exponential(c["mean"])}
    return Retry(timeout=timeout[c["timeout"]], breaker=c["breaker"] and Breaker(*c["breaker"]), **{
        k: c[k] for k in ("attempts", "backoff", "base", "cap", "hedge", "budget", "clients")})


def run(p, seed):
    """A run of it, at its end."""
    sim = Simulation(seed, DURATION)
    made = {}
    for name in ("b", "a"):
        s = p[name]
        wait = {None: math.inf, "fixed": s["mean"], "drawn": ls.exponential(s["mean"])}
        calls = [ls.ask(made["b"], retry=retry(p["inner"]), pool=p["inner"]["pool"],
                        trip=p["inner"]["trip"], optional=p["way"] == "optional")
                 ] if name == "a" and p["way"] in ("calls", "optional") else []
        made[name] = ec2.Service(
            sim, name, ls.exponential(s["mean"]), max_wait=wait[s["max_wait"]], calls=calls,
            **{k: s[k] for k in ("instances", "order", "max_queue", "contention", "cancels")})
    if p["way"] == "then":
        made["a"].then(made["b"], p["share"])
    c = p["client"]
    load = ls.users(p["users"], ls.exponential(1.0)) if p["users"] else p["rate"]
    made["p"] = Client(sim, "p", made["a"], load, retry=retry(c), pool=c["pool"], trip=c["trip"])
    schedule(sim, checked(p["faults"]))
    sim.run()
    return sim


def told(sim):
    """All that happened, by part, and how many requests each part has dropped."""
    told = {}
    for name, part in sim.parts.items():
        if isinstance(part, Client):
            told[name] = {**part.moments, "sent": part.sent, "completed": part.ended[COMPLETED],
                          "failed": part.ended[FAILED], "abandoned": part.ended[ABANDONED],
                          "took": part.took}
        else:
            told[name] = {"came": part.came, "done": part.ended, "failed": part.lost,
                          "begun": part.center.begun}
    return told, {name: part.count["cancelled"] for name, part in sim.parts.items()
                  if not isinstance(part, Client)}
