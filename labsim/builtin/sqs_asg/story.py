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
    if p.workload != "steady" or p.burst_size or p.policy != "none":
        raise kit.NotApplicable("the load or the number of instances changes")
    if p.backlog:
        raise kit.NotApplicable("there is a backlog at the start")
    if not p.instances:
        raise kit.NotApplicable("there is no instance")
    return theory.wait_mean(p.arrival_rate, p.service_time, p.service_cv,
                            min(p.instances * p.threads, p.in_flight_limit))[0]


WAIT = kit.Theory("Erlang C", steady_wait)
IMPATIENT = {"client_timeout": 60, "retry_mode": "at-once"}


def burst(p, t: float) -> dict:
    """Three times as many as come in a twentieth of the run, all at once; where one burst is over,
    as a spike."""
    if p.burst_size and p.burst_start < t and p.workload in ("steady", "spike"):
        return {"workload": "spike", **kit.burst(p if p.workload == "spike" else p.changed(
            workload="spike", spike_factor=1), t)}
    many = max(p.burst_size, p.backlog // 4, int(p.arrival_rate * p.duration * 3 / 20), 100)
    return {"burst_size": many, "burst_start": round(min(t, 0.95 * p.duration), 1)}


FEEL = ("metric_period", "user_data_time", "high_datapoints", "policy", "max_size")
LATE = ("wait_p95", "queue_max", "launch_s", "cost_usd")
DISMISSED = ("wait_p95", "scale_ins", "redelivered", "cost_usd")
STALE = ("goodput", "late", "abandoned", "queue_max")
SMALL = ("min_size", "low_datapoints", "policy", "drain")

PRESETS = (
    Preset("Steady load", "More instances than work, nobody scales: the queue stays short.",
           {"workload": "steady", "policy": "none", "duration": 3_600},
           headline=("wait_p95", "queue_max", "utilization", "cost_usd"), hand=("instances",),
           moment=1_500),
    Preset("Spike, five-minute metrics", "The group looks rarely and installs its software at "
           "boot: watch how late help arrives.",
           {"metric_period": 300, "low_datapoints": 3, "user_data_time": 240},
           LATE, FEEL, 1_500),
    Preset("One-minute metrics", "The same spike, seen every minute.", {"user_data_time": 240},
           LATE, FEEL),
    Preset("Golden AMI", "And nothing to install at boot.", {"user_data_time": 0}, LATE, FEEL,
           moment=795),
    Preset("Simple scaling and its cooldown", "Simple scaling adds a few at a time, then waits out "
           "its cooldown, however long the line.", {"policy": "simple", "user_data_time": 0},
           ("wait_p95", "queue_max", "scale_outs", "cost_usd"),
           ("cooldown", "scale_out_by"), 1_515),
    Preset("Scale-in on an empty queue", "Steady load, a tiny minimum: no backlog looks like no "
           "work, so the group dismisses the people who keep the line short.",
           {"workload": "steady", "min_size": 1, "user_data_time": 0, "duration": 14_400},
           DISMISSED, SMALL, 4_880),
    Preset("Lifecycle hook drains", "The same, but an instance finishes its message before it "
           "goes.", {"workload": "steady", "min_size": 1, "user_data_time": 0,
                     "duration": 14_400, "drain": True}, DISMISSED, SMALL, 4_680),
    Preset("Alarm on queue depth", "What most people build first: so many more while more than so "
           "many wait. How long they will wait, and how many are on their way, it doesn't say.",
           {"policy": "step", "scale_on": "queue-depth", "user_data_time": 0},
           hand=("target_depth", "scale_out_by"), moment=1_270),
    Preset("Backlog at the start", "Somebody has stopped the consumers overnight: thousands wait, "
           "and the usual load goes on.",
           {"workload": "steady", "backlog": 5_000, "user_data_time": 0},
           ("wait_p95", "oldest_age_max", "instances_max", "cost_usd"),
           ("max_size", "target_backlog"), 190),
    Preset("All at once", "A nightly job sends its messages in one go: the group is too small when "
           "they come, and too large when they are done.",
           {"workload": "steady", "burst_size": 3_000, "user_data_time": 0, "duration": 7_200},
           ("wait_p95", "queue_max", "instances_max", "instance_hours"),
           ("max_size", "target_backlog"), 736),
    Preset("The limit in flight", "A fleet of 150,000 threads on long work: the queue hands out no "
           "more than its limit, and the other threads wait beside a full queue.",
           {"workload": "steady", "policy": "none", "backlog": 200_000, "instances": 1_000,
            "threads": 150, "service_time": 600, "visibility_timeout": 3_600},
           ("in_flight_max", "queue_max", "wait_p95", "utilization"),
           ("in_flight_limit", "threads"), 240),
    Preset("Clients who come back", "Five minutes of a spike, and clients who wait a minute for "
           "the result, then send again: the spike is over, and the queue never recovers. Whatever "
           "is taken from it, its sender has given up.",
           {"policy": "none", "spike_duration": 300, **IMPATIENT}, STALE,
           ("client_timeout", "max_age", "order", "instances"), 3_000),
    Preset("Stale messages are dropped", "The same, but consumers drop, unread, what is older "
           "than fifty seconds: who is still there gets an answer.",
           {"policy": "none", "spike_duration": 300, "max_age": 50, **IMPATIENT}, STALE,
           ("max_age", "client_timeout", "order", "instances"), 900),
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
    Box("Producers", (0, 0), (("msg/s", "first_rate"), ("sent again/s", "retries_rate")),
        burst=burst),
    Box("SQS queue", (1, 0), (("visible", "queue"), ("in flight", "in_flight")), breaks="orders"),
    Box("Auto Scaling group", (2, 0), (("in service", "in_service"),
                                       ("booting", "booting"),
                                       ("terminating", "terminating")), breaks="workers"),
    Box("Done", (3, 0), (("msg/s", "answered_rate"),)),
    Box("Dropped unread", (0, 1), (("msg/s", "dropped_rate"),), alarm="dropped_rate"),
    Box("CloudWatch", (1, 1), (("metric", "metric"), ("threshold", "threshold")),
        alarm="alarm_high"),
    Box("Scaling policy", (2, 1), (("desired", "desired"),)),
    Box("Done too late", (3, 1), (("msg/s", "stale_rate"),), alarm="stale_rate"),
)
LINKS = (
    Link("Producers", "SQS queue", flows=(("first_rate", "sent"), ("retries_rate", "retried"))),
    Link("SQS queue", "Auto Scaling group", flows=(("started_rate", "sent"),)),
    Link("Auto Scaling group", "Done", flows=(("answered_rate", "served"),)),
    Link("Auto Scaling group", "Done too late", flows=(("stale_rate", "lost"),)),
    Link("SQS queue", "Dropped unread", flows=(("dropped_rate", "lost"),)),
    Link("SQS queue", "CloudWatch", "metric", control=True),
    Link("CloudWatch", "Scaling policy", "alarm", control=True),
    Link("Scaling policy", "Auto Scaling group", "launch, end", control=True),
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
