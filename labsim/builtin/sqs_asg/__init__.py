"""A queue in front of a group: how late does scaling come, and who pays for it?

`params` holds the parameters, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.sqs_asg import model, story
from labsim.builtin.sqs_asg.exercises import EXERCISES
from labsim.builtin.sqs_asg.params import SqsAsgParams
from labsim.declare import Lab, with_theory

lab = Lab(
    home=Path(__file__).parent,
    slug="sqs-asg", title="A queue in front of an Auto Scaling group", order=1,
    summary="A spike hits an SQS queue; alarms, boot time and cooldown decide how long people "
            "wait, and what it costs.",
    topics=("SQS", "ASG", "CloudWatch", "EC2"), Params=SqsAsgParams, simulate=model.simulate,
    estimate=model.estimate, metrics=with_theory(story.METRICS, wait_mean=story.WAIT),
    presets=story.PRESETS, panels=story.PANELS,
    boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS, exercises=EXERCISES,
    headline=("wait_p95", "queue_max", "instances_max", "cost_usd"),
    facts=("sqs.backlog_per_instance_rule", "sqs.alarm_scaling", "sqs.visibility_default_s",
           "sqs.inflight_max_standard",
           "asg.default_cooldown", "asg.cooldown_rule", "asg.tt_alarm_high", "asg.tt_alarm_low",
           "asg.warmup_rule", "asg.termination_rule", "cw.detailed_monitoring",
           "cw.alarm_repeat_s", "ec2.billing_min_seconds", "ec2.boot_s", "ec2.boot_golden_rule",
           "ec2.user_data_rule"),
)
