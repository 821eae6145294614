"""A Lambda function in plain SimPy, request by request: what `Environments` are held against."""

import simpy


class Environment:
    """One that may be used until `until` s, and bears to be idle for `patience` s."""

    def __init__(self, until, patience):
        self.until, self.patience, self.uses = until, patience, 0


def run(times, works, *, limit, init, keep, fates, provisioned=0, until=None):
    """For each request "cold", "warm" or "throttled", and when it ends; when each environment that
    ended did, s. fates: (age, patience) of each new environment in turn. until: s."""
    env, told, ended = simpy.Environment(), [None] * len(times), []
    idle = [Environment(float("inf"), float("inf")) for _ in range(provisioned)]
    busy, worked = [0], [0]

    def leave(one):
        idle.remove(one)
        ended.append(env.now)

    def go_home(one, wait):
        """An idle one, unless it is used before."""
        uses = one.uses
        yield env.timeout(wait)
        if one in idle and one.uses == uses:
            leave(one)

    def close():
        """All of them go, unless somebody calls before."""
        before = worked[0]
        yield env.timeout(keep)
        if worked[0] == before:
            for one in [one for one in idle if one.until < float("inf")]:
                leave(one)

    def request(i):
        yield env.timeout(times[i])
        if busy[0] >= limit:
            told[i] = ("throttled", None)
            return
        kind = "warm" if idle else "cold"
        if idle:
            one = idle.pop()
        else:
            age, patience = next(fates)
            one = Environment(env.now + age, patience)
        one.uses += 1
        busy[0], worked[0] = busy[0] + 1, worked[0] + 1
        takes = works[i] + (init if kind == "cold" else 0.0)
        told[i] = (kind, times[i] + takes)
        yield env.timeout(takes)
        busy[0] -= 1
        idle.append(one)
        wait = min(one.patience, one.until - env.now)
        if wait <= 0:
            leave(one)
        elif wait < float("inf"):
            env.process(go_home(one, wait))
        if not busy[0]:
            env.process(close())

    for i in range(len(times)):
        env.process(request(i))
    env.run(until)
    return told, ended
