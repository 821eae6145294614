"""Clients, a function and the database it calls, in plain SimPy, request by request."""

import simpy


def run(sent, works, queries, *, limit, init, timeout, servers, attempts, wait, until):
    """(how each request ended and when, [(start, end) of each invocation], [when throttled]).

    sent: when requests are made, s; works, queries: of each attempt that comes to the function, and
    to the database, in their order, s. servers: of the database; 0: the function calls nobody. A
    request is tried `attempts` times, `wait` s after an error.
    """
    env = simpy.Environment()
    works, queries = iter(works), iter(queries)
    database = simpy.Resource(env, max(servers, 1))
    there, busy = [0], [0]
    told, runs, throttled = [None] * len(sent), [], []

    def query():
        takes = next(queries)
        with database.request() as turn:
            yield turn
            yield env.timeout(takes)

    def body(takes):
        yield env.timeout(takes)
        if servers:
            yield env.process(query())

    def invocation():
        work = next(works)
        if busy[0] >= limit:
            throttled.append(env.now)
            return False
        start, cold = env.now, init if there[0] == busy[0] else 0.0
        busy[0] += 1
        there[0] = max(there[0], busy[0])
        late = env.timeout(timeout + cold)
        done = env.process(body(work + cold)) if work <= timeout else env.event()
        yield done | late
        busy[0] -= 1
        runs.append((start, env.now))
        return not late.processed

    def request(i):
        yield env.timeout(sent[i])
        for attempt in range(attempts):
            if attempt:
                yield env.timeout(wait)
            ok = yield env.process(invocation())
            if ok:
                break
        told[i] = ok, env.now

    for i in range(len(sent)):
        env.process(request(i))
    env.run(until)
    return told, runs, throttled
