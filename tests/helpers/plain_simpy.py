"""The same station as a textbook would write it: a process per request, a `Resource`.

Only for tests and benchmarks: slow, and easy to believe.
"""

import simpy


def starts(arrivals, services, servers: int, changes=()) -> list[float]:
    """Start times in order of arrival (None: never). changes: (t, +n or -n) servers at t.

    A change at the time of an arrival or an end comes after it.
    """
    env = simpy.Environment()
    resource = simpy.Resource(env, capacity=max(servers, 1))
    resource._capacity = servers
    begun = [None] * len(arrivals)
    busy, leaving = {}, set()   # request: its end; requests whose server closes then

    def request(i):
        yield env.timeout(arrivals[i])
        with resource.request() as turn:
            yield turn
            begun[i] = env.now
            busy[i] = env.now + services[i]
            yield env.timeout(services[i])
            del busy[i]
            if i in leaving:
                resource._capacity -= 1

    def change(n):
        if n < 0 and resource.count == resource.capacity:
            staying = busy.keys() - leaving
            leaving.add(min(staying, key=lambda i: (busy[i], i)))
            return
        resource._capacity += n
        for _ in range(n):
            resource._trigger_put(None)     # each call lets one in

    for i in range(len(arrivals)):
        env.process(request(i))
    for t, n in changes:
        event = simpy.Event(env)
        event._ok, event._value = True, None
        event.callbacks.append(lambda _, n=n: change(n))
        env.schedule(event, priority=9, delay=t)    # after everything else at t
    env.run()
    return begun
