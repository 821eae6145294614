"""A lab from outside labsim, complete: a coffee bar, its facts, questions, answers and notebook.

The tests install it and look for it everywhere; it is also the shortest lab to copy. Its package
has two entry points:

    [project.entry-points."labsim.labs"]
    coffee = "coffee_lab:lab"
    [project.entry-points."labsim.facts"]
    coffee = "coffee_lab"
"""

from pathlib import Path

import numpy as np

from labsim import factbook, theory
from labsim.declare import (
    Box,
    Choice,
    Design,
    Explain,
    Invariant,
    Lab,
    Line,
    Link,
    Metric,
    Panel,
    Params,
    Predict,
    Preset,
    Run,
    Theory,
    integer,
    number,
)
from labsim.engine import Estimate, RateCurve, ServiceTimes, Simulation, Station


class CoffeeParams(Params):
    """Parameters of `coffee-bar`."""

    guest_rate: float = number(
        0.05, unit="guests/s", bounds=(0, 100), slider=(0, 0.5), step=0.01, label="Guests",
        group="Guests", help="Guests who come in per second.")
    duration: float = number(
        7_200, unit="s", bounds=(60, 864_000), slider=(600, 14_400), step=600, label="Duration",
        group="Guests", help="How long the bar is open.")
    baristas: int = integer(
        2, unit="baristas", bounds=(1, 100), slider=(1, 10), step=1, label="Baristas",
        group="Bar", help="People who make coffee.")
    brew_time: float = number(
        25, unit="s", bounds=(1, 600), slider=(5, 120), step=5, label="Time per coffee",
        group="Bar", fact="coffee.brew_s", help="Mean time that a coffee takes.")


def simulate(p: CoffeeParams, sim: Simulation) -> Run:
    """Guests line up, and the first barista who is free serves the first of them."""
    guests = RateCurve.steady(p.guest_rate, p.duration).arrivals(sim.stream("guests"))
    work = ServiceTimes(p.brew_time).source(counted(guests, sim), sim.stream("coffee"))
    bar = Station(work, p.baristas, fast=sim.fast)

    def advance(t: float) -> None:
        window = bar.advance(t)
        sim.record.observe("wait", window.start, window.start - window.sent)
        sim.record.count("served", window.done)
    sim.on_advance(advance)
    sim.log("open", f"{p.baristas} baristas open the bar")
    sim.run()
    arrived, started, served = (sim.record.counted(name).astype(float)
                                for name in ("arrived", "wait", "served"))
    waits = sim.record.values("wait")
    cost = {"baristas": p.baristas * p.duration / 3_600 * p.fact("coffee.barista_price")}
    return Run({"served": served[-1], "wait_mean": float(waits.mean()) if len(waits) else 0.0,
                "line_max": float((arrived - started).max()), "cost_usd": sum(cost.values())},
               {"arrived": (arrived, "guests"), "served": (served, "guests"),
                "line": (arrived - started, "guests"), "busy": (started - served, "baristas"),
                "wait": (sim.record.mean_by_interval("wait"), "s")}, cost)


def counted(blocks, sim: Simulation):
    """Each block on its way to the station, its arrivals counted."""
    for times in blocks:
        sim.record.count("arrived", times)
        yield times


def estimate(p: CoffeeParams) -> Estimate:
    """Every guest is a request."""
    return Estimate(requests=p.guest_rate * p.duration, events=1, lower="duration")


def steady_wait(p: CoffeeParams) -> float:
    """Erlang C, s."""
    return theory.mmc_wait_mean(p.guest_rate, p.brew_time, p.baristas)


RUSH = {"guest_rate": 0.2}
EXERCISES = (
    Predict(id="cost", runs=({"baristas": 4},), ask=lambda r: r.cost["baristas"], unit="USD",
            question="{baristas} for {duration}: what do they cost?",
            hints=("Hours, not seconds.", "Hours times baristas times pay."),
            solution="They cost {answer}."),
    Predict(id="served", runs=({"baristas": 5},), ask=lambda r: r.summary["served"],
            unit="guests", question="{guest_rate} for {duration}: how many are served?",
            hints=("Nobody leaves.", "Rate times time."), solution="About {answer}."),
    Predict(id="line", runs=(RUSH,), ask=lambda r: r.summary["line_max"], unit="guests",
            question="{guest_rate} come and {baristas} work: how long does the line get?",
            hints=("How many do they finish?", "The rest piles up."), solution="{answer}."),
    Explain(id="limit", question="Why does the wait explode below the limit?",
            choices=(Choice("The baristas get tired.", "They are as quick as before."),
                     Choice("Guests come in bunches.", "Idle moments can't be saved up.", True),
                     Choice("The bar closes.", "It is open all the time.")),
            hints=("Look at the line.", "Is anybody idle meanwhile?"), solution="It is chance."),
    Design(id="staff", start=RUSH, free=("baristas",), goals=(("wait_mean", "<=", 30.0),),
           good={"baristas": 7}, question="Serve {guest_rate} in half a minute.",
           hints=("More hands.", "Fewer than eight."), solution="{answer}."),
)

lab = Lab(
    slug="coffee-bar", title="A coffee bar", order=90, home=Path(__file__).parent,
    summary="Guests come by chance, and a bar that is nearly full has a long line.",
    topics=("Coffee",), Params=CoffeeParams, simulate=simulate, estimate=estimate,
    metrics=(Metric("served", "guests", "guests who got their coffee", "higher"),
             Metric("wait_mean", "s", "mean time in line", "lower"),
             Metric("line_max", "guests", "longest line", "lower"),
             Metric("cost_usd", "USD", "pay of the baristas", "lower")),
    presets=(Preset("1 Morning", "Hardly anybody waits."),
             Preset("2 The rush", "Four times as many guests: the line grows.", RUSH),
             Preset("3 Help", "More hands.", {**RUSH, "baristas": 6}),
             Preset("4 Enough", "One more, and nobody waits long.", {**RUSH, "baristas": 8})),
    panels=(Panel("Line", "guests", (Line("in line", "line"),)),
            Panel("Wait", "s", (Line("mean wait", "wait"),),
                  theory=Theory("mean wait", steady_wait))),
    boxes=(Box("Door", (0, 0), (("came in", "arrived"),)),
           Box("Bar", (1, 0), (("in line", "line"), ("busy", "busy")))),
    links=(Link("Door", "Bar"),),
    invariants=(
        Invariant("arrived = served + line + busy", lambda r: bool(np.all(
            r.series["arrived"].value == r.series["served"].value + r.series["line"].value
            + r.series["busy"].value))),
        Invariant("no more are busy than there are", lambda r: bool(np.all(
            r.series["busy"].value <= r.params.baristas)))),
    exercises=EXERCISES, headline=("wait_mean", "cost_usd"),
    facts=("coffee.brew_s", "coffee.barista_price"),
)
assert factbook.value("coffee.brew_s") == CoffeeParams().brew_time
