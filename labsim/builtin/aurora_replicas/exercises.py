"""The questions of the lab `aurora-replicas`; every number in an answer comes from the model."""

from labsim.builtin.aurora_replicas.story import BUSY, FOREVER, POOLED, STORM
from labsim.declare import Choice, Design, Explain, Predict
from labsim.text import format_value

ONE_CLIENT = {"clients": 1, "pool_size": 200, "connection_lifetime": FOREVER}
ON_RDS = {"engine": "rds", "read_rate": 1_800, "write_rate": 500}
SLOW_DNS = {"failover_at": 600, "dns_ttl": 60}
HALF_OPEN = {"failover_at": 600, "silent_failure": True, "socket_timeout": 60}
PROXIED = {**POOLED, "proxy": True, "proxy_gain": 60}


def shares(p) -> dict[str, str]:
    """What each replica would get if reads were spread evenly, in words."""
    return {"each": format_value(p.read_rate / p.replicas, "reads/s"),
            "lost": format_value(p.read_rate - p.instance_capacity, "reads/s")}


def outage(p) -> dict[str, str]:
    """The longest outage of a client, in words."""
    return {"longest": format_value(p.promotion_time + p.dns_ttl, "s")}


def busy(p) -> dict[str, str]:
    """What reads and writes ask of each RDS replica, in words."""
    reads, writes = p.read_rate / p.replicas, p.write_rate * p.write_cost
    return {"reads_each": format_value(reads, "reads/s"),
            "writes_as": format_value(writes, "reads/s"),
            "both": format_value(reads + writes, "reads/s"),
            "aurora": format_value(100 * reads / p.instance_capacity, "%")}


