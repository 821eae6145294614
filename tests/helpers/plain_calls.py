"""Clients and servers in plain SimPy, a process for each attempt and each visit: what `Client`,
`Serving` and their faults are held against. Slow, and easy to believe.

Ties: whoever frees a server lets the next one in line begin before his answer is on its way;
whoever frees a connection does what follows from it before it goes to the next who waits for it;
what fails at one moment does so in the order in which it was begun, then in that of the line. Draws
are functions without arguments, used in the order of time.
"""

import heapq
from collections import deque

import simpy


def at(env, t):
    """An event at exactly `t` s: a sum of differences is not the same to the last bit."""
    event = simpy.Event(env)
    event._ok, event._value = True, None
    heapq.heappush(env._queue, (t, 1, next(env._eid), event))
    return event


def at_last(env, act):
    """Have `act()` called when all else that happens at this moment has happened; of several, what
    follows from another goes first."""
    event = simpy.Event(env)
    event._ok, event._value = True, None
    event.callbacks.append(lambda _: act())
    heapq.heappush(env._queue, (env.now, 2, -next(env._eid), event))


class Attempt:
    """A call: `reply(ok)` is its answer; gone: nobody waits for it any more. In the course of
    `asker`, a wish or another call; passed: the server and the call that it was passed on as."""

    def __init__(self, env, reply=None, asker=None):
        self.told, self.asker, self.gone = env.event(), asker, False
        self.reply = reply or (lambda ok: None)
        self.visit = self.passed = None
        self.dropped = False

    @property
    def wanted(self):
        return not self.gone and (self.asker is None or self.asker.wanted)


class Visit:
    """An attempt at a server: in line, at work or over."""

    def __init__(self, env, call, work):
        self.env, self.call, self.work = env, call, work
        self.turn, self.state = env.event(), "out"


class Server:
    """`count` servers before a line; then come the calls to other servers, by `clients`."""

    def __init__(self, env, count, works, *, lifo=False, room=float("inf"), patience=None,
                 contention=0.0, cancels=False, luck=None, lots=None):
        self.env, self.free, self.works, self.lifo, self.room = env, count, works, lifo, room
        self.patience, self.contention, self.cancels = patience, contention, cancels
        self.luck, self.lots, self.clients, self.onward, self.gives_to = luck, lots, [], [], []
        self.line, self.working, self.stuck = [], [], []
        self.slow, self.errors, self.down, self.hangs = 1.0, 0.0, False, False
        self.log = {what: [] for what in ("came", "done", "failed", "begun", "cancelled")}

    def ask(self, call):
        self.log["came"].append(self.env.now)
        visit = call.visit = Visit(self.env, call, self.works())
        if self.down:
            self.fail(visit)
        elif self.hangs:
            self.stuck.append(visit)
        elif self.free:
            self.free -= 1
            self.begin(visit)
        elif len(self.line) < self.room:
            visit.state = "waits"
            self.line.append(visit)
            if self.patience:
                self.env.process(self.lose_patience(visit, self.patience()))
        else:
            self.fail(visit)

    def lose_patience(self, visit, wait):
        yield self.env.timeout(wait)
        if visit.state == "waits":
            self.line.remove(visit)
            self.fail(visit)

    def give_up(self, call):
        visit = call.visit
        if visit and self.cancels and visit.state == "waits":
            self.line.remove(visit)
            visit.state = "out"
            self.log["cancelled"].append(self.env.now)
        elif call.passed:
            server, onward = call.passed
            server.give_up(onward)

    def begin(self, visit):
        work = visit.work * self.slow
        if self.contention:
            work *= 1.0 + self.contention * (len(self.working) + len(self.line))
        visit.state = "works"
        self.working.append(visit)
        self.log["begun"].append(self.env.now)
        self.env.process(self.serve(visit, work))

    def serve(self, visit, work):
        yield self.env.timeout(work)
        ok = True
        for client, optional in self.clients:
            if visit.state != "works":
                return
            asked = client.request(visit)
            ok = (yield asked) or optional
            if not ok:
                break
        if visit.state != "works":
            return
        visit.state = "out"
        self.working.remove(visit)
        if self.line:
            self.begin(self.line.pop(-1 if self.lifo else 0))
        else:
            self.free += 1
        if not ok or self.errors and self.luck() < self.errors:
            return self.fail(visit)
        self.log["done"].append(self.env.now)
        for server in self.gives_to:
            server.ask(Attempt(self.env))
        die = self.lots() if self.onward and self.onward[0][0] < 1 else 0.0
        for upto, server in self.onward:
            if die < upto:
                onward = Attempt(self.env, visit.call.reply, visit.call)
                visit.call.passed = server, onward
                return server.ask(onward)
        visit.call.reply(True)

    def fail(self, visit):
        visit.state = "out"
        self.log["failed"].append(self.env.now)
        visit.call.reply(False)

    def lose(self):
        lost = self.working + self.line
        self.free += len(self.working)
        self.working, self.line = [], []
        for visit in lost:
            visit.state = "out"
        return lost

    def strike(self, what, amount):
        if what == "slow":
            self.slow = amount or 1.0
        elif what == "errors":
            self.errors = amount
        elif what == "down":
            self.down = bool(amount)
            if amount:
                for visit in self.let_go() + self.lose():
                    self.fail(visit)
        else:
            self.hangs = bool(amount)
            if amount:
                self.stuck = self.lose()
            else:
                for visit in self.let_go():
                    self.fail(visit)

    def let_go(self):
        stuck, self.stuck = self.stuck, []
        return stuck


