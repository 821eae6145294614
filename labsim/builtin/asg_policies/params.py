"""The parameters of the lab `asg-policies`: each one's name, unit, range and meaning, said once."""

from typing import Literal

from labsim import factbook
from labsim.declare import ParameterError, TraceParams, choice, flag, integer, number
from labsim.services.autoscaling.rules import CHANGE
from labsim.services.cloudwatch.rules import PERIODS, fits, is_period, most_datapoints
from labsim.services.ec2.launch import HIBERNATED, POOLED, STOPPED, USER_DATA

TRAFFIC, POLICY, AHEAD = "Traffic", "Policies that react", "Policies that know ahead"
INSTANCES, BOOT, SPOT, COST = "Instances", "Until it serves", "Spot", "Cost"
POLICIES = ("target-tracking", "step", "simple", "scheduled", "predictive", "together")
LONGEST = 172_800   # s, two days, within which the lab's own traffic changes
MONTH = 2_678_400   # s, of a run
INVENTED = ("workload", ("day", "ramp", "steady"))
MOST = 1_000        # instances of the account, which no group and no forecast can exceed


class AsgPoliciesParams(TraceParams):
    """Parameters of `asg-policies`."""

    rates = ("arrival_rate",)

    workload: Literal["day", "ramp", "steady", "trace"] = choice(
        "day", label="Workload", group=TRAFFIC, help="How the request rate changes over time.")
    arrival_rate: float = number(
        2_000, unit="req/s", bounds=(0, 1_000_000), slider=(0, 20_000), step=500,
        label="Request rate", group=TRAFFIC, when=INVENTED,
        help="Requests per second at night, or before a ramp.")
    peak_factor: float = number(
        5, unit="x", bounds=(0, 50), slider=(1, 10), step=0.5, label="Peak factor",
        group=TRAFFIC, help="The rate at noon, or after the ramp, in multiples of that.",
        when=("workload", ("day", "ramp")))
    ramp_start: float = number(
        1_200, unit="s", bounds=(0, LONGEST), slider=(0, 7_200), step=300, label="Ramp starts at",
        group=TRAFFIC, help="When the ramp begins.", when=("workload", ("ramp",)))
    ramp_duration: float = number(
        900, unit="s", bounds=(0, LONGEST), slider=(0, 7_200), step=300, label="Ramp takes",
        group=TRAFFIC, help="How long the rate rises; 0: it jumps.", when=("workload", ("ramp",)))
    flash_factor: float = number(
        3, unit="x", bounds=(0, 50), slider=(1, 6), step=0.5, label="Flash crowd",
        group=TRAFFIC, when=INVENTED,
        help="The rate is so many times as high for a while; 1 for none. No policy knows of it "
             "before. A trace has its own.")
    flash_start: float = number(
        57_600, unit="s", bounds=(0, LONGEST), slider=(0, 86_400), step=1_800,
        label="Flash crowd comes at", group=TRAFFIC, when=INVENTED, help="When it begins.")
    flash_duration: float = number(
        2_700, unit="s", bounds=(0, LONGEST), slider=(0, 14_400), step=300,
        label="Flash crowd stays", group=TRAFFIC, when=INVENTED, help="How long it lasts.")
    today_factor: float = number(
        1, unit="x", bounds=(0, 50), slider=(0.2, 3), step=0.1, label="Today against history",
        group=TRAFFIC, help="All of today's traffic in multiples of what it was on other days.")
    variability: float = number(
        0.05, unit="of rate", bounds=(0, 0.3), slider=(0, 0.3), step=0.01, label="Variability",
        group=TRAFFIC, when=INVENTED,
        help="Coefficient of variation of a minute's rate around the curve.")
    duration: float = number(
        86_400, unit="s", bounds=(600, MONTH), slider=(3_600, LONGEST), step=3_600,
        label="Duration", group=TRAFFIC, help="Simulated time.")

    policy: Literal["target-tracking", "step", "simple", "scheduled", "predictive", "together"] = (
        choice("target-tracking", label="Policy in the spotlight", group=POLICY,
               help="All six always run on the same traffic; this one's instances, alarms, log "
                    "and bill are shown."))
    target: float = number(
        60, unit="%", bounds=(1, 100), slider=(20, 95), step=5, label="Target CPU", group=POLICY,
        help="Target of tracking and of the forecast; threshold of the step and simple alarms.")
    metric_period: int = integer(
        60, unit="s", bounds=(10, 3_600), slider=(10, 600), step=10, options=(10, 60, 300),
        label="Metric period", group=POLICY, fact="cw.alarm_period",
        help="Basic monitoring is 300 s, detailed 60 s, high resolution 10 s.")
    high_datapoints: int = integer(
        3, unit="datapoints", bounds=(1, 100), slider=(1, 15), step=1, label="High alarm after",
        group=POLICY, fact="asg.tt_alarm_high",
        help="Datapoints in a row above the target before scaling out.")
    low_datapoints: int = integer(
        15, unit="datapoints", bounds=(1, 100), slider=(1, 30), step=1, label="Low alarm after",
        group=POLICY, fact="asg.tt_alarm_low",
        help="Datapoints in a row below the low threshold before scaling in.")
    low_ratio: float = number(
        0.7, unit="x", bounds=(0, 1), slider=(0.3, 1), step=0.05, label="Low threshold",
        group=POLICY, fact="asg.tt_low_threshold",
        help="The low alarm's threshold as a share of the target.")
    warmup: float = number(
        300, unit="s", bounds=(0, 3_600), slider=(0, 900), step=30, label="Instance warm-up",
        group=POLICY, fact="asg.warmup_rule",
        help="Tracking and step scaling: until then an instance counts as still coming.")
    cooldown: float = number(
        300, unit="s", bounds=(0, 86_400), slider=(0, 900), step=30, label="Cooldown",
        group=POLICY, fact="asg.default_cooldown",
        help="Simple scaling ignores alarms this long after an activity is complete.")
    adjustment: Literal["ChangeInCapacity", "PercentChangeInCapacity"] = choice(
        CHANGE, label="Adjustment type", group=POLICY,
        help="Whether the adjustments below are instances or percent of the capacity.")
    scale_out_by: int = integer(
        2, unit="instances or %", bounds=(1, 1_000), slider=(1, 100), step=1,
        label="Scale out by", group=POLICY,
        help="Of step and simple scaling; steps double it at 1.3 times the target, and double it "
             "again at 1.6 times.")
    scale_in_by: int = integer(
        2, unit="instances or %", bounds=(1, 1_000), slider=(1, 100), step=1,
        label="Scale in by", group=POLICY, help="Adjustment of a scale-in.")
    min_adjustment: int = integer(
        1, unit="instances", bounds=(0, 1_000), slider=(0, 100), step=1, label="At least",
        group=POLICY, help="MinAdjustmentMagnitude: a percentage changes at least so many.",
        when=("adjustment", ("PercentChangeInCapacity",)))

    schedule_start: float = number(
        14_400, unit="s", bounds=(0, LONGEST), slider=(0, 86_400), step=1_800,
        label="Schedule begins", group=AHEAD, help="When the scheduled size begins; every day.")
    schedule_end: float = number(
        75_600, unit="s", bounds=(0, LONGEST), slider=(0, 86_400), step=1_800,
        label="Schedule ends", group=AHEAD, help="When the minimum size holds again.")
    schedule_size: int = integer(
        18, unit="instances", bounds=(1, MOST), slider=(1, 200), step=1, label="Scheduled size",
        group=AHEAD, help="Scheduled: minimum and desired capacity in between.")
    history_days: int = integer(
        14, unit="days", bounds=(1, 14), slider=(1, 14), step=1, label="History",
        group=AHEAD, fact="asg.predictive_history_days",
        help="Predictive: days whose same hour is averaged for the forecast. Of a trace the days "
             "before in the file; where it has none, the forecast knows what comes.")
    prelaunch: float = number(
        300, unit="s", bounds=(0, 3_540), slider=(0, 1_800), step=60, label="Launch ahead",
        group=AHEAD, fact="asg.predictive_prelaunch",
        help="Predictive: so long before the hour its instances are launched.")
    max_behavior: Literal["honor", "increase"] = choice(
        "honor", label="Forecast above the maximum", group=AHEAD, fact="asg.predictive_max_rule",
        help="Whether the forecast honors the maximum size or may increase it.")
    max_buffer: float = number(
        10, unit="%", bounds=(0, 100), slider=(0, 50), step=5, label="Buffer above forecast",
        group=AHEAD, help="How far above the forecast the maximum is increased.",
        when=("max_behavior", ("increase",)))

    instance_capacity: float = number(
        1_000, unit="req/s", bounds=(0.1, 100_000), slider=(100, 5_000), step=100,
        label="One instance serves", group=INSTANCES,
        help="Requests per second at 100% CPU; what comes beyond is missed.")
    instances: int = integer(
        4, unit="instances", bounds=(1, MOST), slider=(1, 200), step=1,
        label="Instances at start", group=INSTANCES, help="Desired capacity at the start.")
    min_size: int = integer(
        4, unit="instances", bounds=(1, MOST), slider=(1, 200), step=1, label="Minimum size",
        group=INSTANCES, help="The group never scales in below this.")
    max_size: int = integer(
        24, unit="instances", bounds=(1, MOST), slider=(1, 500), step=1, label="Maximum size",
        group=INSTANCES, help="The group never scales out beyond this.")
    termination: Literal["default", "oldest-instance", "newest-instance"] = choice(
        "default", label="Termination policy", group=INSTANCES, fact="asg.termination_rule",
        help="Which instance of the fullest zone goes; default: that of the oldest template.")
    new_template_at: float = number(
        28_800, unit="s", bounds=(0, LONGEST), slider=(0, 86_400), step=1_800,
        label="New launch template at", group=INSTANCES,
        help="Instances launched from then on have a new version.")

    boot: Literal["golden-ami", "user-data", "stopped", "hibernated"] = choice(
        "golden-ami", label="Boot", group=BOOT, fact="ec2.boot_golden_rule",
        help="From an image with everything installed, by a script at first boot, or out of a "
             "warm pool: stopped, after its script, or hibernated.")
    boot_time: float = number(
        factbook.value("ec2.boot_s"), unit="s", bounds=(0, 3_600), slider=(0, 300), step=1,
        label="Launch and boot", group=BOOT, fact="ec2.boot_s",
        help="From the launch of a new instance until its port answers.")
    restart_time: float = number(
        factbook.value("ec2.restart_s"), unit="s", bounds=(0, 3_600), slider=(0, 300), step=1,
        label="Start from a pool", group=BOOT, fact="ec2.restart_s",
        help="From the start of a stopped or hibernated instance until its port answers.",
        when=("boot", POOLED))
    start_time: float = number(
        60, unit="s", bounds=(0, 3_600), slider=(0, 300), step=10, label="Application starts in",
        group=BOOT, help="Start of the application and its caches; hibernation skips it.")
    user_data_time: float = number(
        240, unit="s", bounds=(0, 3_600), slider=(0, 600), step=10, label="User data takes",
        group=BOOT, fact="ec2.user_data_rule",
        help="Installing at first boot: what the workload's own script needs.",
        when=("boot", (USER_DATA, STOPPED)))
    ram: float = number(
        4, unit="GiB", bounds=(0.1, factbook.value("ec2.hibernate_ram_max")), slider=(1, 128),
        step=1, label="Memory in use", group=BOOT, fact="ec2.hibernate_rule",
        help="Hibernation reads it back from the root volume.", when=("boot", (HIBERNATED,)))
    disk_throughput: float = number(
        125, unit="MiB/s", bounds=(1, 10_000), slider=(50, 1_000), step=25,
        label="Root volume reads", group=BOOT, fact="ebs.gp3_base_throughput",
        help="Throughput of the encrypted root volume.", when=("boot", (HIBERNATED,)))
    warm_pool: int = integer(
        8, unit="instances", bounds=(0, MOST), slider=(0, 200), step=1, label="Warm pool",
        group=BOOT, fact="asg.warm_pool_state", when=("boot", POOLED),
        help="Stopped or hibernated instances kept ready; each is made anew when it is taken.")
    hook_time: float = number(
        0, unit="s", bounds=(0, 7_200), slider=(0, 600), step=10, label="Launch hook takes",
        group=BOOT, fact="asg.hook_rule", help="Work in Pending:Wait before an instance serves.")
    hook_timeout: float = number(
        3_600, unit="s", bounds=(30, 7_200), slider=(30, 3_600), step=30, label="Hook's timeout",
        group=BOOT, fact="asg.hook_heartbeat_s",
        help="Then the launch is given up, and another begins.")
    hook_heartbeats: bool = flag(
        False, label="Hook sends heartbeats", group=BOOT, fact="asg.hook_global_timeout",
        help="Each begins the timeout anew, up to a global limit.")
    drain_time: float = number(
        0, unit="s", bounds=(0, 7_200), slider=(0, 600), step=10, label="Termination hook takes",
        group=BOOT, help="Terminating:Wait: out of service, but still paid.")

    spot_share: float = number(
        0, unit="%", bounds=(0, 100), slider=(0, 100), step=10, label="Spot share", group=SPOT,
        help="Share of the instances that are Spot.")
    reclaims: float = number(
        2, unit="1/day", bounds=(0, 48), slider=(0, 24), step=1, label="Reclaims per zone",
        group=SPOT, help="How often EC2 takes back all Spot instances of a zone.")
    rebalance: bool = flag(
        True, label="Replace at the notice", group=SPOT, fact="ec2.spot_interruption_notice",
        help="Capacity rebalancing: the successor is launched when the notice comes.")

    instance_price: float = number(
        0.0416, unit="USD/h", bounds=(0, 1_000), slider=(0, 1), step=0.01, label="Instance price",
        group=COST, fact="ec2.t3_medium_price", help="On-Demand, per hour, billed by the second.")
    spot_discount: float = number(
        70, unit="%", bounds=(0, 100), slider=(0, 90), step=5, label="Spot discount", group=COST,
        help="Off the On-Demand price; at most 90 is advertised.")

    @property
    def noise(self) -> float:
        """Coefficient of variation of a minute's rate around what is expected; a trace has none."""
        return 0.0 if self.traced else self.variability

    def check(self) -> None:
        """min <= instances, schedule <= max; alarms that CloudWatch has; no Spot in a warm pool."""
        if self.min_size > self.max_size:
            raise ParameterError("min_size", self.min_size,
                                 f"at most max_size, {self.max_size} instances")
        for name in ("instances", "schedule_size"):
            if not self.min_size <= getattr(self, name) <= self.max_size:
                raise ParameterError(name, getattr(self, name),
                                     f"from min_size to max_size, {self.min_size} to "
                                     f"{self.max_size} instances")
        if not is_period(self.metric_period):
            raise ParameterError("metric_period", self.metric_period, PERIODS)
        for name in ("high_datapoints", "low_datapoints"):
            if not fits(self.metric_period, getattr(self, name)):
                raise ParameterError(name, getattr(self, name), most_datapoints(self.metric_period))
        if self.spot_share and self.boot in POOLED:
            raise ParameterError("spot_share", self.spot_share,
                                 "0 % with a warm pool: Spot instances can't be in one")
