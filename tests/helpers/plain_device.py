"""A volume with credits in plain SimPy, I/O by I/O: what `storage_device` has as a fluid."""

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