class Wish:
    """A request of a client, in the course of a visit, if any; over: it has ended;
    won: it has its answer."""

    def __init__(self, of, number):
        self.of, self.number, self.over, self.won = of, number, False, False

    @property
    def wanted(self):
        return not self.over and (self.of is None or self.of.call.wanted)


class Breaker:
    """Closed, open or half open: told what becomes of those it let through since it changed."""

    def __init__(self, failures, window, open_for, trials):
        self.failures, self.window, self.open_for, self.trials = failures, window, open_for, trials
        self.change("closed")

    def change(self, state, until=0.0):
        self.state, self.until, self.since, self.told, self.let = state, until, object(), [], 0

    def lets(self, now):
        if self.state == "open" and now >= self.until:
            self.change("half open")
        self.let += 1
        return self.state == "closed" or self.state == "half open" and self.let <= self.trials

    def tell(self, now, ok, since):
        if since is not self.since:
            return
        self.told = (self.told + [ok])[-self.window:] if self.state == "closed" else (
            self.told + [ok])
        bad = self.told.count(False)
        if self.state == "half open":
            if bad:
                self.change("open", now + self.open_for)
            elif len(self.told) == self.trials:
                self.change("closed")
        elif not ok and len(self.told) == self.window and bad >= self.failures * self.window:
            self.change("open", now + self.open_for)


