"""An application with a cache in plain SimPy, request by request: what `cache_aside` is compared
with. Each request is a process; the database is a resource."""

import simpy


def run(requests, *, strategy, servers, room, ttl, trip, lock):
    """requests: (t, key, work, is_write), ascending. For each read: (end, hit, stale for, s)."""
    env = simpy.Environment()
    database = simpy.Resource(env, servers)
    shelf, results, fetching = {}, {}, {}       # shelf: key: [kept at, outdated at], oldest first

    def keep(key):
        shelf.pop(key, None)
        if room:
            shelf[key] = [env.now, float("inf")]
        while len(shelf) > room:
            del shelf[next(iter(shelf))]

    def write(key, work):
        with database.request() as turn:
            yield turn
            yield env.timeout(work)
        if strategy == "write-through":
            keep(key)
        elif key in shelf:
            shelf[key][1] = min(shelf[key][1], env.now)

    def read(n, key, work):
        came = env.now
        item = shelf.get(key)
        if item and item[0] + ttl > came:
            shelf[key] = shelf.pop(key)
            results[n] = (came + trip, True, max(0.0, came - item[1]))
            return
        shelf.pop(key, None)
        if lock and fetching.get(key):
            ready = fetching[key][0]
            yield ready
            results[n] = (env.now + trip, False, 0.0)
            return
        ready = env.event()
        fetching.setdefault(key, []).append(ready)
        with database.request() as turn:
            yield turn
            yield env.timeout(work)
        yield env.timeout(trip)         # what the question to the cache took, before
        keep(key)
        fetching[key].remove(ready)
        ready.succeed()
        results[n] = (env.now + trip, False, 0.0)

    def all_of_them():
        for n, (t, key, work, is_write) in enumerate(requests):
            yield env.timeout(t - env.now)
            env.process(write(key, work) if is_write else read(n, key, work))

    env.process(all_of_them())
    env.run()
    return [results[n] for n in sorted(results)]
