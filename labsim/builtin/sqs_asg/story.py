"""What the lab `sqs-asg` measures, tells, draws and guarantees."""

from labsim import theory
from labsim.declare import (
    COST_ADDS_UP,
    Box,
    Invariant,
    Line,
    Link,
    Metric,
    NotApplicable,
    Panel,
    Preset,
    Theory,
)

METRICS = (
    Metric("arrived", "messages", "messages sent to the queue"),
    Metric("processed", "messages", "messages worked on and deleted", "higher"),
    Metric("backlog_end", "messages", "messages still visible at the end", "lower"),
    Metric("in_flight_end", "messages", "messages received but not deleted at the end"),
    Metric("backlog_max", "messages", "largest backlog at a recorded instant", "lower"),
    Metric("wait_mean", "s", "mean time from arrival to the start of work", "lower"),
    Metric("wait_p50", "s", "half of the messages wait no longer than this", "lower"),
    Metric("wait_p95", "s", "19 of 20 messages wait no longer than this", "lower"),
    Metric("wait_p99", "s", "99 of 100 messages wait no longer than this", "lower"),
    Metric("oldest_age_max", "s", "largest age of a message not yet deleted", "lower"),
    Metric("utilization", "", "share of instance time spent working", "higher"),
    Metric("instances_mean", "instances", "instances in service, average over time"),
    Metric("instances_max", "instances", "most instances in service"),
    Metric("scale_outs", "", "times that the group grew"),
    Metric("scale_ins", "", "times that the group shrank"),
    Metric("redelivered", "messages", "messages lost with an instance and received again",
           "lower"),
    Metric("instance_hours", "h", "instance hours billed", "lower"),
    Metric("cost_usd", "USD", "instances and SQS requests", "lower"),
)

def steady_wait(p) -> float:
    """Erlang C, Pollaczek-Khinchine or Allen-Cunneen: the mean wait of a steady queue, s."""
    if p.workload != "steady" or p.policy != "none":
        raise NotApplicable("the load or the number of instances changes")
    if not p.instances:
        raise NotApplicable("there is no instance")
    return theory.wait_mean(p.arrival_rate, p.service_time, p.service_cv, p.instances)[0]


PRESETS = (
    Preset("1 Steady", "More instances than work, nobody scales: the queue stays short.",
           {"workload": "steady", "policy": "none", "duration": 3_600}),
    Preset("2 The spike", "The group looks rarely and installs its software at boot: watch how "
                          "late help arrives.",
           {"metric_period": 300, "low_datapoints": 3, "user_data_time": 240}),
    Preset("3 Faster alarms", "The same spike, seen every minute.", {"user_data_time": 240}),
    Preset("4 Golden AMI", "And nothing to install at boot.", {"user_data_time": 0}),
    Preset("5 A patient foreman", "Simple scaling adds a few at a time, then waits out its "
                                  "cooldown, however long the line.",
           {"policy": "simple", "user_data_time": 0}),
    Preset("6 The sawtooth", "Steady load, a tiny minimum: no backlog looks like no work, so the "
                             "group dismisses the people who keep the line short.",
           {"workload": "steady", "min_size": 1, "user_data_time": 0, "duration": 14_400}),
    Preset("7 Mind the hook", "The same, but an instance finishes its message before it goes.",
           {"workload": "steady", "min_size": 1, "user_data_time": 0, "duration": 14_400,
            "drain": True}),
)

PANELS = (
    Panel("Messages per second", "msg/s", (Line("arrivals", "arrivals"),
                                           Line("completions", "completions"))),
    Panel("Backlog", "messages", (Line("visible", "backlog"),
                                  Line("target x in service", "target", step=True)),
          marks=("alarm",)),
    Panel("Instances", "instances", (
        Line("in service", "instances_in_service", step=True),
        Line("booting", "instances_booting", step=True),
        Line("desired", "desired", step=True),
        Line("maximum", limit=lambda p: p.max_size if p.policy != "none" else None)),
        marks=("scale-out", "scale-in")),
    Panel("Wait until work starts", "s", (
        Line("mean wait", "wait"),
        Line("acceptable latency", limit=lambda p: p.target_backlog * p.service_time
             if p.policy != "none" else None)),
        theory=Theory("mean wait", steady_wait)),
)

BOXES = (
    Box("Producers", (0, 0), (("msg/s", "arrivals"),)),
    Box("SQS queue", (1, 0), (("visible", "backlog"), ("in flight", "in_flight"))),
    Box("Auto Scaling group", (2, 0), (("in service", "instances_in_service"),
                                       ("booting", "instances_booting"),
                                       ("terminating", "instances_terminating"))),
    Box("Done", (3, 0), (("msg/s", "completions"),)),
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
    Invariant("arrived = processed + backlog + in flight, at every instant", lambda r: bool(
        (r.series["arrived"].value == r.series["processed"].value + r.series["backlog"].value
         + r.series["in_flight"].value).all())),
    Invariant("nothing is negative", lambda r: all(
        (s.value >= 0).all() for s in r.series.values())),
    Invariant("no more messages in service than instances", lambda r: bool(
        (r.series["in_flight"].value - r.series["lost"].value + r.series["returned"].value
         <= r.series["instances_in_service"].value
         + r.series["instances_terminating"].value).all())),
    Invariant("instances stay between minimum and maximum", lambda r: bool(
        r.params.policy == "none" or (
            (r.series["desired"].value >= r.params.min_size).all()
            and (r.series["desired"].value <= r.params.max_size).all()))),
    Invariant("utilization is a share", lambda r: 0 <= r.summary["utilization"] <= 1 + 1e-9),
    COST_ADDS_UP,
)
