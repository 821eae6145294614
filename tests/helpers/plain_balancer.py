"""A load balancer in plain SimPy, written from the rules alone: one process per request and per
health check. Slow, and nothing in it is shared with the model that it checks."""

import simpy


def run(sent, work, doors, *, zones, phases, algorithm, interval, timeout, unhealthy, healthy,
        idle, first, died=None, heals=None, hangs=False, dead=()):
    """(target, ended, answered) of each request, and [(t, node, target, healthy)].

    zones: of each target; every node sends to all. phases[k][node]: of its checks. first: whose
    turn it is first, per node.
    """
    env = simpy.Environment()
    n, nodes = len(zones), sorted(set(zones))
    tills = [simpy.Resource(env) for _ in range(n)]
    alive = [True] * n
    broken = [env.event() for _ in range(n)]
    good = {node: [True] * n for node in nodes}
    out = {node: [0] * n for node in nodes}
    turn = {node: [0] * n for node in nodes}
    last, turns = {node: first[node] - 1 for node in nodes}, dict.fromkeys(nodes, 0)
    marks, results = [], [None] * len(sent)

    def pick(node):
        members = [k for k in range(n) if good[node][k]] or list(range(n))
        if algorithm == "round_robin":
            last[node] = last[node] + 1 if last[node] + 1 < len(members) else 0
            return members[last[node]]
        turns[node] += 1
        k = min(members, key=lambda k: (out[node][k], turn[node][k]))
        turn[node][k] = turns[node]
        return k

    def at_till(k, seconds):
        """In line and in service, unless the target dies meanwhile."""
        with tills[k].request() as place:
            yield place | broken[k]
            if broken[k].triggered:
                return False
            yield env.timeout(seconds) | broken[k]
            return not broken[k].triggered

    def request(i):
        node = int(doors[i])
        k = pick(node)
        out[node][k] += 1
        if alive[k]:
            served = env.process(at_till(k, work[i]))
            yield served | env.timeout(idle)
            ok = served.triggered and served.value
            if hangs and served.triggered and not served.value:     # nobody says a word
                yield env.timeout(sent[i] + idle - env.now)
        else:
            ok = False
            if hangs:
                yield env.timeout(idle)
        out[node][k] -= 1
        results[i] = (k, env.now, bool(ok))

    def users():
        for i, t in enumerate(sent):
            yield env.timeout(t - env.now)
            env.process(request(i))

    def checks(node, k):
        yield env.timeout(phases[k][node])
        failed = passed = 0
        while True:
            if alive[k]:
                failed, passed = 0, passed + 1
                if not good[node][k] and passed == healthy:
                    good[node][k] = True
                    marks.append((env.now, node, k, True))
            else:
                passed, failed = 0, failed + 1
                if good[node][k] and failed == unhealthy:
                    env.process(find(node, k))
            yield env.timeout(interval)

    def find(node, k):
        yield env.timeout(timeout if hangs else 0)
        good[node][k] = False
        marks.append((env.now, node, k, False))

    def fault():
        yield env.timeout(died)
        for k in dead:
            alive[k] = False
            broken[k].succeed()
        yield env.timeout(heals - died)
        for k in dead:
            alive[k], tills[k], broken[k] = True, simpy.Resource(env), env.event()

    env.process(users())
    if dead:
        env.process(fault())
        for node in nodes:
            for k in dead:
                env.process(checks(node, k))
    env.run(until=sent[-1] + 5_000)
    return results, marks
