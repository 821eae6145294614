"""The questions of the lab `asg-policies`; every number in an answer comes from the model."""

from labsim.builtin.asg_policies.story import LATE
from labsim.declare import Choice, Design, Explain, Predict
from labsim.services.autoscaling.rules import needed
from labsim.services.ec2 import bill, launch
from labsim.text import format_value

JUMP = {"workload": "ramp", "ramp_start": 1_200, "ramp_duration": 0, "flash_factor": 1,
        "variability": 0, "duration": 7_200}
SAME_DAY = {"flash_factor": 1, "variability": 0, "policy": "predictive"}


def first_help(result) -> float:
    """Seconds from the jump until one more instance is in service."""
    launched = next(e.t for e in result.events if e.kind == "scale-out")
    return launched + result.summary["launch_s"] - result.params.ramp_start


def delays(p) -> dict[str, str]:
    """What passes before the first help, in words."""
    return {"sure": format_value(p.high_datapoints * p.metric_period, "s"),
            "serves": format_value(launch.cold_time(p.boot_time, p.start_time), "s"),
            "after": format_value(p.arrival_rate * p.peak_factor, "req/s"),
            "both": format_value(p.high_datapoints * p.metric_period
                           + launch.cold_time(p.boot_time, p.start_time), "s")}


def sizing(p) -> dict[str, str]:
    """How many instances a load needs, in words."""
    peak = p.arrival_rate * p.peak_factor
    return {"peak": format_value(peak, "req/s"), "at_target": format_value(
                p.instance_capacity * p.target / 100, "req/s"),
            "needed": format_value(needed(peak, p.instance_capacity, p.target), "instances")}


def halves(p) -> dict[str, str]:
    """What a Spot hour costs in On-Demand hours, in words."""
    return {"share": format_value(p.spot_share), "of": format_value(100 - p.spot_discount, "%"),
            "detailed": format_value(bill.DETAILED, "USD/h")}


