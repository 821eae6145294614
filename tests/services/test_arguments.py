"""What no part of a service can be made with: each argument of each part, tried with what is no
number, no part, below zero. The error is there at once, and names the part and the argument."""

import math
from inspect import Parameter, signature

import numpy as np
import pytest

import labsim
from labsim import services
from labsim.declare.plate import Plated
from labsim.engine import Load, Simulation
from labsim.errors import ParameterError
from labsim.services import (
    api_gateway,
    aurora,
    autoscaling,
    cloudfront,
    cloudwatch,
    dynamodb,
    ebs,
    ec2,
    efs,
    elasticache,
    elb,
    kinesis,
    kms,
    lambda_,
    rds,
    s3,
    sqs,
)

ROOMS = (api_gateway, aurora, autoscaling, cloudfront, cloudwatch, dynamodb, ebs, ec2, efs,
         elasticache, elb, kinesis, kms, lambda_, rds, s3, sqs)
WORK = labsim.fixed(1)


def function(sim):
    return lambda_.Function(sim, "function", WORK)


def group(sim):
    return autoscaling.Group(sim, "group", ec2.Fleet(sim, "fleet"), min_size=1, max_size=9)


def metric(sim):
    return cloudwatch.Metric(sim, "metric", lambda: 1.0)


def site(sim):
    return cloudfront.Site(sim, "site")


def origin(sim):
    return cloudfront.Origin(sim, "origin")


def balancer(sim):
    return elb.Balancer(sim, "balancer", targets=(1, 1, 0), work=WORK)


def table(sim):
    return dynamodb.Table(sim, "table", "provisioned", 10.0, 10.0)


def messages(sim):
    return sqs.MessageQueue(sim, "messages")


# Part: what it is made of, a simulation s given: the arguments by place and by name.
PARTS = {
    api_gateway.Gateway: lambda s: ([s, "part", function(s)], {}),
    aurora.Cluster: lambda s: ([s, "part"], {"capacity": 100.0}),
    aurora.Endpoint: lambda s: (
        [s, "part", aurora.Cluster(s, "cluster", capacity=100.0)], {"lifetime": 60.0}),
    autoscaling.CpuAlarms: lambda s: ([s, "part", group(s), elb.WebTier(s, "tier", 10.0), []], {}),
    autoscaling.Group: lambda s: (
        [s, "part", ec2.Fleet(s, "fleet")], {"min_size": 1, "max_size": 9}),
    autoscaling.PredictiveScaling: lambda s: ([group(s), [1.0] * 48, 10.0, 50.0], {}),
    autoscaling.ScheduledActions: lambda s: ([group(s), [(10.0, 2)]], {}),
    autoscaling.SimpleScaling: lambda s: ([group(s), metric(s)], {"target": 50.0}),
    autoscaling.StepScaling: lambda s: ([group(s), metric(s)], {"target": 50.0}),
    autoscaling.TargetTracking: lambda s: ([group(s), metric(s)], {"target": 50.0}),
    cloudfront.Buckets: lambda s: ([s, "part", site(s), origin(s)], {}),
    cloudfront.Distribution: lambda s: ([s, "part", site(s), origin(s)], {}),
    cloudfront.Origin: lambda s: ([s, "part"], {}),
    cloudfront.Site: lambda s: ([s, "part"], {}),
    cloudfront.Viewers: lambda s: (
        [s, "part", 1.0, cloudfront.Distribution(s, "cdn", site(s), origin(s))], {}),
    cloudwatch.Alarm: lambda s: ([s, "part", metric(s)], {
        "threshold": 1.0, "above": True, "m": 1, "n": 1, "action": lambda value: None}),
    cloudwatch.Metric: lambda s: ([s, "part", lambda: 1.0], {}),
    dynamodb.AutoScaling: lambda s: ([s, "part", table(s)], {}),
    dynamodb.Dax: lambda s: ([s, "part", np.ones(10) / 10, 10.0], {}),
    dynamodb.GlobalIndex: lambda s: ([s, "part", table(s), 10.0], {}),
    dynamodb.Table: lambda s: ([s, "part", "provisioned", 10.0, 10.0], {}),
    ebs.Volume: lambda s: ([s, "part"], {}),
    ec2.Fleet: lambda s: ([s, "part"], {}),
    ec2.Service: lambda s: ([s, "part", WORK], {}),
    ec2.Reclaims: lambda s: ([s, "part", group(s), 1.0], {}),
    ec2.Service: lambda s: ([s, "part", WORK], {}),
    ec2.WarmPool: lambda s: ([s, "part", 1], {"resume": 10.0, "cold": 100.0}),
    efs.FileSystem: lambda s: ([s, "part"], {}),
    elasticache.Application: lambda s: (
        [s, "part", elasticache.Cluster(s, "cache", keys=100, room=10),
         rds.Database(s, "database", servers=2, work=WORK)], {}),
    elasticache.Cluster: lambda s: ([s, "part"], {"keys": 100, "room": 10}),
    elasticache.SampledApplication: lambda s: (
        [s, "part", elasticache.SampledCluster(s, "cache", keys=100, room=10),
         rds.CountedDatabase(s, "database", servers=2, work=WORK)], {"reads": 10.0}),
    elasticache.SampledCluster: lambda s: ([s, "part"], {"keys": 100, "room": 10}),
    elb.Balancer: lambda s: ([s, "part"], {"targets": (1, 1, 0), "work": WORK}),
    elb.Users: lambda s: ([s, "part", 1.0, balancer(s)], {}),
    elb.WebTier: lambda s: ([s, "part", 10.0], {}),
    kinesis.Stream: lambda s: ([s, "part"], {}),
    kms.Quota: lambda s: ([s, "part"], {}),
    lambda_.Asynchronous: lambda s: ([s, "part", function(s)], {}),
    lambda_.Function: lambda s: ([s, "part", WORK], {}),
    lambda_.KinesisEventSourceMapping: lambda s: ([s, "part", function(s)], {}),
    lambda_.SqsEventSourceMapping: lambda s: ([s, "part", function(s)], {}),
    lambda_.Synchronous: lambda s: ([s, "part", function(s)], {}),
    rds.CountedDatabase: lambda s: ([s, "part"], {"servers": 2, "work": WORK}),
    rds.Database: lambda s: ([s, "part"], {"servers": 2, "work": WORK}),
    s3.Bucket: lambda s: ([s, "part"], {}),
    sqs.Client: lambda s: ([s, "part", messages(s)], {}),
    sqs.Consumers: lambda s: (
        [s, "part", sqs.Client(s, "calls", messages(s)), 2], {"work": WORK}),
    sqs.MessageQueue: lambda s: ([s, "part"], {}),
    sqs.Queue: lambda s: ([s, "part"], {}),
}
MAY_BE_NEGATIVE = {"threshold", "out", "in_", "expires_at"}
FREE_TEXT = {"name", "unit", "cache_control"}
NAMED = {"load": "rate", "keys": "n"}       # what the error names, if it is not the argument
LUCK = {"random", "luck", "lots", "sizes_random", "changes_random"}     # generators of numbers


