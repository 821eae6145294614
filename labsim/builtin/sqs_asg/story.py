"""What the lab `sqs-asg` measures, tells, draws and guarantees."""

from dataclasses import replace

from labsim import declare as kit
from labsim import theory
from labsim.declare import Box, Line, Link, Panel, Preset
from labsim.services.autoscaling import Group
from labsim.services.ec2 import Fleet
from labsim.services.sqs import Queue


def of_clients(name: str, nobody_waits) -> kit.Metric:
    """A metric of the clients, or what it is where nobody waits for an answer."""
    metric = next(metric for metric in kit.Client.METRICS if metric.name == name)
    return replace(metric, value=lambda o: (metric.value(o.clients) if o.clients
                                            else nobody_waits(o)))


METRICS = (
    *kit.of_part("queue", Queue.METRICS),
    kit.Count("in_flight_max", "messages", "most messages in flight at a recorded instant", "",
              lambda o: o.top("in_flight")),
    *kit.of_part("fleet", Fleet.METRICS),
    *kit.of_part("group", Group.METRICS, "scale_outs", "scale_ins"),
    of_clients("goodput", lambda o: o.queue.record.total("completed") / o.sim.duration),
    of_clients("amplification", lambda o: 1.0),
    *(of_clients(name, lambda o: 0) for name in ("abandoned", "timed_out", "late")),
    kit.Metric("cost_usd", "USD", "instances and SQS requests", "lower", kit.Outcome.total_cost),
)


def steady_wait(p) -> float:
    """Erlang C, Pollaczek-Khinchine or Allen-Cunneen: the mean wait of a steady queue, s."""
    if p.workload != "steady" or p.policy != "none":
        raise kit.NotApplicable("the load or the number of instances changes")
    if p.backlog:
        raise kit.NotApplicable("there is a backlog at the start")
    if not p.instances:
        raise kit.NotApplicable("there is no instance")
    return theory.wait_mean(p.arrival_rate, p.service_time, p.service_cv,
                            min(p.instances * p.threads, p.in_flight_limit))[0]


WAIT = kit.Theory("Erlang C", steady_wait)
IMPATIENT = {"client_timeout": 60, "retry_mode": "at-once"}

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
    Preset("Alarm on queue depth", "What most people build first: so many more while more than so "
           "many wait. How long they will wait, and how many are on their way, it doesn't say.",
           {"policy": "step", "scale_on": "queue-depth", "user_data_time": 0}),
    Preset("Backlog at the start", "Somebody has stopped the consumers overnight: thousands wait, "
           "and the usual load goes on.",
           {"workload": "steady", "backlog": 5_000, "user_data_time": 0}),
    Preset("All at once", "A nightly job sends its messages in one go: the group is too small when "
           "they come, and too large when they are done.",
           {"workload": "burst", "burst_size": 3_000, "user_data_time": 0, "duration": 7_200}),
    Preset("The limit in flight", "A fleet of 150,000 threads on long work: the queue hands out no "
           "more than its limit, and the other threads wait beside a full queue.",
           {"workload": "steady", "policy": "none", "backlog": 200_000, "instances": 1_000,
            "threads": 150, "service_time": 600, "visibility_timeout": 3_600}),
    Preset("Clients who come back", "Five minutes of a spike, and clients who wait a minute for "
           "the result, then send again: the spike is over, and the queue never recovers. Whatever "
           "is taken from it, its sender has given up.",
           {"policy": "none", "spike_duration": 300, **IMPATIENT}),
    Preset("Stale messages are dropped", "The same, but consumers drop, unread, what is older "
           "than fifty seconds: who is still there gets an answer.",
           {"policy": "none", "spike_duration": 300, "max_age": 50, **IMPATIENT}),
)

PANELS = (
    Panel("Messages per second", (Line("offered", "offered_rate"),
                                  Line("completed", "completed_rate"),
                                  Line("stale", "stale_rate"))),
    Panel("Backlog", (Line("visible", "queue"),
                                  Line("target", "target", step=True)),
          marks=("alarm",)),
    Panel("Instances", (
        Line("in service", "in_service", step=True),
        Line("booting", "booting", step=True),
        Line("desired", "desired", step=True),
        Line("maximum", limit=lambda p: p.max_size if p.policy != "none" else None)),
        marks=("scale-out", "scale-in")),
    Panel("Wait until work starts", (
        Line("mean wait", "wait"),
        Line("acceptable latency", limit=lambda p: p.target_backlog * p.service_time / p.threads
             if p.policy != "none" and p.scale_on != "queue-depth" else None)),
        theory=replace(WAIT, label="mean wait")),
)

BOXES = (
    Box("Producers", (0, 0), (("msg/s", "offered_rate"),)),
    Box("SQS queue", (1, 0), (("visible", "queue"), ("in flight", "in_flight")), breaks="orders"),
    Box("Auto Scaling group", (2, 0), (("in service", "in_service"),
                                       ("booting", "booting"),
                                       ("terminating", "terminating")), breaks="workers"),
    Box("Done", (3, 0), (("msg/s", "completed_rate"),)),
    Box("CloudWatch", (1, 1), (("metric", "metric"),), alarm="alarm_high"),
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
    kit.Invariant("no more messages in service than threads", lambda r: bool(
        (r.series["in_flight"].value - r.series["lost"].value + r.series["returned"].value
         <= (r.series["in_service"].value + r.series["terminating"].value)
         * r.params.threads).all())),
    kit.Invariant("no more messages in flight than the limit", lambda r: bool(
        (r.series["in_flight"].value <= r.params.in_flight_limit).all())),
    kit.Invariant("instances stay between minimum and maximum", lambda r: bool(
        r.params.policy == "none" or (
            (r.series["desired"].value >= r.params.min_size).all()
            and (r.series["desired"].value <= r.params.max_size).all()))),
    kit.Invariant("utilization is a share", lambda r: 0 <= r.summary["utilization"] <= 1 + 1e-9),
)