class Client:
    """Asks `server`, waits `patience()` s at most, up to `attempts` times, `wait(n, die, last)`
    before the n-th retry; see `labsim.declare.Retry` for the rest."""

    def __init__(self, env, server, *, patience, attempts, wait, dice, luck, pool=float("inf"),
                 trip=0.0, hedge=None, budget=None, breaker=None, clients=1, goes_on=None):
        self.env, self.server, self.patience, self.attempts = env, server, patience, attempts
        self.wait, self.dice, self.luck, self.free, self.hedge = wait, dice, luck, pool, hedge
        self.trip, self.lost, self.slower = trip, 0.0, 0.0
        self.tokens = [budget] * clients if budget is not None else None
        self.most = budget
        self.breakers = [Breaker(*breaker) for _ in range(clients)] if breaker else None
        self.clients, self.goes_on = clients, goes_on or (lambda wish: True)
        self.line, self.number = deque(), 0
        self.log = {what: [] for what in ("sent", "attempts", "completed", "failed", "abandoned",
                                          "late", "timed_out", "refused", "short_circuited",
                                          "took")}

    @property
    def way(self):
        return (self.trip + self.slower) / 2

    def arrivals(self, times):
        for t in times:
            yield at(self.env, t)
            self.request(None)

    def users(self, think, first):
        yield at(self.env, first)
        while True:
            yield self.request(None)
            yield self.env.timeout(think())

    def request(self, of):
        wish = Wish(of, self.number % self.clients)
        self.number += 1
        self.log["sent"].append(self.env.now)
        return self.env.process(self.ask_for(wish))

    def ask_for(self, wish):
        """A request from its first attempt to its end; whether it was answered."""
        began, made, last, price, waited = self.env.now, 0, "failed", 0.0, 0.0
        while True:
            made += 1
            out = [self.env.process(self.attempt(wish))]
            timer = self.env.timeout(self.hedge) if self.hedge is not None and made == 1 else None
            while out:
                yield simpy.AnyOf(self.env, out + ([timer] if timer else []))
                if timer and timer.processed and not any(p.processed for p in out):
                    timer = None
                    if self.goes_on(wish):
                        made += 1
                        out.append(self.env.process(self.attempt(wish)))
                    continue
                over = next(p for p in out if p.processed)
                out.remove(over)
                last = over.value
                if last == "completed":
                    break
                if out:
                    at_last(self.env, self.let_in)
            if last == "completed":
                if self.tokens:
                    self.tokens[wish.number] = min(
                        self.most, self.tokens[wish.number] + (price or 1.0))
                return self.end(wish, began, last)
            if made >= self.attempts or not self.goes_on(wish):
                return self.end(wish, began, last)
            if self.tokens:
                price = 10.0 if last == "abandoned" else 5.0
                if self.tokens[wish.number] < price:
                    return self.end(wish, began, last)
                self.tokens[wish.number] -= price
            waited = self.wait(made, self.dice(), waited)
            at_last(self.env, self.let_in)
            yield self.env.timeout(waited)
            if not self.goes_on(wish):
                return self.end(wish, began, "abandoned")

    def end(self, wish, began, how):
        wish.over = True
        self.log[how].append(self.env.now)
        if how == "completed":
            self.log["took"].append(self.env.now - began)
        at_last(self.env, self.let_in)
        return how == "completed"

    def attempt(self, wish):
        """One attempt; how it ends."""
        self.log["attempts"].append(self.env.now)
        breaker = self.breakers and self.breakers[wish.number]
        if breaker:
            if not breaker.lets(self.env.now):
                self.log["short_circuited"].append(self.env.now)
                return "failed"
            since = breaker.since
        call = Attempt(self.env, asker=wish)
        call.reply = lambda ok: self.reply(call, ok)
        timer = self.env.timeout(self.patience()) if self.patience else self.env.event()
        if self.free > 0:
            self.free -= 1
            self.send(call)
            held = True
        else:
            turn = self.env.event()
            self.line.append((turn, call))
            yield turn | timer | call.told
            held = turn.triggered
        if not timer.processed:
            yield call.told | timer
        call.gone = True
        ok = call.told.triggered and call.told.value
        if breaker:
            breaker.tell(self.env.now, ok, since)
        if held:
            if not call.told.triggered:
                self.cancel(call)
            self.free += 1
            if wish.over:
                at_last(self.env, self.let_in)
        if not call.told.triggered:
            if not wish.over:
                self.log["timed_out"].append(self.env.now)
            return "abandoned"
        if wish.over or wish.won:
            if held:
                self.log["late"].append(self.env.now)
        elif not ok and not call.dropped:
            self.log["refused"].append(self.env.now)
        wish.won = wish.won or ok
        return "completed" if ok else "failed"

    def let_in(self):
        while self.line and self.free > 0:
            turn, call = self.line.popleft()
            if call.gone:
                continue
            if call.asker.over:
                call.told.succeed(True)
                continue
            if not self.goes_on(call.asker):    # nobody is left who would take the answer
                call.dropped = True
                call.told.succeed(False)
                continue
            self.free -= 1
            turn.succeed()
            self.send(call)

    def send(self, call):
        if self.lost and self.luck() < self.lost:
            return
        self.after(self.way, self.server.ask, call)

    def cancel(self, call):
        self.after(self.way, self.server.give_up, call)

    def reply(self, call, ok):
        if self.lost and self.luck() < self.lost:
            return
        self.after(self.way, self.deliver, call, ok)

    def deliver(self, call, ok):
        if call.gone:
            self.log["late"].append(self.env.now)
        else:
            call.told.succeed(ok)

    def after(self, wait, act, *what):
        if not wait:
            return act(*what)

        def later():
            yield self.env.timeout(wait)
            act(*what)
        self.env.process(later())

    def strike(self, what, amount):
        if what == "lost":
            self.lost = amount
        else:
            self.slower = amount