EXERCISES = (
    Predict(
        id="one-big-pool", runs=(ONE_CLIENT,), numbers=shares, unit="reads/s",
        ask=lambda r: r.summary["completed"] / r.params.duration,
        question="One application server, one pool of {pool_size} that it opens at the start and "
                 "never closes. {read_rate}, {replicas} of {instance_capacity} each. How many "
                 "reads per second are answered?",
        hints=("When does the reader endpoint choose a replica, and for how long?",
               "All connections are opened with the same DNS answer."),
        solution="One answer, one replica: {instance_capacity} are answered, and {lost} time "
                 "out, while the other replicas idle. Spread evenly it would be {each} for each. "
                 "The model gives {answer}."),
    Predict(
        id="java-dns", runs=(SLOW_DNS,), numbers=outage, unit="s",
        ask=lambda r: r.summary["failover_s"],
        question="The writer fails; promotion takes {promotion_time}. The clients keep DNS "
                 "answers for {dns_ttl} instead of the endpoint's own TTL. For how many seconds "
                 "is the slowest client without a writer?",
        hints=("A client that still has the old address finds nobody there.",
               "The slowest client looked the name up just before the new writer was there."),
        solution="Promotion and the rest of a cached answer: at most {longest}. Of the "
                 "{clients} one is always near it: {answer}."),
    Predict(
        id="every-pantry", runs=(ON_RDS,), numbers=busy, unit="%", within=0.05,
        ask=lambda r: r.summary["cpu_mean"],
        question="RDS: {replicas} of {instance_capacity}, {read_rate} in all, and {write_rate} "
                 "on the primary, each as much work as {write_cost}. How busy are the "
                 "replicas on average, in percent?",
        hints=("What does an RDS replica do besides reads?",
               "Each of them repeats all writes; reads they share."),
        solution="Reads: {reads_each} for each. Writes: all of them on each, as much as "
                 "{writes_as}. Together {both} of {instance_capacity}: {answer}. Aurora's "
                 "replicas share the storage and would be at {aurora}."),
    Explain(
        id="nobody-comes",
        question="Auto scaling has added a replica, it is available, and it gets no reads at "
                 "all. What has to change?",
        choices=(
            Choice("The target of the scaling policy.",
                   "It decides how many replicas there are, not who uses them."),
            Choice("The pools: their connections must end some time and be opened anew.",
                   "The endpoint can name the new replica only to somebody who asks.",
                   right=True),
            Choice("The reader endpoint must be created anew.",
                   "It has the new replica already; every new connection may get it."),
            Choice("The DNS TTL of the endpoint must be lower.",
                   "It says how fresh an answer is when a client asks; these never ask.")),
        hints=("Compare the presets before and after recycling: what is different?",
               "When does a connection choose its replica?"),
        solution="A replica is chosen per connection, at the lookup. Set a maximum lifetime in "
                 "the pool, far below the time in which you need help, and far above what "
                 "opening a connection costs."),
    Explain(
        id="the-deputy",
        question="An RDS primary with a Multi-AZ standby is overloaded with reads. What helps?",
        choices=(
            Choice("Send the reads to the standby.",
                   "A standby of a Multi-AZ instance takes no connections until a failover."),
            Choice("A second standby.", "A deputy for the deputy still cooks for nobody."),
            Choice("A shorter DNS cache at the clients.",
                   "It shortens a failover, and there is none."),
            Choice("A read replica, for reads that may be a little old.",
                   "Replicas are for reading; they are asynchronous, so not for every read.",
                   right=True)),
        hints=("Multi-AZ is for one purpose, replicas are for another.",
               "Look at the preset of the standby: how many reads did it take before?"),
        solution="Multi-AZ is availability, read replicas are scale. Aurora uses the same "
                 "replicas for both."),
    Explain(
        id="old-profile",
        question="A user saves a profile, and the page that follows shows the old one; a second "
                 "later it is right. The reads go to RDS replicas. What is the simplest cure?",
        choices=(
            Choice("Read what has just been written from the primary.",
                   "Only the primary is sure to have it; all other reads stay where they are.",
                   right=True),
            Choice("More replicas.", "Each of them is as late as the others."),
            Choice("A longer connection lifetime.", "Every replica is behind, whichever it is."),
            Choice("Wait for the replicas before the write is confirmed.",
                   "RDS read replicas are asynchronous; you can't make the primary wait.")),
        hints=("How far behind is a replica, and what grows with it?",
               "Which instance has no lag?"),
        solution="The lag is a second or more on RDS, milliseconds on Aurora, zero only on the "
                 "writer. Read your own writes there."),
    Design(
        id="even-and-cheap", start=BUSY,
        free=("replicas", "connection_lifetime", "autoscaling", "target_cpu", "min_replicas",
              "max_replicas"),
        goals=(("latency_p99", "<=", 0.05), ("failed", "<=", 0.0)),
        good={"replicas": 4, "connection_lifetime": 60},
        question="Start from pools that hold on: {clients}, {read_rate}, {replicas} of "
                 "{instance_capacity}. Meet both goals at the least cost.",
        hints=("More replicas alone don't help; who tells the pools? But every new connection "
               "costs {connect_cost}.",
               "Right after the start all pools sit where their first answer sent them: there "
               "must be room for that."),
        solution="A lifetime of a minute or so evens the replicas out; far shorter ones pay for "
                 "connections instead of reads. One replica more than the mean load needs leaves "
                 "room for the uneven start: {answer}."),
    Predict(
        id="half-open", runs=(HALF_OPEN,), numbers=outage, unit="s",
        ask=lambda r: r.summary["failover_s"],
        question="The writer's host dies without a word; its connections stay half open. The "
                 "drivers have a socket timeout of {socket_timeout} and connect with a timeout of "
                 "{connect_timeout}; promotion takes {promotion_time}, DNS answers are kept for "
                 "{dns_ttl}. How long is the slowest client without a writer?",
        hints=("Who tells a client that waits for an answer that there will be none?",
               "When it notices, is there a new writer yet, and does it know the address?"),
        solution="After {longest} at most there is a new writer and everybody could know it; but a "
                 "client that hangs asks nobody before its socket timeout: {answer}. Below "
                 "{longest} the timeout hardly matters, as attempts to connect then fail."),
    Explain(
        id="yesterdays-chef",
        question="An hour after a failover some writes still fail with \"read-only\", others "
                 "succeed; a restart of the application cures it. What prevents it?",
        choices=(
            Choice("A shorter DNS TTL.",
                   "It says where a new connection goes; these are old ones that nobody closes."),
            Choice("A socket timeout.", "The old writer answers at once, with an error."),
            Choice("A pool that drops a connection on that error or tests it, or RDS Proxy.",
                   "The old writer is alive, as a reader: to the pool its connections look sound.",
                   right=True),
            Choice("One replica more.", "The failover went well; the clients didn't follow it.")),
        hints=("To whom are the connections open on which writes fail?",
               "Compare the presets of the read-only server and of the proxy.",),
        solution="A pool tests whether a connection is alive, not whether it may write. Treat the "
                 "read-only error as fatal, test before use, keep lifetimes short, or put RDS "
                 "Proxy in front, which knows the writer."),
    Predict(
        id="porter", runs=(PROXIED,), numbers=outage, unit="s",
        ask=lambda r: r.summary["failover_s"],
        question="Promotion takes {promotion_time}, clients keep DNS answers for {dns_ttl}. RDS "
                 "Proxy in front of the writer saves {proxy_gain} of the failover. How long is "
                 "the slowest client without a writer?",
        hints=("What do clients look up when they connect to a proxy?",
               "Take the saving from the promotion alone."),
        solution="The proxy's address doesn't change, so that there is no DNS answer to outlive: "
                 "{answer} instead of up to {longest}. Writes wait at the proxy meanwhile, at most "
                 "for the borrow timeout of {proxy_borrow_timeout}."),
    Design(
        id="storm", start=STORM,
        free=("retry_quota", "breaker", "max_attempts", "client_timeout", "replicas"),
        goals=(("goodput", ">=", 3_800.0),), good={"retry_quota": True},
        question="The preset *Retry storm*: one of {replicas} is away for a minute, and long "
                 "after it is back most of {read_rate} are answered too late. Meet the goal at the "
                 "least cost.",
        hints=("At the end all replicas are busy. With what?",
               "A replica more is paid for all day. Who makes the load that is too much?"),
        solution="The load that is too much is made of retries. A budget lets clients retry as "
                 "long as most of what they ask succeeds, and no longer: {answer}. A breaker does "
                 "it, too, and so does a single attempt, which has no second chance when one "
                 "replica fails. One more replica would do it for a fifth more money, until two "
                 "are away."),
)
