"""Six scaling policies on one day's traffic: who misses requests, and what does it cost?

`params` holds the parameters, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.asg_policies import model, story
from labsim.builtin.asg_policies.exercises import EXERCISES
from labsim.builtin.asg_policies.params import AsgPoliciesParams
from labsim.declare import Lab, with_theory

lab = Lab(
    home=Path(__file__).parent,
    slug="asg-policies", title="Scaling policies side by side", order=6,
    summary="One day's traffic, mirrored to six groups: tracking, step, simple, scheduled, "
            "predictive and several at once, by what they miss and what they cost.",
    topics=("ASG", "CloudWatch", "EC2"), Params=AsgPoliciesParams, simulate=model.simulate,
    estimate=model.estimate, points=480,
    metrics=with_theory(story.METRICS, instances_mean=story.NEEDED),
    presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES, headline=("failed_share", "cost_usd", "instances_max", "reversals"),
    facts=("asg.target_example", "asg.tt_capacity_rule", "asg.tt_alarm_high", "asg.tt_alarm_low",
           "asg.tt_no_flap_rule", "asg.tt_scale_in_step", "asg.step_rule", "asg.percent_rounding",
           "asg.default_cooldown",
           "asg.cooldown_rule", "asg.warmup_rule", "asg.warmup_default", "asg.tt_multi_policy_rule",
           "asg.multi_policy_rule", "asg.predictive_history", "asg.predictive_forecast",
           "asg.predictive_prelaunch", "asg.predictive_in_rule", "asg.predictive_max_rule",
           "asg.termination_rule", "asg.hook_timeout", "asg.hook_global_timeout", "asg.hook_rule",
           "asg.basic_metric_period", "cw.alarm_max_window", "cw.detailed_price", "cw.alarm_price",
           "ec2.boot_golden_rule", "ec2.boot_s", "ec2.restart_s", "asg.warm_pool_state",
           "ec2.boot_api_to_running", "ec2.boot_running_to_ssh",
           "ec2.hibernate_rule", "ec2.hibernate_ram_max", "ec2.hibernate_max_days",
           "ec2.spot_interruption_notice", "ec2.spot_interrupt_rule", "ec2.spot_discount_max"),
)