def arguments(part: type) -> dict[str, Parameter]:
    """Those of a part, and those that it hands on to the class above."""
    found: dict[str, Parameter] = {}
    for made in (c for c in part.__mro__ if "__init__" in vars(c)):
        own = list(signature(made.__init__).parameters.values())[1:]
        found = {**{p.name: p for p in own if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)},
                 **found}
        if all(p.kind is not p.VAR_KEYWORD for p in own):
            break
    return {name: argument for name, argument in found.items() if name not in part.sets}


def kinds(parameter: Parameter) -> str:
    """Its annotation as text."""
    return str(parameter.annotation)


def wrong(parameter: Parameter) -> list:
    """What cannot be, whatever the part: by its annotation."""
    said, default = kinds(parameter), parameter.default
    bad: list = [] if parameter.name in LUCK else [math.nan, [None]]
    if parameter.annotation is not bool and "bool |" not in said and parameter.name not in LUCK:
        bad.append(True)
    if "None" not in said and default is not None:
        bad.append(None)
    if "str" not in said or parameter.name not in FREE_TEXT | LUCK:
        bad.append("nonsense")
    if "float" in said or "int" in said:
        if parameter.name not in MAY_BE_NEGATIVE:
            bad += [-1, -0.5]
        if "float" in said and default != math.inf and "tuple" not in said:
            bad.append(math.inf)
    return bad


def make(part: type, name: str, value, sim=None) -> None:
    """A part with one argument changed."""
    args, named = PARTS[part](sim or Simulation(1, 3_600.0))
    places = [p.name for p in arguments(part).values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if name in places[:len(args)]:
        args[places.index(name)] = value
    else:
        named[name] = value
    part(*args, **named)


def test_every_part_is_looked_at():
    """All that the rooms of the services offer."""
    assert set(PARTS) == {part for room in ROOMS for part in map(room.__dict__.get, room.__all__)
                          if isinstance(part, Plated)}
    assert services.__path__


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.__module__}.{part.__name__}")
def test_what_no_part_can_be_made_with(part):
    """No number, no part, below zero, infinite: a ParameterError with the argument's name."""
    for name, parameter in arguments(part).items():
        if name in ("sim", "name"):
            continue
        for value in wrong(parameter):
            with pytest.raises(ParameterError) as caught:
                make(part, name, value)
                pytest.fail(f"{part.__name__}({name}={value!r}) is accepted")
            assert caught.value.name in (name, NAMED.get(name)), (name, value, str(caught.value))
            assert ": " in str(caught.value)


