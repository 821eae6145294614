"""Clients who come back, before a load balancer, in plain SimPy: a process per request and per
attempt. Slow, and nothing in it is shared with the model that it checks."""

import simpy


def run(sent, works, doors, *, targets, nodes, threads, algorithm, first, idle, timeout, attempts,
        base, cap, faults=()):
    """(sent, target, ended, answered) of each attempt as it came, and (ended, answered) of each
    request. works, doors: give the next attempt's. faults: (target, what, from, for how long)."""
    env = simpy.Environment()
    tills = [simpy.Resource(env, threads) for _ in range(targets)]
    state, factor = ["well"] * targets, [1.0] * targets
    inside = [{} for _ in range(targets)]       # who is in line or at work: told if it breaks
    out = [[0] * targets for _ in range(nodes)]
    turn = [[0] * targets for _ in range(nodes)]
    last, turns = [one - 1 for one in first], [0] * nodes
    tries, ends = [], [None] * len(sent)

    def pick(node):
        if algorithm == "round_robin":
            last[node] = last[node] + 1 if last[node] + 1 < targets else 0
            return last[node]
        turns[node] += 1
        k = min(range(targets), key=lambda k: (out[node][k], turn[node][k]))
        turn[node][k] = turns[node]
        return k

    def at_till(k, seconds):
        """In line and at work, unless the target breaks meanwhile; nobody says so if it hangs. Of
        several, who came first is told first."""
        inside[k][broken := env.event()] = None
        with tills[k].request() as place:
            yield place | broken
            if not broken.triggered:
                yield env.timeout(seconds) | broken
        if not broken.triggered:
            del inside[k][broken]
            return True
        if broken.value == "hangs":
            yield env.event()
        return False

    def attempt():
        node, seconds, row = next(doors), next(works), [env.now, None, None, False]
        tries.append(row)
        row[1] = k = pick(node)
        out[node][k] += 1
        if state[k] == "hangs":
            yield env.timeout(idle)
        elif state[k] == "well":
            served = env.process(at_till(k, seconds * factor[k]))
            yield served | env.timeout(idle)
            row[3] = served.triggered and served.value
        out[node][k] -= 1
        row[2] = env.now
        return row[3]

    def request(i):
        yield env.timeout(sent[i])
        for number in range(attempts):
            tried = env.process(attempt())
            yield tried | env.timeout(timeout)
            if tried.triggered and tried.value:
                break
            if number + 1 < attempts:
                yield env.timeout(min(base * 2.0**number, cap))
        ends[i] = env.now, bool(tried.triggered and tried.value)

    def fault(k, what, begin, lasts):
        yield env.timeout(begin)
        if what == "slow":
            factor[k] = 3.0
        else:
            state[k] = what
        if what in ("down", "hangs"):
            for one in inside[k]:
                one.succeed(what)
        yield env.timeout(lasts)
        factor[k] = 1.0
        if what in ("down", "hangs"):
            tills[k], inside[k] = simpy.Resource(env, threads), {}
        if what != "slow":
            state[k] = "well"

    for i in range(len(sent)):
        env.process(request(i))
    for one in faults:
        env.process(fault(*one))
    env.run(until=sent[-1] + 1_000)
    return tries, ends
