"""CloudWatch's alarms on a group's CPU, looked at only when there is something to see.

Picture a night watchman who knows the trains' timetable. He need not stare at the rails: he reads
when the next train comes, sets his alarm clock, and sleeps; if the timetable changes, somebody
wakes him, and he reads it again.

*Models:* what `cloudwatch.Metric` and `Alarm` do with CPU, minute by minute (every ten seconds for
high resolution): datapoints of a period, published when it ends; alarms N out of N; actions on the
change to ALARM and again every minute; several policies on one group, the largest capacity wins.
A metric of 300 s is basic monitoring here: one datapoint every five minutes, which the policies may
act on once, at any minute until the next one comes.
*Leaves out:* alarms M out of N; a period without any instance counts as breaching neither way.

As long as nothing happens to the group its CPU is known ahead, for the arrivals are. So the next
moment at which a policy would change anything is found by arithmetic; tests put it beside the
plain alarms.
"""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from labsim.declare import Component
from labsim.engine import Order, Simulation
from labsim.errors import ParameterError
from labsim.services.autoscaling.group import Group
from labsim.services.autoscaling.policies import Policy, Seen
from labsim.services.autoscaling.rules import largest, load_to_expect, unanimous
from labsim.services.cloudwatch.rules import (
    PERIODS,
    REPEAT_ACTION,
    STANDARD_RESOLUTION,
    breaches,
    is_period,
    ringing,
)
from labsim.services.elb.web_tier import CELL, WebTier

AHEAD = 120     # evaluations looked at in one go
Wish = tuple[Policy, int, str]      # who wants which capacity, and why


class AlarmStates:
    """The state of one alarm at each datapoint: above (below) `threshold`, `points` in a row.

    It acts on the change to ALARM and then at every `repeat`-th datapoint.
    """

    def __init__(self, threshold: float, high: bool, points: int, repeat: int, most: int):
        self.threshold, self.high, self.n, self.repeat = threshold, high, points, repeat
        self.on = np.zeros(most, dtype=bool)
        self.since = np.zeros(most, dtype=int)      # first datapoint of the present ALARM
        self.due = self.on if repeat == 1 else np.zeros(most, dtype=bool)

    def look(self, values: np.ndarray, first: int, end: int) -> None:
        """Find the states at the datapoints from `first` to before `end`."""
        window = values[max(first - self.n + 1, 0):end]
        breach = breaches(window, self.threshold, self.high)
        if not np.logical_or.reduce(breach):
            self.on[first:end] = self.due[first:end] = False
            return
        self.on[first:end] = on = ringing(breach, self.n, self.n, end - first)
        if self.repeat > 1 and not np.logical_or.reduce(on):
            self.due[first:end] = False
        elif self.repeat > 1:
            index = np.arange(first, end)
            off = np.maximum.accumulate(np.where(on, -1, index))
            start = self.since[first - 1] if first and self.on[first - 1] else first
            self.since[first:end] = since = np.where(off < 0, start, off + 1)
            self.due[first:end] = on & ((index - since) % self.repeat == 0)


