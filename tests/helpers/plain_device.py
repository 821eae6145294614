"""Volumes with credits in plain SimPy, I/O by I/O: what `storage_device` has as a fluid."""

import simpy


def run(times, *, steady, burst, earn, spend, bucket, start, timeout, whole, duration):
    """Serve I/Os that come at `times` (s), one line, at the limit of the moment; times of those
    that began, waits of theirs, how many failed, credits at the end."""
    env = simpy.Environment()
    line, waits, begun, failed = simpy.Store(env), [], [], [0]
    state = {"credits": start * bucket, "at": 0.0}
    recent = []

    def arrive():
        for t in times:
            yield env.timeout(t - env.now)
            recent.append(t)
            yield line.put(t)

    def settle(served):
        """Credits since the last look; an I/O that is served takes `spend`."""
        passed = env.now - state["at"]
        while recent and recent[0] < env.now - 1.0:
            recent.pop(0)
        low = whole and not line.items and len(recent) * spend <= earn
        gained = earn * passed - (0.0 if low else spend * served)
        state["credits"] = min(bucket, max(0.0, state["credits"] + gained))
        state["at"] = env.now

    def serve():
        while True:
            came = yield line.get()
            if env.now - came > timeout:
                failed[0] += 1
                continue
            begun.append(env.now)
            waits.append(env.now - came)
            rate = burst if state["credits"] >= spend else steady
            yield env.timeout(1.0 / rate)
            settle(1)

    env.process(arrive())
    env.process(serve())
    env.run(until=duration)
    return begun, waits, failed[0], state["credits"]


def loop(outstanding, *, limits, latency, timeout, duration):
    """So many workers, each with one I/O at a time, before limits in a row, each (steady, burst,
    bucket) in I/Os/s and I/Os: how many were done, how many gave up, the mean time of those done.
    Who finds nobody passes at once, the next one a gap of 1 / rate later."""
    env = simpy.Environment()
    turn = simpy.Resource(env)
    buckets = [bucket for _, _, bucket in limits]
    done, failed, took, free = [0], [0], [0.0], [0.0]

    def worker():
        while True:
            came = env.now
            with turn.request() as request:
                got = yield request | env.timeout(timeout)
                if request not in got:
                    failed[0] += 1
                    continue
                yield env.timeout(max(0.0, free[0] - env.now))
                rate = min(burst if credits >= 1 else steady
                           for (steady, burst, _), credits in zip(limits, buckets))
                gap = env.now + 1.0 / rate - free[0]        # since the one before
                free[0] = env.now + 1.0 / rate
                for j, (steady, _, bucket) in enumerate(limits):
                    buckets[j] = min(bucket, max(0.0, buckets[j] + steady * gap - 1.0))
            yield env.timeout(latency)
            done[0] += 1
            took[0] += env.now - came

    for _ in range(outstanding):
        env.process(worker())
    env.run(until=duration)
    return done[0], failed[0], took[0] / done[0]
