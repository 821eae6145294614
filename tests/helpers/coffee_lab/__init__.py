"""A lab from outside labsim, complete: a coffee bar, its facts, questions, answers and notebook.

The tests install it and look for it everywhere; it is also the shortest lab to copy. Its package
has two entry points:

    [project.entry-points."labsim.labs"]
    coffee = "coffee_lab:lab"
    [project.entry-points."labsim.facts"]
    coffee = "coffee_lab"
"""

from pathlib import Path

from labsim import declare as kit
from labsim import factbook, theory
from labsim.declare import Box, Choice, Design, Explain, Line, Link, Metric, Panel, Predict, Preset
from labsim.engine import Estimate, RateCurve, ServiceTimes, Simulation, Station


class CoffeeParams(kit.Params):
    """Parameters of `coffee-bar`."""

    guest_rate: float = kit.number(
        0.05, unit="guests/s", bounds=(0, 100), slider=(0, 0.5), step=0.01, label="Guests",
        group="Guests", help="Guests who come in per second.")
    duration: float = kit.number(
        7_200, unit="s", bounds=(60, 864_000), slider=(600, 14_400), step=600, label="Duration",
        group="Guests", help="How long the bar is open.")
    baristas: int = kit.integer(
        2, unit="baristas", bounds=(1, 100), slider=(1, 10), step=1, label="Baristas",
        group="Bar", help="People who make coffee.")
    brew_time: float = kit.number(
        25, unit="s", bounds=(1, 600), slider=(5, 120), step=5, label="Time per coffee",
        group="Bar", fact="coffee.brew_s", help="Mean time that a coffee takes.")


class Bar(kit.Component):
    """Guests line up, and the first barista who is free serves the first of them."""

    METRICS = (
        kit.Count("served", "guests", "guests who got their coffee", "higher",
                  lambda b: b.record.total("served")),
        Metric("wait_mean", "s", "mean time in line", "lower",
               lambda b: kit.mean(b.record.values("wait"))),
        kit.Count("line_max", "guests", "longest line", "lower",
                  lambda b: b.series()["line"][0].max()))
    INVARIANTS = (kit.conserved("arrived", "served", "line", "busy"),)

    def __init__(self, sim: Simulation, name: str, guests, work: ServiceTimes, baristas: int):
        super().__init__(sim, name)
        self.station = Station(work.source(self._counted(guests), sim.stream("coffee")), baristas,
                               fast=sim.fast)
        sim.on_advance(self.advance)

    def _counted(self, blocks):
        """Each block on its way to the station, its arrivals counted."""
        for times in blocks:
            self.record.count("arrived", times)
            yield times

    def advance(self, now: float) -> None:
        """Serve until `now`."""
        window = self.station.advance(now)
        self.record.observe("wait", window.start, window.start - window.sent)
        self.record.count("served", window.done)

    def series(self) -> dict:
        """Guests, by where they are."""
        arrived, started, served = (self.record.counted(name).astype(float)
                                    for name in ("arrived", "wait", "served"))
        return {"arrived": (arrived, "guests"), "served": (served, "guests"),
                "line": (arrived - started, "guests"), "busy": (started - served, "baristas"),
                "wait": (self.record.mean_by_interval("wait"), "s")}


class Day(kit.Outcome):
    """A day of the bar."""

    def series(self) -> dict:
        """The bar's."""
        return self.bar.series()

    def cost(self) -> dict:
        """The baristas' pay."""
        p = self.p
        return {"baristas": p.baristas * p.duration / 3_600 * p.fact("coffee.barista_price")}


def simulate(p: CoffeeParams, sim: Simulation) -> Day:
    """The bar opens, and guests come."""
    guests = RateCurve.steady(p.guest_rate, p.duration).arrivals(sim.stream("guests"))
    bar = Bar(sim, "bar", guests, ServiceTimes(p.brew_time), p.baristas)
    sim.log("open", f"{p.baristas} baristas open the bar")
    return Day(p, sim, bar=bar)


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

lab = kit.Lab(
    slug="coffee-bar", title="A coffee bar", order=90, home=Path(__file__).parent,
    summary="Guests come by chance, and a bar that is nearly full has a long line.",
    topics=("Coffee",), Params=CoffeeParams, simulate=simulate, estimate=estimate,
    metrics=(*kit.of_part("bar", Bar.METRICS),
             Metric("cost_usd", "USD", "pay of the baristas", "lower", kit.Outcome.total_cost)),
    presets=(Preset("Morning", "Hardly anybody waits."),
             Preset("The rush", "Four times as many guests: the line grows.", RUSH),
             Preset("Help", "More hands.", {**RUSH, "baristas": 6}),
             Preset("Enough", "One more, and nobody waits long.", {**RUSH, "baristas": 8})),
    panels=(Panel("Line", (Line("in line", "line"),)),
            Panel("Wait", (Line("mean wait", "wait"),),
                  theory=kit.Theory("mean wait", steady_wait))),
    boxes=(Box("Door", (0, 0), (("came in", "arrived"),)),
           Box("Bar", (1, 0), (("in line", "line"), ("busy", "busy")))),
    links=(Link("Door", "Bar"),),
    invariants=(
        *Bar.INVARIANTS,
        kit.Invariant("no more are busy than there are", lambda r: bool(
            (r.series["busy"].value <= r.params.baristas).all()))),
    exercises=EXERCISES, headline=("wait_mean", "cost_usd"),
    facts=("coffee.brew_s", "coffee.barista_price"),
)
assert factbook.value("coffee.brew_s") == CoffeeParams().brew_time