class CpuAlarms(Component):
    """The high and low alarms of `policies` of a `group`, on the CPU (percent) of `tier`, published
    every `period` s: what `cloudwatch` alarms on `tier.cpu_metric` do, but far quicker. The
    policies count no instance that still warms up.

    policies: made without a metric of their own. When the run has ended, the alarms' changes are
    recorded and written into the event log, unless it is `quiet`.
    """

    shows = (("CPU", "datapoint"),)
    control = True
    alarm = "alarm_high"

    def __init__(self, sim: Simulation, name: str, group: Group, tier: WebTier,
                 policies: Sequence[Policy], period: float = STANDARD_RESOLUTION):
        super().__init__(sim, name)
        if not is_period(period):
            raise ParameterError("period", period, PERIODS)
        if others := [p.name for p in policies if p.group is not group or p.metric is not None]:
            raise ParameterError("policies", others[0],
                                 f"policies of {group.name} without a metric of their own")
        for policy in policies:
            policy.watched = True
        self.group, self.tier, self.policies = group, tier, policies
        self.period, self.every = period, min(period, STANDARD_RESOLUTION)
        repeat = round(REPEAT_ACTION / self.every)
        most = int(sim.duration // period) + 1
        self.cells = round(period / CELL)
        self.values = np.full(most, np.nan)     # percent of CPU at each datapoint
        self._used = -1         # the newest datapoint that somebody has acted on
        self.states = {}
        self._watched = []      # (policy, its high alarm, its low one)
        for p in policies:
            pair = [self.states.setdefault(key, AlarmStates(*key, repeat, most)) for key in (
                (p.threshold, True, p.high_points), (p.low * p.threshold, False, p.low_points))]
            self._watched.append((p, *pair))
            self.link(p, "alarm")
        self._done = 0          # evaluations that are over; number e is at e * every
        self._plan_number = 0
        self._called = False
        self._ended = False
        tier.link(self, "metric")
        tier.changed = group.changed = self.call
        sim.on_advance(self.advance)
        self.call()

    def call(self) -> None:
        """Something has happened to the group: look at the timetable again, once all is over."""
        if not self._called:
            self._called = True
            self.sim.until(self.sim.now, Order.METRIC).callbacks.append(self._plan)

    def _plan(self, _event) -> None:
        """Find the next evaluation at which somebody wants something, and sleep until then."""
        self._called = False
        self._plan_number += 1
        first = max(self._done + 1, int(-(-self.sim.now // self.every)))
        last = min(first + AHEAD, int(self.sim.duration // self.every) + 1)
        if first >= last:
            return
        fleet, ready = self.group.fleet, math.inf
        if fleet.count("pending"):
            ready = min([i.ready_at for i in fleet.instances if i.state == "pending"])
        called = ready < last * self.every      # there will be another plan at that time
        if called:
            last = max(int(ready // self.every), first) + 1
        e, wishes = self._next(first, last)
        if not wishes and called:
            return
        self.sim.until(e * self.every, Order.ALARM).callbacks.append(
            partial(self._wake, self._plan_number, e, wishes))

    def _wake(self, number: int, e: int, wishes: list[Wish], _event) -> None:
        if number != self._plan_number:     # something happened, and there is another plan
            return
        self._done = e
        if wishes:
            self._act(e, wishes)
        self.call()

    def _newest(self, e: int) -> int:
        """The newest datapoint at evaluation `e`; -1 for none."""
        return int(e * self.every // self.period) - 1

    def _next(self, first: int, last: int) -> tuple[int, list[Wish]]:
        """The first evaluation from `first` to before `last` at which the group would change, and
        who wants what; the last one, where nobody wants anything."""
        begin, end = int(self.sim.now // self.period), self._newest(last - 1) + 1
        if end > begin:
            self.tier.fill(end * self.cells)
            self.values[begin:end] = self._means(self.tier.cpu, begin, end)
        start = max(self._newest(first), 0)
        if end <= start:
            return last - 1, []
        group, due = self.group, np.zeros(end - start, dtype=bool)
        for alarm in self.states.values():
            alarm.look(self.values, start, end)
            if group.desired < group.max_size if alarm.high else (
                    group.desired > group.min_size):
                due |= alarm.due[start:end]
        each = round(self.period / self.every)      # evaluations of one datapoint
        known: dict = {}
        for d in (start + due.nonzero()[0]).tolist():
            begins = (d + 1) * each
            for e in range(max(begins, first), min(begins + each, last)):
                wishes = self._wishes(e, d, known)
                if self._agreed(wishes) != group.desired:
                    return e, wishes
        return last - 1, []

    def _means(self, by_cell: np.ndarray, begin: int, end: int) -> np.ndarray:
        """A hundred times the mean over each datapoint from `begin` to before `end`."""
        return np.add.reduce(by_cell[begin * self.cells:end * self.cells].reshape(
            -1, self.cells), axis=1) * (100 / self.cells)

    def _wishes(self, e: int, d: int, known: dict) -> list[Wish]:
        """Who acts at evaluation `e`, of datapoint `d`, the capacity it wants, and why.

        known: the value and the load that did not make a policy want a change, by policy, alarm
        and instances that warm up: it wants none at milder ones either, and need not be asked.
        """
        now, wishes = e * self.every, []
        if d <= self._used:
            return wishes
        group, value, warming = self.group, float(self.values[d]), self.group.warming_at(now)
        fresh = d * self.period >= self.sim.now     # measured on the instances that there are now
        for number, (policy, high, low) in enumerate(self._watched):
            alarm = high if high.due[d] else low
            if not alarm.due[d] or now < policy.deaf_until:
                continue
            above, key = alarm.high, (number, alarm.high, warming)
            load = None if above else self._load(policy, d)
            most = math.inf if load is None else load
            mild, least = known.get(key, (math.nan, math.nan)) if fresh else (math.nan, math.nan)
            if value <= mild if above else value >= mild and most >= least:
                wishes.append((policy, group.desired, ""))
                continue
            wish = policy.decide(self._seen(d, warming, load), value, above)
            if wish and policy.agrees and not above:
                wish = unanimous([wish, *(
                    other.decide(self._seen(d, warming, self._load(other, d)), value, False)
                    if its_low.on[d] else None
                    for other, _, its_low in self._watched if other.agrees)])
            wishes.append((policy, *(wish or (group.desired, ""))))
            if fresh and not wish:
                known[key] = value, most
        return wishes

    def _load(self, policy: Policy, d: int) -> float | None:
        """The load to expect at datapoint `d`, in instances' percent, for a policy that asks."""
        first = d + 1 - policy.looks_back(self.period)
        if not policy.agrees or first < 0:
            return None
        return load_to_expect(self._means(self.tier.served, first, d + 1).tolist()) / self.tier.each

    def _seen(self, d: int, warming: int, load: float | None) -> Seen:
        """The group at datapoint `d` when so many instances warm up. One that does adds nothing to
        the metric yet: it does not count as in service. Fact: asg.warmup_rule."""
        group, value = self.group, self.values[d]
        count = group.in_service - warming + group.fleet.count("pending")
        if d * self.period < self.sim.now and value > 0:      # maybe measured on fewer
            count = min(count, self._means(self.tier.served, d, d + 1)[0] / self.tier.each / value)
        return Seen(group.desired, warming, count, load)

    def _agreed(self, wishes: list[Wish]) -> int:
        """What the group would make of them: within its limits, unless they are beyond it."""
        group = self.group
        most = largest(group.desired, [wanted for _, wanted, _ in wishes])
        return min(max(most, group.min_size), group.max_size)

    def _act(self, e: int, wishes: list[Wish]) -> None:
        """At evaluation `e` the policy that wants most has its way."""
        most = largest(self.group.desired, [wanted for _, wanted, _ in wishes])
        policy, wanted, why = next(wish for wish in wishes if wish[1] == most)
        policy.act(wanted, why)
        self._used = self._newest(e)

    # -- at the end of the run -------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Once the run has ended: record when the alarms changed, and write it into the log."""
        if now < self.sim.duration or self.quiet or self._ended:
            return
        self._ended = True
        for name, high in (("high", True), ("low", False)):
            alarms = [alarm for alarm in self.states.values() if alarm.high == high]
            changes = sorted((d, n) for n, alarm in enumerate(alarms) for d in np.flatnonzero(
                np.diff(alarm.on.astype(int), prepend=0)).tolist())
            for d, n in changes:
                t, on = float((d + 1) * self.period), alarms[n].on[d]
                if t < self.sim.duration:
                    self.record.level(f"alarm_{name}", t, any(alarm.on[d] for alarm in alarms))
                    self.log("alarm", f"alarm {name} is {'ALARM' if on else 'OK'}: CPU "
                                      f"{self.values[d]:.1f}%, threshold "
                                      f"{alarms[n].threshold:.1f}%", t)
        self.sim.events.sort(key=lambda event: (event.t, event.kind.startswith("scale")))

    def series(self) -> dict:
        """1 while a high alarm, a low alarm is in ALARM; the newest datapoint, percent."""
        return {**{name: (self.record.sampled(name), "on") for name in ("alarm_high", "alarm_low")},
                "datapoint": self.tier.published(self.period)}
