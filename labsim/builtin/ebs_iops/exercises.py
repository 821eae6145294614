"""The questions of the lab `ebs-iops`; every number in an answer comes from the model."""

from labsim.builtin.ebs_iops import model
from labsim.declare import Choice, Close, Design, Explain, Level, Predict, Sketch, metric
from labsim.services.ebs import rules as ebs
from labsim.services.efs import rules as efs
from labsim.text import format_value


def hours(name: str):
    """A metric in hours."""
    return lambda result: result.summary[name] / 3_600


def gp2(p) -> dict[str, str]:
    """What a gp2 volume does, and what is too much for it, in words."""
    base = ebs.performance(p.volume).iops
    return {"base": format_value(base, "IOPS"), "over": format_value(p.io_rate - base, "a second"),
            "bucket": format_value(ebs.GP2_BUCKET)}


def limits(p) -> dict[str, str]:
    """The throughput of a volume in I/Os, and what a queue depth allows, in words."""
    latency = model.seen(p).device.latency
    return {"latency": format_value(1_000 * latency, "ms"),
            "moves": format_value(ebs.performance(p.volume).throughput, "MiB/s"),
            "per_mib": format_value(1_024 / p.io_size)}


def well(p) -> dict[str, str]:
    """What a file system earns and spends, in words."""
    mib = p.io_rate * p.io_size / 1_024
    spends = efs.metered(mib * p.read_share, mib * (1 - p.read_share))
    return {"moves": format_value(mib, "MiB/s"), "spends": format_value(spends, "MiB/s"),
            "earns": format_value(efs.baseline(p.size), "MiB/s"),
            "holds": format_value(efs.most_credits(p.size), "MiB")}


def left(result) -> float:
    """Minutes until the instance's credits are gone."""
    return (result.params.duration - result.summary["ebs_baseline_s"]) / 60


def tank(p) -> dict[str, str]:
    """What an instance's bucket of IOPS holds, and what is taken out of it, in words."""
    tap = p.instance.taps(p.io_size, 1)[0]
    return {"bucket": format_value(tap.bucket), "over": format_value(p.io_rate - tap.steady),
            "more": format_value(tap.burst - tap.steady, "IOPS")}


def loop(result) -> float:
    """Mean latency, ms."""
    return 1_000 * result.summary["latency_mean"]


def lunch(p) -> tuple:
    """The busy time, as it is shaded."""
    return ((p.busy_start, p.busy_start + p.busy_duration, "busy"),)


def purse(p) -> dict[str, str]:
    """What a gp2 volume earns and spends while it is busy, in words."""
    base, busy = ebs.performance(p.volume).iops, p.io_rate * p.busy_factor
    return {"base": format_value(base, "IOPS"), "busy": format_value(busy, "a second"),
            "spends": format_value(busy - base), "earns": format_value(base - p.io_rate)}


DRY = {"size": 200, "io_rate": 1_500}
BIG = {"storage": "gp3", "size": 500, "io_size": 256, "io_rate": 2_000}
ALONE = {"storage": "io2", "size": 125, "provisioned_iops": 20_000, "io_rate": 8_000,
         "queue_depth": 2}
SCATTERED = {"storage": "st1", "size": 2_048, "io_size": 16, "io_rate": 2_000, "credits": 0}
SHARED = {"storage": "efs-bursting", "size": 200, "io_rate": 2_000, "io_size": 64,
          "duration": 86_400}

LUNCH = {"io_rate": 300, "busy_factor": 6, "size": 125}
ATTIC = {"storage": "gp3", "size": 500, "provisioned_iops": 8_000, "io_rate": 5_500,
         "instance_iops": 10_000, "base_iops": 2_500}
LOOP = {"storage": "gp3", "size": 500, "closed_loop": True, "queue_depth": 24, "duration": 600}

