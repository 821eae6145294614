"""The questions of `elasticache-strategies`; every number in an answer comes from the model."""

from labsim.builtin.elasticache_strategies.story import FLUSHED, FULL, HOT
from labsim.declare import Choice, Design, Explain, Predict, percent
from labsim.text import format_value


def room(p) -> dict[str, str]:
    """How much of everything fits, in words."""
    return {"fits": format_value(100 * p.room / p.keys, "%"), "items": f"{p.room:,}"}


def lost(p) -> dict[str, str]:
    """What a node has, in words."""
    return {"ring": format_value(100 / p.nodes, "%")}


SMALL = {"nodes": 2, "skew": 1.0, "duration": 100}
FLAT = {"nodes": 1, "node_items": 250_000, "skew": 0.0, "database_servers": 100, "duration": 100}
OLD = {"keys": 1, "ttl": 20, "read_rate": 1_000, "write_rate": 2, "duration": 100}
LABELS = {"nodes": 5, "ring": False, "lost_nodes": 1, "engine": "memcached"}

EXERCISES = (
    Predict(
        id="a-tenth", runs=(SMALL,), ask=percent("hit_ratio"), unit="%", within=0.12,
        numbers=room,
        question="{keys}, as popular as words in a text (Zipf, skew {skew}); {items} fit into the "
                 "cache, which is warm. How many per cent of the reads does it answer?",
        hints=("Is each item asked for as often as any other?",
               "{fits} of all items fit, but they are those that are asked for most."),
        solution="{fits} of the items, and {answer} of the reads: the popular ones are on the "
                 "shelf. The first bytes of memory are worth most."),
    Predict(
        id="flat", runs=(FLAT,), ask=percent("hit_ratio"), unit="%", within=0.12, numbers=room,
        question="The same, but all {keys} are equally popular, and {items} fit. How many per cent "
                 "now?",
        hints=("Which of them are on the shelf?", "Any {fits} of them."),
        solution="As much as fits: {answer}. A cache lives on differences in popularity, whatever "
                 "its policy."),
    Predict(
        id="old", runs=(OLD,), ask=percent("stale_share"), unit="%", within=0.2,
        question="One page, written {write_rate} and read {read_rate}, lazy loading, a TTL of "
                 "{ttl}. How many per cent of the answers are out of date?",
        hints=("How long after it was fetched is the first write?",
               "After half a second on average; and then it stays as it is until the TTL."),
        solution="Fresh for half a second, stale for the rest of the TTL: {answer}. A TTL bounds "
                 "how old an answer is, not how many are old."),
    Predict(
        id="labels", runs=(LABELS,), ask=percent("keys_moved_share"), unit="%", within=0.06,
        numbers=lost,
        question="{nodes}, clients find a key's node by its number modulo the nodes. One is lost. "
                 "How many per cent of all keys are looked for elsewhere from now on?",
        hints=("More than those of the lost node. Which keys keep theirs?",
               "Those whose number leaves the same rest by five and by four."),
        solution="{answer}. On a ring of hashes it is {ring}, those of the lost node: use a client "
                 "that does that."),
    Explain(
        id="midnight",
        question="A job loads all pages into the cache at midnight, with a TTL of an hour. At one "
                 "o'clock the database is down each night. Why?",
        choices=(
            Choice("The job writes too many pages at once.",
                   "That is at midnight, and the database is well then."),
            Choice("Backups run at one.", "They may, but look at what the cache does at one."),
            Choice("All pages expire at the same moment, and all readers go to the database.",
                   "They were loaded together and have the same TTL.", right=True),
            Choice("The cache throws pages out for want of room.",
                   "That would happen all the time, a little.")),
        hints=("What have all pages in common?", "Compare the two presets with a common TTL."),
        solution="Spread the TTLs at random. A lock helps where many want the same page, and "
                 "refreshing popular pages before they expire helps both."),
    Explain(
        id="through",
        question="Write-through keeps every answer fresh. What does it not do?",
        choices=(
            Choice("Fill a new node: who was not written lately misses there.",
                   "A node that is new or lost its items is filled by misses or by writes only.",
                   right=True),
            Choice("Update items that are in the cache already.", "It does just that."),
            Choice("Work with a TTL.", "It does, and a TTL keeps out what nobody reads."),
            Choice("Make reads quicker.", "A hit is as quick as any other.")),
        hints=("What happens to keys that are read and never written?",
               "Look at the hit ratio of the preset from its beginning, without warming up."),
        solution="So both are used together: lazy loading for what is missing, write-through for "
                 "what changes, and a TTL for what nobody wants any more."),
    Explain(
        id="small-database",
        question="With a cache in front a database was made smaller, since it gets one read of "
                 "ten. What have its owners forgotten?",
        choices=(
            Choice("That caches cost more than databases.", "For reads in memory they don't."),
            Choice("That the cache may be empty, and then it gets all ten.",
                   "A lost node, an expiry, a deployment: then the database must bear it, or the "
                   "cache must not be lost.", right=True),
            Choice("That writes go to the database as before.",
                   "They do, and it was made for them."),
            Choice("That Redis has one thread.", "It is quick enough with one.")),
        hints=("When does a hit ratio of nine tenths not hold?",
               "Look at what the database gets in the preset with modulo."),
        solution="Then the cache is no more a matter of speed but of life. Replicas in other "
                 "zones, a hash ring, and a limit of how many go down at a time."),
    Design(
        id="front-page", start={**HOT, "nodes": 4},
        free=("lock", "jitter", "ttl", "nodes", "node_items"),
        goals=(("duplicate_fetches", "<=", 0.0), ("stale_age_max", "<=", 15.0),
               ("failed", "<=", 0.0)),
        good={"lock": True, "nodes": 1, "node_items": 2_000}, slack=1.05,
        question="One page is nearly half of the traffic and takes {database_time} to make. "
                 "Answers may be fifteen seconds old, no page may be made twice at a time, none "
                 "may fail. Meet the goals at the least cost.",
        hints=("What keeps two readers from making the same page?",
               "A node that holds as much as four costs as much as one of them here."),
        solution="{answer}: one goes and the others wait. Jitter is for many pages, a lock is for "
                 "one."),
    Design(
        id="survive", start={**FULL, "nodes": 4, "lost_nodes": 1, "ring": False},
        free=("engine", "replicas", "ring", "node_items", "database_servers"),
        goals=(("failed", "<=", 0.0), ("queue_max", "<=", 40.0)),
        good={"ring": True},
        question="A node of four is lost. The queue before the database must stay short, at the "
                 "least cost.",
        hints=("A replica costs a node. Is there anything that costs nothing?",
               "How many keys are looked for elsewhere, and how many need be?"),
        solution="{answer}: three quarters of the shelf stay where they are, and the database "
                 "bears the rest. If it didn't, replicas would be worth their price."),
    Design(
        id="flush", start=FLUSHED,
        free=("lock", "database_timeout", "client_timeout", "max_attempts", "retry_quota"),
        goals=(("goodput", ">=", 23_500.0), ("amplification", "<=", 1.15)),
        good={"database_timeout": 0.5},
        question="The cache is flushed, and readers who wait for {client_timeout} and try "
                 "{max_attempts} keep the database busy with reads of which nobody sees the "
                 "answer. Let the system find back, with nothing bought.",
        hints=("What is done with a query whose reader is gone?",
               "The database keeps who would wait for {database_timeout}; his reader is gone by "
               "then, and has asked again."),
        solution="{answer}: what waits at the database for longer than its reader does is work for "
                 "nobody, and his second read one more. A lock does it as well: the second one "
                 "waits with the first. A retry budget alone does not, for work for nobody goes "
                 "on."),
)
