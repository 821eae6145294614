"""A disk in the cloud: which limit is it, when are the credits gone, and what does the cure cost?

`params` holds the knobs, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.ebs_iops import model, story
from labsim.builtin.ebs_iops.exercises import EXERCISES
from labsim.builtin.ebs_iops.params import EbsIopsParams
from labsim.declare import Lab, with_theory

lab = Lab(
    home=Path(__file__).parent,
    slug="ebs-iops", title="A disk with credits", order=12,
    summary="Fine all morning, dead at noon: credits, I/O size, queue depth and the instance "
            "decide what a volume does, and the cure is often the cheaper type.",
    topics=("EBS", "EFS", "Instance store"), Params=EbsIopsParams, simulate=model.simulate,
    estimate=model.estimate, points=model.TICKS,
    metrics=with_theory(story.METRICS, iops_mean=story.SUSTAINED),
    presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("latency_p99", "failed", "month_usd", "credits_end"),
    facts=("ebs.sizes", "ebs.gp2_iops_per_gib", "ebs.gp2_min_iops", "ebs.gp2_max_iops",
           "ebs.gp2_burst_iops", "ebs.gp2_bucket", "ebs.gp2_credit_rule", "ebs.gp3_base_iops",
           "ebs.gp3_max_iops", "ebs.gp3_iops_ratio", "ebs.io1_ratio", "ebs.io2_max_iops",
           "ebs.io2_iops_ratio", "ebs.st1_rates", "ebs.sc1_rates", "ebs.hdd_credit_rule",
           "ebs.io_size_cap", "ebs.gp_latency", "ebs.boot_types", "ebs.multi_attach_max",
           "ebs.multi_attach_rule", "ebs.az_scope", "ebs.fsr_bucket", "ec2.nitro_iops",
           "ec2.not_nitro_iops", "ebs.instance_burst_s", "ebs.instance_burst_again_s",
           "ebs.instance_balance_rule", "ebs.instance_m5_large", "istore.persist_rule",
           "istore.iops", "efs.baseline_kibps_per_gib", "efs.credit_rule", "efs.client_mibps",
           "efs.client_elastic_mibps", "efs.iops", "efs.iops_elastic", "efs.elastic",
           "efs.throughput_most", "efs.elastic_min", "efs.default_throughput_mode",
           "efs.read_latency_s", "efs.write_latency_s", "efs.read_latency_measured_s",
           "efs.write_latency_measured_s", "efs.latency_tail", "efs.new_read_iops",
           "efs.new_write_iops",
           "rds.gp2_stripe"),
)
