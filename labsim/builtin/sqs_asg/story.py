"""What the lab `sqs-asg` measures, tells, draws and guarantees."""

from labsim import declare as kit
from labsim import theory
from labsim.declare import Box, Line, Link, Panel, Preset
from labsim.services.autoscaling import Group
from labsim.services.ec2 import Fleet
from labsim.services.sqs import Queue

METRICS = (
    *kit.of_part("queue", Queue.METRICS),
    *kit.of_part("fleet", Fleet.METRICS),
    *kit.of_part("group", Group.METRICS, "scale_outs", "scale_ins"),
    kit.Metric("cost_usd", "USD", "instances and SQS requests", "lower", kit.Outcome.total_cost),
)


def steady_wait(p) -> float:
    """Erlang C, Pollaczek-Khinchine or Allen-Cunneen: the mean wait of a steady queue, s."""
    if p.workload != "steady" or p.policy != "none":
        raise kit.NotApplicable("the load or the number of instances changes")
    if not p.instances:
        raise kit.NotApplicable("there is no instance")
    return theory.wait_mean(p.arrival_rate, p.service_time, p.service_cv, p.instances)[0]


PRESETS = (
    Preset("Steady load", "More instances than work, nobody scales: the queue stays short.",
           {"workload": "steady", "policy": "none", "duration": 3_600}),
    Preset("Spike, five-minute metrics", "The group looks rarely and installs its software at "
           "boot: watch how late help arrives.",
           {"metric_period": 300, "low_datapoints": 3, "user_data_time": 240}),
    Preset("One-minute metrics", "The same spike, seen every minute.", {"user_data_time": 240}),
    Preset("Golden AMI", "And nothing to install at boot.", {"user_data_time": 0}),
    Preset("Simple scaling and its cooldown", "Simple scaling adds a few at a time, then waits out "
           "its cooldown, however long the line.", {"policy": "simple", "user_data_time": 0}),
    Preset("Scale-in on an empty queue", "Steady load, a tiny minimum: no backlog looks like no "
           "work, so the group dismisses the people who keep the line short.",
           {"workload": "steady", "min_size": 1, "user_data_time": 0, "duration": 14_400}),
    Preset("Lifecycle hook drains", "The same, but an instance finishes its message before it "
           "goes.", {"workload": "steady", "min_size": 1, "user_data_time": 0,
                     "duration": 14_400, "drain": True}),
)

PANELS = (
    Panel("Messages per second", (Line("offered", "offered_rate"),
                                           Line("completed", "completed_rate"))),
    Panel("Backlog", (Line("visible", "queue"),
                                  Line("target x in service", "target", step=True)),
          marks=("alarm",)),
    Panel("Instances", (
        Line("in service", "in_service", step=True),
        Line("booting", "booting", step=True),
        Line("desired", "desired", step=True),
        Line("maximum", limit=lambda p: p.max_size if p.policy != "none" else None)),
        marks=("scale-out", "scale-in")),
    Panel("Wait until work starts", (
        Line("mean wait", "wait"),
        Line("acceptable latency", limit=lambda p: p.target_backlog * p.service_time
             if p.policy != "none" else None)),
        theory=kit.Theory("mean wait", steady_wait)),
)

BOXES = (
    Box("Producers", (0, 0), (("msg/s", "offered_rate"),)),
    Box("SQS queue", (1, 0), (("visible", "queue"), ("in flight", "in_flight"))),
    Box("Auto Scaling group", (2, 0), (("in service", "in_service"),
                                       ("booting", "booting"),
                                       ("terminating", "terminating"))),
    Box("Done", (3, 0), (("msg/s", "completed_rate"),)),
    Box("CloudWatch", (1, 1), (("per instance", "backlog_per_instance"),), alarm="alarm_high"),
    Box("Scaling policy", (2, 1), (("desired", "desired"),)),
)
LINKS = (
    Link("Producers", "SQS queue"), Link("SQS queue", "Auto Scaling group"),
    Link("Auto Scaling group", "Done"), Link("SQS queue", "CloudWatch", "metric", control=True),
    Link("CloudWatch", "Scaling policy", "alarm", control=True),
    Link("Scaling policy", "Auto Scaling group", "launch, terminate", control=True),
)

INVARIANTS = (
    *Queue.INVARIANTS,
    kit.Invariant("no more messages in service than instances", lambda r: bool(
        (r.series["in_flight"].value - r.series["lost"].value + r.series["returned"].value
         <= r.series["in_service"].value + r.series["terminating"].value).all())),
    kit.Invariant("instances stay between minimum and maximum", lambda r: bool(
        r.params.policy == "none" or (
            (r.series["desired"].value >= r.params.min_size).all()
            and (r.series["desired"].value <= r.params.max_size).all()))),
    kit.Invariant("utilization is a share", lambda r: 0 <= r.summary["utilization"] <= 1 + 1e-9),
)
