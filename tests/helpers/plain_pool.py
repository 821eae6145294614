"""A Lambda function in plain SimPy, request by request: what `Environments` are held against."""

import simpy


def run(times, works, *, limit, init, keep, provisioned=0):
    """For each request "cold", "warm" or "throttled", and when it ends; s."""
    env = simpy.Environment()
    idle, busy, told = [0.0] * provisioned, [0], [None] * len(times)

    def request(i):
        yield env.timeout(times[i])
        while idle and idle[0] < env.now - keep and len(idle) + busy[0] > provisioned:
            idle.pop(0)
        if busy[0] >= limit:
            told[i] = ("throttled", None)
            return
        kind = "warm" if idle else "cold"
        if idle:
            idle.pop()
        busy[0] += 1
        takes = works[i] + (init if kind == "cold" else 0.0)
        yield env.timeout(takes)
        busy[0] -= 1
        idle.append(env.now)
        told[i] = (kind, times[i] + takes)

    for i in range(len(times)):
        env.process(request(i))
    env.run()
    return told