@pytest.mark.parametrize("part, values, name", [
    (autoscaling.Group, {"desired": 2, "min_size": 5, "max_size": 3}, "max_size"),
    (autoscaling.Group, {"desired": 2, "min_size": 5, "max_size": 8}, "desired"),
    (autoscaling.Group, {"desired": 9, "min_size": 1, "max_size": 8}, "desired"),
    (cloudwatch.Metric, {"period": 90}, "period"), (cloudwatch.Metric, {"period": 0}, "period"),
    (cloudwatch.Metric, {"period": 45}, "period"), (cloudwatch.Metric, {"period": 61}, "period"),
    (cloudwatch.Alarm, {"missing": "nonsense"}, "missing"), (cloudwatch.Alarm, {"m": 2}, "m"),
    (sqs.MessageQueue, {"max_receives": 0}, "max_receives"),
    (sqs.MessageQueue, {"fifo_scan": 0}, "fifo_scan"),
    (cloudfront.Viewers, {"shares": (1.0,)}, "shares"),
    (elb.WebTier, {"rates": np.ones(3)}, "rates")])
def test_values_that_do_not_go_together(part, values, name):
    """Refused with the name of one of them."""
    args, named = PARTS[part](Simulation(1, 3_600.0))
    with pytest.raises(ParameterError) as caught:
        part(*args, **{**named, **values})
    assert caught.value.name == name and str(caught.value).startswith("part: ")


def test_a_choice_suggests_the_nearest():
    """The words of AWS, in any case."""
    sim = Simulation(1, 60.0)
    with pytest.raises(ParameterError, match="did you mean notBreaching"):
        cloudwatch.Alarm(sim, "alarm", metric(sim), threshold=1.0, above=True, m=1, n=1,
                         action=lambda value: None, missing="notbreaching")


@pytest.mark.parametrize("call, name", [
    (lambda s: origin(s).fault(-1, 5), "at"), (lambda s: origin(s).fault(5, math.nan), "lasts"),
    (lambda s: ec2.Fleet(s, "fleet").change_template(-1), "t"),
    (lambda s: ebs.Volume(s, "disk").stop(-1, 5), "at"),
    (lambda s: ebs.Volume(s, "disk").stop(1, "5"), "length"),
    (lambda s: elasticache.Cluster(s, "cache", keys=9, room=1).fail(1, failover=-1), "failover"),
    (lambda s: aurora.Cluster(s, "cluster", capacity=9.0).fail_writer(math.inf), "at"),
    (lambda s: balancer(s).add(-1, 2), "at"), (lambda s: balancer(s).remove(1, math.nan),
                                               "how_many"),
    (lambda s: kinesis.split_shards(kinesis.Stream(s, "stream"), 1, takes=None), "takes"),
    (lambda s: group(s).scale_to(math.nan, "why"), "wanted"),
    (lambda s: group(s).limits(-1, 5, "why"), "min_size"),
    (lambda s: messages(s).send(0.0, delay="5"), "delay"),
    (lambda s: messages(s).receive(0.0, 11), "most"),
    (lambda s: messages(s).receive(0.0, 1, -1), "timeout"),
    (lambda s: messages(s).receive(0.0, 1, 43_201), "timeout"),
    (lambda s: messages(s).change_visibility(0.0, None, -1), "timeout"),
    (lambda s: s.send(1, to="queue"), "to"), (lambda s: s.until(-1.0, 1), "t"),
    (lambda s: sqs.Queue(Simulation, "queue"), "sim")])
def test_calls_that_cannot_be(call, name):
    """A time before the run, a length below zero, more than SQS hands out."""
    with pytest.raises(ParameterError) as caught:
        call(Simulation(1, 3_600.0))
    assert caught.value.name == name


@pytest.mark.parametrize("load", [Load.steady(1), 1, 0.5])
def test_what_a_source_may_send(load):
    """A load, or a number of requests per second."""
    sim = Simulation(1, 60.0)
    assert sim.send(load, to=sqs.Queue(sim, "orders", work=WORK)).curve.rate[0] > 0


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.__module__}.{part.__name__}")
def test_what_no_part_can_do_without(part):
    """Each argument that has no default: the error names it, and says what belongs there."""
    args, named = PARTS[part](Simulation(1, 3_600.0))
    places = list(arguments(part))
    for name in (name for name, p in arguments(part).items() if p.default is Parameter.empty):
        given = {**dict(zip(places, args)), **named}
        if name in given:
            del given[name]
            with pytest.raises(ParameterError, match=f"{name} is missing: ."):
                part(**given)
