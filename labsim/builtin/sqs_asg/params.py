"""The parameters of the lab `sqs-asg`: each one's name, unit, range and meaning, said once."""

from typing import Literal

from labsim import factbook
from labsim.declare import ClientParams, TraceParams, choice, flag, integer, number, spike_knobs
from labsim.declare.client_knobs import CLIENTS
from labsim.errors import ParameterError
from labsim.services.autoscaling.rules import CHANGE
from labsim.services.cloudwatch.rules import PERIODS, fits, is_period, most_datapoints

LOAD, WORK, SCALING, INSTANCES, COST = "Load", "Work", "Scaling", "Instances", "Cost"
SHAPED = ("workload", ("spike", "ramp"))
GROWING = ("workload", ("spike", "ramp", "diurnal"))
ALARMS = ("policy", ("target-tracking", "simple", "step"))
PER_INSTANCE = ("scale_on", ("backlog-per-instance",))
DEPTH = ("scale_on", ("queue-depth",))
ADJUSTS = ("policy", ("simple", "step"))
ONCE = 3_000    # messages of a burst whose size is not said


class SqsAsgParams(ClientParams, TraceParams):
    """Parameters of `sqs-asg`."""

    rates = ("arrival_rate",)

    workload: Literal["steady", "spike", "ramp", "diurnal", "trace"] = choice(
        "spike", label="Workload", group=LOAD, help="How the arrival rate changes over time.")
    arrival_rate: float = number(
        2, unit="msg/s", bounds=(0, 100_000), slider=(0, 100), step=0.5, label="Arrival rate",
        group=LOAD, help="Messages sent per second; for a changing workload its lowest rate.",
        when=("workload", ("steady", "spike", "ramp", "diurnal")))
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(
        4, 600, 900, group=LOAD, called="spike or ramp", when=SHAPED, growing=GROWING,
        of="the arrival rate at the height of spike, ramp or day", steps=(0.5, 60, 60))
    day_length: float = number(
        86_400, unit="s", bounds=(60, 8_640_000), slider=(3600, 86_400), step=3600,
        label="Length of a day", group=LOAD, help="Period of the diurnal workload.",
        when=("workload", ("diurnal",)))
    burst_size: int = integer(
        0, unit="messages", bounds=(0, 10_000_000), slider=(0, 20_000), step=100,
        label="Burst of", group=LOAD,
        help="Messages that are sent all at once, beside the workload; 0 for none.")
    burst_start: float = number(
        600, unit="s", bounds=(0, 8_640_000), slider=(0, 3_600), step=60, label="Burst comes at",
        group=LOAD, help="When they are sent.")
    backlog: int = integer(
        0, unit="messages", bounds=(0, 10_000_000), slider=(0, 20_000), step=100,
        label="Backlog at the start", group=LOAD,
        help="Messages that wait when the run begins; their age counts from then.")
    duration: float = number(
        5_400, unit="s", bounds=(60, 8_640_000), slider=(1800, 86_400), step=600,
        label="Duration", group=LOAD,
        help="Simulated time. A trace is run as a whole unless this says less.")

    service_time: float = number(
        4, unit="s", bounds=(0.001, 3_600), slider=(0.1, 10), step=0.1, label="Service time",
        group=WORK, help="Mean time an instance works on one message; one at a time.")
    service_cv: float = number(
        1, unit="", bounds=(0, 5), slider=(0, 2), step=0.1, label="Service variation",
        group=WORK, help="Coefficient of variation of the service time: 0 fixed, 1 exponential.")
    threads: int = integer(
        1, unit="threads", bounds=(1, 1_000), slider=(1, 100), step=1,
        label="Threads per instance", group=WORK,
        help="Messages that an instance works on at a time.")
    in_flight_limit: int = integer(
        120_000, unit="messages", bounds=(1, 1_000_000), slider=(1, 120_000), step=1,
        label="In flight at most", group=WORK, fact="sqs.inflight_max_standard",
        help="Received and not yet deleted. At the quota nobody receives any more; AWS raises it "
             "on request.")
    visibility_timeout: float = number(
        30, unit="s", bounds=(1, factbook.value("sqs.visibility_max_s")), slider=(5, 600), step=5,
        label="Visibility timeout", group=WORK,
        help="How long a message stays hidden once received; renewed during work.",
        fact="sqs.visibility_default_s")

    policy: Literal["none", "target-tracking", "simple", "step"] = choice(
        "target-tracking", label="Scaling policy", group=SCALING,
        help="What the group does when its metric is too high or too low.")
    scale_on: Literal["backlog-per-instance", "queue-depth"] = choice(
        "backlog-per-instance", label="Scale on", group=SCALING, fact="sqs.alarm_scaling",
        when=ALARMS,
        help="The metric: visible messages per instance in service, or all of them "
             "(ApproximateNumberOfMessagesVisible).")
    target_backlog: float = number(
        30, unit="messages", bounds=(0.1, 1_000_000), slider=(1, 200), step=1,
        label="Target per instance", group=SCALING, fact="asg.backlog_rule", when=PER_INSTANCE,
        help="Visible messages per instance to keep: acceptable latency / service time.")
    target_depth: float = number(
        300, unit="messages", bounds=(0.1, 100_000_000), slider=(10, 5_000), step=10,
        label="Target depth", group=SCALING, fact="sqs.alarm_scaling", when=DEPTH,
        help="The high alarm rings while more messages than these are visible.")
    metric_period: int = integer(
        60, unit="s", bounds=(10, 3_600), slider=(10, 600), step=10, options=(10, 30, 60, 300),
        label="Metric period", group=SCALING, fact="cw.alarm_period", when=ALARMS,
        help="Period of the alarms' datapoints: 300 s, 60 s, or high resolution.")
    high_datapoints: int = integer(
        3, unit="datapoints", bounds=(1, 100), slider=(1, 15), step=1, label="High alarm after",
        group=SCALING, fact="asg.tt_alarm_high", when=ALARMS,
        help="Datapoints in a row above the target before scaling out.")
    low_datapoints: int = integer(
        15, unit="datapoints", bounds=(1, 100), slider=(1, 30), step=1, label="Low alarm after",
        group=SCALING, fact="asg.tt_alarm_low", when=ALARMS,
        help="Datapoints in a row below the low threshold before scaling in.")
    low_ratio: float = number(
        0.7, unit="x", bounds=(0, 1), slider=(0, 1), step=0.05, label="Low threshold",
        group=SCALING, fact="asg.tt_low_threshold", when=ALARMS,
        help="The low alarm's threshold as a share of the target.")
    cooldown: float = number(
        300, unit="s", bounds=(0, 86_400), slider=(0, 900), step=30, label="Cooldown",
        group=SCALING, fact="asg.default_cooldown", when=("policy", ("simple",)),
        help="Simple scaling ignores alarms this long after an activity is complete.")
    warmup: float = number(
        300, unit="s", bounds=(0, 3_600), slider=(0, 900), step=30, label="Instance warm-up",
        group=SCALING, fact="asg.warmup_rule", when=("policy", ("target-tracking", "step")),
        help="No scale-in while an instance boots or is in service for less than this.")
    adjustment: Literal["ChangeInCapacity", "PercentChangeInCapacity"] = choice(
        CHANGE, label="Adjustment type", group=SCALING, when=ADJUSTS,
        help="Whether the adjustments below are instances or percent of the capacity.")
    scale_out_by: int = integer(
        4, unit="instances or %", bounds=(1, 1_000), slider=(1, 50), step=1,
        label="Scale out by", group=SCALING, when=ADJUSTS,
        help="Adjustment of a scale-out; step scaling doubles it at 2 and again at 4 times "
             "the target.")
    scale_in_by: int = integer(
        2, unit="instances or %", bounds=(1, 1_000), slider=(1, 50), step=1,
        label="Scale in by", group=SCALING, when=ADJUSTS, help="Adjustment of a scale-in.")

    instances: int = integer(
        10, unit="instances", bounds=(0, 1_000), slider=(1, 60), step=1,
        label="Instances at start", group=INSTANCES,
        help="Desired capacity at the start; they are in service at once.")
    min_size: int = integer(
        10, unit="instances", bounds=(0, 1_000), slider=(0, 60), step=1, label="Minimum size",
        group=INSTANCES, help="The group never scales in below this.", when=ALARMS)
    max_size: int = integer(
        60, unit="instances", bounds=(0, 1_000), slider=(1, 100), step=1, label="Maximum size",
        group=INSTANCES, help="The group never scales out beyond this.", when=ALARMS)
    boot_time: float = number(
        factbook.value("ec2.boot_s"), unit="s", bounds=(0, 3_600), slider=(0, 600), step=1,
        label="Boot time", group=INSTANCES, fact="ec2.boot_s",
        help="From launch to in service, with everything installed (golden AMI).")
    user_data_time: float = number(
        120, unit="s", bounds=(0, 3_600), slider=(0, 600), step=10, label="User data takes",
        group=INSTANCES, fact="ec2.user_data_rule",
        help="Added to the boot: what the workload's own script installs at first boot. 0 with a "
             "golden AMI.")
    drain: bool = flag(
        False, label="Drain before it goes", group=INSTANCES, fact="asg.hook_rule",
        help="A lifecycle hook lets an instance finish its message before it is terminated.")

    instance_price: float = number(
        0.0416, unit="USD/h", bounds=(0, 1_000), slider=(0, 1), step=0.01, label="Instance price",
        group=COST, fact="ec2.t3_medium_price", help="Per instance and hour, billed by second.")
    request_price: float = number(
        0.4, unit="USD/million", bounds=(0, 1_000), slider=(0, 1), step=0.1,
        label="SQS price", group=COST, fact="sqs.price_per_million_standard",
        help="Per million requests: send, receive, delete, empty long polls.")

    client_timeout: float = number(
        0, unit="s", bounds=(0, 86_400), slider=(0, 600), step=10, label="Client timeout",
        group=CLIENTS, help="How long a sender waits until his message is worked on, each time; 0: "
                            "as long as it takes. Who has given up leaves it in the queue.")
    order: Literal["fifo", "lifo"] = choice(
        "fifo", label="Order", group=CLIENTS,
        help="Which message is taken next: the oldest, or (as no SQS queue does by itself) the "
             "newest.")
    max_age: float = number(
        0, unit="s", bounds=(0, 86_400), slider=(0, 600), step=10, label="Drop what is older than",
        group=CLIENTS, help="Consumers drop messages that are older when they receive them, "
                            "unread; 0: none.")

    @property
    def followed(self) -> bool:
        """Whether messages are followed one by one, which takes longer."""
        return bool(self.retry or self.max_age or self.order != "fifo" or self.faults)

    @property
    def target(self) -> float:
        """The high alarm's threshold, messages (per instance)."""
        return self.target_depth if self.scale_on == "queue-depth" else self.target_backlog

    @classmethod
    def complete(cls, values: dict) -> dict:
        """A burst, which was a workload of its own once, comes beside a steady one."""
        if values.get("workload") == "burst":
            values = {"burst_size": ONCE, **values, "workload": "steady"}
        return super().complete(values)

    def check(self) -> None:
        """min <= instances <= max where a policy may move them; alarms that CloudWatch has."""
        if self.min_size > self.max_size:
            raise ParameterError("min_size", self.min_size,
                                 f"at most max_size, {self.max_size} instances")
        if self.policy != "none" and not self.min_size <= self.instances <= self.max_size:
            raise ParameterError("instances", self.instances,
                                 f"from min_size to max_size, {self.min_size} to "
                                 f"{self.max_size} instances")
        if not is_period(self.metric_period):
            raise ParameterError("metric_period", self.metric_period, PERIODS)
        for name in ("high_datapoints", "low_datapoints") if self.policy != "none" else ():
            if not fits(self.metric_period, getattr(self, name)):
                raise ParameterError(name, getattr(self, name), most_datapoints(self.metric_period))