EXERCISES = (
    Predict(
        id="first-help", runs=(JUMP,), ask=first_help, unit="s", within=0.15, numbers=delays,
        question="The load jumps to {after} at once. Tracking: the metric comes every "
                 "{metric_period}, the alarm needs {high_datapoints} in a row above the target. An "
                 "instance boots in {boot_time}, its application starts in {start_time}. How many "
                 "seconds after the jump does the first new instance serve?",
        hints=("Two things must pass one after the other: the alarm must be sure, and the "
               "instance must come.",
               "The alarm takes {sure} here, since the jump falls on the end of a period."),
        solution="{sure} until the alarm is sure, {serves} until the instance serves: {both}; the "
                 "model says {answer}. Looking takes longer than booting."),
    Predict(
        id="a-full-house", runs=(SAME_DAY,), ask=lambda r: r.summary["instances_max"],
        unit="instances", within=0.05, numbers=sizing,
        question="An ordinary day: at noon {peak} arrive. One instance serves {instance_capacity} "
                 "at full CPU, and the target is {target}. How many instances does predictive "
                 "scaling have at noon?",
        hints=("At the target an instance serves less than it could.",
               "At {target} it serves {at_target}."),
        solution="{peak} at {at_target} each are {needed}, rounded up: the model gives {answer}. "
                 "What is left free at the target is what a surprise may use before anything is "
                 "missed."),
    Predict(
        id="what-it-never-does", runs=(SAME_DAY,), ask=lambda r: float(
            r.series["in_service"].value[-1]), unit="instances", within=0.05,
        numbers=sizing,
        question="The same day, the same group, predictive scaling alone. The minimum is "
                 "{min_size}, and at midnight {arrival_rate} arrive. How many instances are in "
                 "service at the end of the day?",
        hints=("What does predictive scaling do when its forecast falls?",
               "It acts on forecasts only when they rise; who would send anybody home?"),
        solution="{answer}, as many as at noon: predictive scaling never scales in. It needs a "
                 "dynamic policy beside it, which acts when the load has really fallen."),
    Explain(
        id="nervous",
        question="In the oscillation preset the load is steady, and the group grows and shrinks "
                 "all the time. What is the cause?",
        choices=(
            Choice("The load varies too much.", "By a tenth from minute to minute, as in the "
                                                "preset with warm-up, where nothing happens."),
            Choice("Each order carries the CPU across both thresholds, which lie close together.",
                   "A few instances more, and the low alarm rings; its order makes the high one "
                   "ring.", right=True),
            Choice("The metric is too old.", "Seen every minute, the group swings more than twice "
                                             "as often."),
            Choice("The target is too low.", "With another target the same thing happens around "
                                             "another number of instances.")),
        hints=("How far apart are the two thresholds, and how far does one order move the CPU?",
               "Change one setting at a time: which one stops it?"),
        solution="There is no dead band: nothing lies between too much and too little. Warm-up and "
                 "cooldown make the swings slower. A low threshold further below the target than "
                 "one order moves the CPU ends them, and so do smaller orders. Target tracking "
                 "takes away only what its own estimate of the load allows."),
    Explain(
        id="slow-in",
        question="Target tracking's low alarm wants far more datapoints than its high alarm. Why?",
        choices=(
            Choice("Instances are billed by the hour anyway.", "By the second, with a minimum of a "
                                                               "minute."),
            Choice("Terminating takes longer than launching.", "It takes no time at all, unless a "
                                                               "hook drains the instance."),
            Choice("One instance too many for a while costs little; one too few costs requests, "
                   "and minutes until it is back.", "The two mistakes are not equally dear.",
                   right=True),
            Choice("CloudWatch publishes low values later.", "All datapoints are published at the "
                                                             "end of their period.")),
        hints=("What does each of the two mistakes cost?",
               "Try a low alarm of one datapoint on a day with much variability."),
        solution="Scale out fast, scale in slowly: the cost of waiting is cents, the cost of being "
                 "wrong is requests. And every needless scale-in is followed by a boot."),
    Explain(
        id="no-notice",
        question="In the Spot preset instances are lost although each gets two minutes' notice. "
                 "Which change keeps the requests without giving up Spot?",
        choices=(
            Choice("A higher maximum size.", "The group is not at its maximum."),
            Choice("Launch the successor at the notice, from an image that serves within two "
                   "minutes.", "Then it is there before the other one goes.", right=True),
            Choice("The default termination policy.", "EC2 picks what it takes back, not the "
                                                      "group."),
            Choice("A longer cooldown.", "Replacing lost instances is no scaling activity of a "
                                         "simple policy.")),
        hints=("When is the successor launched, and how long until it serves?",
               "Compare the notice with boot, user data and start together."),
        solution="Two minutes are enough for a golden AMI, if somebody acts on the notice "
                 "(capacity rebalancing). With user data the successor comes minutes too late."),
    Explain(
        id="the-door",
        question="In the last preset the group launches all the time and never grows. The launch "
                 "hook's work takes longer than its timeout. What would help least?",
        choices=(
            Choice("Do the work when the image is made.", "Then the hook has nothing to do: the "
                                                          "best cure."),
            Choice("A longer heartbeat timeout.", "It lets the work finish; a plain cure."),
            Choice("Send heartbeats while the work goes on.", "Each one starts the timeout anew, "
                                                              "up to the global limit."),
            Choice("A lower target, so that more instances are launched.",
                   "More launches that are all given up.", right=True)),
        hints=("What happens to an instance when its hook's timeout ends?",
               "The default result is ABANDON: it is terminated, and the group tries again."),
        solution="An instance in Pending:Wait serves nobody and is paid. If its hook times out, it "
                 "is given up, and the next one meets the same fate."),
    Design(
        id="one-in-a-thousand", start={**LATE, "ramp_duration": 600, "policy": "target-tracking"},
        free=("policy", "target", "metric_period", "high_datapoints", "low_datapoints", "low_ratio",
              "warmup", "cooldown", "boot", "warm_pool", "spot_share", "rebalance", "scale_out_by",
              "scale_in_by"),
        goals=(("failed_share", "<=", 0.1),),
        good={"policy": "step", "target": 75, "metric_period": 10, "low_datapoints": 90,
              "boot": "golden-ami", "warmup": 60, "spot_share": 100},
        question="Start from basic monitoring and user data; the load rises fivefold within "
                 "{ramp_duration}, and nobody knew when it would. Miss at most a thousandth, at "
                 "the least cost.",
        hints=("First look at what fails before the first help comes: which delay is the "
               "largest?",
               "Once help is quick, the target decides what is paid. And who says that it must be "
               "On-Demand?"),
        solution="Quick eyes, quick legs, a target with just enough headroom, and Spot with "
                 "successors that come within the notice: {answer}."),
)