EXERCISES = (
    Predict(
        id="dry", runs=(DRY,), ask=hours("burst_lasts_s"), unit="h", within=0.08, numbers=gp2,
        question="A gp2 volume of {size} with a full bucket. The application does {io_rate} of "
                 "{io_size}. After how many hours are the credits gone?",
        hints=("What does the volume do by itself, and what has to come out of the bucket?",
               "It does {base}; {over} come out of {bucket} credits."),
        solution="{bucket} over {over}: {answer} in the model. Then the volume does {base}, and "
                 "the line before it grows."),
    Predict(
        id="large", runs=(BIG,), ask=metric("iops_mean"), unit="I/Os/s", within=0.05,
        numbers=limits,
        question="A gp3 volume as it comes, {provisioned_iops} and {provisioned_throughput}. I/Os "
                 "of {io_size}, {io_rate} are wanted. How many per second are done?",
        hints=("Two limits hold at once. How much would all those I/Os move?",
               "There is room for {moves}; how many such I/Os are a MiB?"),
        solution="{moves} at {per_mib} I/Os per MiB: {answer}. Of the IOPS most are unused. Large "
                 "I/Os need throughput, small ones IOPS."),
    Predict(
        id="depth", runs=(ALONE,), ask=metric("iops_mean"), unit="I/Os/s", within=0.05,
        numbers=limits,
        question="An io2 volume with {provisioned_iops}. An I/O takes {latency}; the application "
                 "keeps {queue_depth} under way. It wants {io_rate}. How many per second are done?",
        hints=("How many I/Os can one that waits for each answer do in a second?",
               "Little's law: under way = rate times latency."),
        solution="{queue_depth} over {latency}: {answer}, whatever was paid for. Send more at a "
                 "time, or buy less."),
    Predict(
        id="scattered", runs=(SCATTERED,), ask=metric("throughput_mean"), unit="MiB/s",
        within=0.1,
        question="An st1 volume of {size} with no credits left, I/Os of {io_size} here and there. "
                 "How many MiB/s does it move?",
        hints=("What is a small random I/O charged as?",
               "So many MiB/s of baseline are as many I/Os per second."),
        solution="Each I/O is charged as a whole MiB, so that the baseline pays for as many I/Os "
                 "as it has MiB/s: {answer} in the model. Hard disks are for streams."),
    Predict(
        id="well", runs=(SHARED,), ask=hours("burst_lasts_s"), unit="h", within=0.1, numbers=well,
        question="A new bursting file system with {size}. {io_rate} of {io_size}, seven of ten "
                 "are reads. After how many hours are its credits gone?",
        hints=("Reads are metered as a third. What is spent, what is earned?",
               "It moves {moves}, spends {spends}, earns {earns} and begins with {holds}."),
        solution="{holds} at {spends} less {earns}: {answer}. It worked for the whole of the first "
                 "test, too."),
    Explain(
        id="noon", run={"io_rate": 750, "size": 125},
        question="Every day at noon a database becomes slow, though its load hasn't changed since "
                 "morning. At night it recovers. CPU and memory are idle. What do you look at?",
        choices=(
            Choice("The snapshot schedule.",
                   "A snapshot reads in the background and doesn't take a volume's IOPS."),
            Choice("The volume's BurstBalance.",
                   "It falls all morning, and reaches zero at noon.", right=True),
            Choice("The instance's network.",
                   "It would limit from the first minute on, not from noon."),
            Choice("The size of the volume: it must be full.",
                   "A full volume fails writes; it doesn't slow them down.")),
        hints=("What changes slowly while the load stays the same?",
               "Look at the panel of the credits in the first preset."),
        solution="Credits hide for hours that the load is above the baseline. An alarm on "
                 "BurstBalance says so in the morning; gp3 has no such day."),
    Explain(
        id="both",
        question="Two instances shall write to the same disk at the same time, in one zone. Which "
                 "is right?",
        choices=(
            Choice("Two instances can mount any gp3 volume.",
                   "Only io1 and io2 can be attached to several instances."),
            Choice("An io2 volume with Multi-Attach, and any file system on it.",
                   "A usual file system would be spoilt by two that write without knowing of each "
                   "other."),
            Choice("An io2 volume with Multi-Attach and a cluster-aware file system, or EFS.",
                   "They share the volume's IOPS, and somebody must keep their writes apart.",
                   right=True),
            Choice("An instance store, for it is the quickest.",
                   "It belongs to one instance only.")),
        hints=("Who sees to it that two writers don't spoil each other's blocks?",
               "What can be attached twice at all?"),
        solution="Multi-Attach shares blocks, EFS shares files. Across zones only EFS does."),
    Explain(
        id="stopped",
        question="A cache on an instance store works well for months. One evening the instance is "
                 "stopped to save money. What is there in the morning?",
        choices=(
            Choice("Everything, as after a reboot.", "A reboot keeps it, a stop doesn't."),
            Choice("An empty disk.", "The instance starts on another machine.", right=True),
            Choice("What was written to a snapshot by itself.",
                   "Instance stores have no snapshots."),
            Choice("Everything, if it hibernated.", "Only RAM is kept, on the EBS root volume.")),
        hints=("Where is that disk, and where is the instance the next morning?",
               "Look at the events of the last preset."),
        solution="The disk is in the machine, and after a stop the instance gets another one. Put "
                 "there only what can be made again: caches, scratch, replicas."),
    Design(
        id="cheapest", start={"io_rate": 4_000, "size": 500},
        free=("storage", "provisioned_iops", "provisioned_throughput"),
        goals=(("failed", "<=", 0.0), ("latency_p99", "<=", 0.005), ("credits_low", ">=", 0.5)),
        good={"storage": "gp3", "provisioned_iops": 4_100},
        question="A database with {size} of data does {io_rate} of {io_size} all day; on gp2 it "
                 "drowns. Meet the goals at the least cost.",
        hints=("Which type sells IOPS without room?",
               "A little more than the load: it varies, and every IOPS is paid for."),
        solution="{answer}. io2 does it, too, for several times as much, and a gp2 needs more than "
                 "a TiB for it."),
    Design(
        id="stream", start={"io_rate": 60, "io_size": 1_024, "size": 2_048, "sequential": True,
                            "duration": 86_400},
        free=("storage", "provisioned_iops", "provisioned_throughput"),
        goals=(("failed", "<=", 0.0), ("latency_p99", "<=", 0.1), ("credits_low", ">=", 0.5)),
        good={"storage": "st1"},
        question="{size} of logs; a job streams them through, {io_rate} of {io_size}, day and "
                 "night. Meet the goals at the least cost.",
        hints=("What does each type move for good at that size?",
               "The cheapest per GiB moves too little; the next one doesn't."),
        solution="{answer}. sc1 would run out of credits within the day, and any SSD costs "
                 "nearly twice as much."),
    Predict(
        id="attic", runs=(ATTIC,), ask=left, unit="min", within=0.08, numbers=tank,
        question="A gp3 with {provisioned_iops} is attached to a small instance: at most "
                 "{instance_iops} for half an hour a day, {base_iops} for good. The application "
                 "does {io_rate}. After how many minutes does it slow down?",
        hints=("The bucket holds half an hour of what the maximum is over the baseline.",
               "It holds {bucket} ({more} for half an hour); {over} a second come out of it."),
        solution="{bucket} over {over}: {answer}. The volume has no credits at all; look at "
                 "EBSIOBalance% of the instance, not at BurstBalance."),
    Predict(
        id="loop", runs=(LOOP,), ask=loop, unit="ms", within=0.05, numbers=limits,
        question="A benchmark keeps {queue_depth} outstanding on a gp3 with {provisioned_iops} "
                 "whose I/Os take {latency} each. Which mean latency does it report?",
        hints=("How many I/Os does the volume do in a second, whatever the queue depth?",
               "Little's law: outstanding = rate times latency, the time in line included."),
        solution="{queue_depth} over {provisioned_iops}: {answer}. A deeper queue would not be "
                 "quicker, only later."),
    Sketch(
        id="draw-the-credits", run=LUNCH, series="credits", label="BurstBalance", unit="%",
        scale=100, top=100, known=7_200, shades=lunch, numbers=purse,
        rules=(Level(along=1 / 6, within=0.15), Level(along=1 / 2, within=0.15), Close(0.12)),
        question="A gp2 volume of {size} with a full bucket does {io_rate} of {io_size}, and at "
                 "lunch, for {busy_duration}, {busy}. Draw its burst balance for the rest of the "
                 "day.",
        hints=("It does {base} by itself. How much comes out of the bucket while it is busy?",
               "{spends} a second go out while it is busy, {earns} come back afterwards: how much "
               "longer does that take?"),
        solution="Down within the hour to next to nothing ({spends} a second), and up again for "
                 "several hours ({earns} a second). A second lunch in the afternoon would find it "
                 "half full."),
)
