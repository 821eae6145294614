"""The questions of `retry-storms`; every number in an answer comes from the model."""

from labsim.builtin.retry_storms.story import PRESETS
from labsim.declare import Back, Choice, Design, Explain, Level, Predict, Sketch, metric, percent

STORY = {preset.name: preset.values for preset in PRESETS}
ALL_FAIL = {"targets": 1, "faults": "web-1 errors 0 0 1", "retry_mode": "at-once"}
HALF_LOST = {"faults": "clients to web lost 0 0 0.3", "max_attempts": 4}
WELL = (("goodput_end_share", ">=", 0.95), ("outage_s", "<=", 40.0))


def story(id: str, name: str, free: tuple[str, ...], good: dict, question: str,
          hints: tuple[str, str], solution: str, goals=WELL) -> Design:
    """A design exercise that begins in one of the stories."""
    return Design(id=id, start=STORY[name], free=free, goals=goals, good=good, question=question,
                  hints=hints, solution=solution)


EXERCISES = (
    Predict(
        id="all-fail", runs=(ALL_FAIL,), ask=metric("amplification"), unit="x", within=0.02,
        question="The only web server answers each request with an error. Clients make "
                 "{max_attempts}. How many attempts come per request?",
        hints=("Does any attempt succeed?", "Then each client goes on to its last one."),
        solution="{answer}: retries multiply the load just when nothing works."),
    Predict(
        id="some-lost", runs=(HALF_LOST,), ask=metric("amplification"), unit="x", within=0.08,
        question="The network loses three of ten requests, and three of ten answers. Clients make "
                 "at most {max_attempts}. How many attempts per request?",
        hints=("Which share of the attempts fails? There are two ways.",
               "About half. The second attempt is made by that share, the third by its square."),
        solution="{answer}: one, and the failing share, and its square, and its cube. As long as "
                 "failures don't depend on load, that is all that retries cost."),
    Predict(
        id="storm", runs=(STORY["Retry storm"],), ask=percent("goodput_end_share"), unit="%",
        within=0.1,
        question="The database, two thirds busy, is slow from the twentieth second on, for "
                 "fifteen. How many per cent of the requests are answered in time in the last "
                 "quarter of the run, when it has long been well?",
        hints=("How many queries per second does it get when each request is tried three times?",
               "More than it can do: its queue never gets shorter than the clients' patience."),
        solution="{answer}. The load is as before, the database is as before, and the retries "
                 "keep it where it fell: a metastable failure."),
    Explain(
        id="late", run=STORY["Retry storm"],
        question="In the storm the database is fully busy, and nobody gets an answer. What is it "
                 "doing?",
        choices=(
            Choice("It waits for locks.", "There are none here."),
            Choice("It works on queries whose clients have given up.",
                   "Each answer comes when its asker has gone and asked again.", right=True),
            Choice("It is still slow.", "It has been well for long: look at the shade."),
            Choice("It turns queries away.", "It takes each one; that is just the trouble.")),
        hints=("Look at the panel with the answers that come too late.",
               "How long is its queue in seconds, and how long do clients wait?"),
        solution="Goodput counts what somebody still wants. A server that is fully busy with "
                 "yesterday's questions has none."),
    Explain(
        id="faster",
        question="An outage goes on though its cause is gone. Which of these does not end it?",
        choices=(
            Choice("Turn clients away at the door until the queues are empty.",
                   "That ends it: less load than the system can bear, for a while."),
            Choice("Restart the servers, so that their queues are empty.",
                   "It helps if the retries die with the queues, which they do when clients' "
                   "attempts are used up."),
            Choice("Let clients make more attempts.",
                   "That makes the load larger which keeps it down.", right=True),
            Choice("Drop queries that have waited for longer than a client does.",
                   "Then the database works for people who are still there.")),
        hints=("What keeps the system down?", "The load that comes back."),
        solution="Whatever lowers the load that comes back, or the work for nobody, ends it."),
    story("budget", "Retry storm", ("retry_quota", "breaker", "queue_order", "max_queue"),
          {"retry_quota": True},
          "Clients must still be able to try three times. Bring the service back.",
          ("Web servers are not what is full.", "Who decides whether a retry is worth its load?"),
          "{answer}. A retry costs tokens that only successes bring back: when nothing succeeds, "
          "clients soon stop. A breaker does it, too. A queue's order at the web servers does "
          "not, for the queue is before the database."),
    story("shed", "Contention", ("max_queue", "queue_order", "retry_quota"), {"max_queue": 4},
          "Nobody retries, and the load is back to normal. Bring the service back.",
          ("Why are web servers slower than before?",
           "Because they have so much at hand. Who could say no?"),
          "{answer}: who is refused at once costs nothing, and the others are served at full "
          "speed."),
    story("pool", "Connection pool exhausted", ("pool", "threads", "database_timeout", "cancels"),
          {"database_timeout": 0.3, "cancels": True},
          "More than half of the requests need no database. Keep them alive while it is slow.",
          ("What does a thread do that waits for a connection?",
           "More of them only wait, too. How long need one wait, and what should become of its "
           "query then?"),
          "{answer}: a thread that gives up soon is free for those whom the cache can answer. A "
          "timeout alone makes it worse: the database goes on with queries of nobody, and each "
          "frees a connection for one more.", goals=(("goodput_share", ">=", 0.9),)),
    story("stampede", "Cache stampede", ("lock", "retry_quota", "max_attempts"), {"lock": True},
          "Keep the pages' expiry from taking the service down.",
          ("How many make a page at the same time?", "How many need to?"),
          "{answer}: the first goes, the others get his answer. Jitter of the TTLs helps where "
          "many pages expire together; these few each bring a crowd of their own."),
    story("flush", "Cache flush", ("shed_after", "retry_quota", "lock", "max_attempts"),
          {"shed_after": 0.4},
          "The cache is empty. Let it fill again.",
          ("Why does hardly any answer of the database get into the cache?",
           "Because the web server that wanted it has given up by then. Which queries should the "
           "database not even begin?"),
          "{answer}: queries that nobody waits for any more are dropped, the others come in time "
          "and fill the cache, and with each the load gets less. Fewer retries alone are not "
          "enough: the cache's misses are more than the database can do."),
    story("timeouts", "Timeout cascade", ("database_timeout", "database_attempts", "cancels"),
          {"database_timeout": 0.3, "cancels": True},
          "Web servers must still be able to ask three times. Make the timeouts fit.",
          ("For whom does a web server ask the second and the third time?",
           "All its attempts must fit into the client's second; and what it has given up, the "
           "database should give up, too."),
          "{answer}: three attempts within a second, and no query for nobody. What is inside "
          "must give up before what is outside."),
    story("black-hole", "Least outstanding requests", ("algorithm", "anomaly_mitigation"),
          {"algorithm": "weighted_random", "anomaly_mitigation": True},
          "Health checks pass, for the target answers. Keep most requests away from it.",
          ("What does the algorithm see of a target that fails at once?",
           "That it is always free. Which one looks at errors?"),
          "{answer}: targets with unusually many errors get less. Who fails fastest must not look "
          "like who works fastest.", goals=(("goodput_end_share", ">=", 0.85),)),
    story("stale", "Stale queue", ("queue_order", "max_wait", "max_queue", "threads"),
          {"queue_order": "lifo"},
          "After a spike each answer comes too late. Bring the service back within some seconds.",
          ("Whom does the web server serve first?", "Somebody who has left. Who is still there?"),
          "{answer}: who came last still waits for the answer. Dropping who has waited too long "
          "does as well."),
    Sketch(
        id="draw-the-cliff", run=STORY["Retry storm"], metric="goodput_end_share",
        over="request_rate", values=(2, 6, 8, 9, 10, 11, 12, 16, 22, 32),
        label="Answered in time at the end", unit="%", scale=100, top=100,
        rules=(Level(along=0.05, within=0.15), Back(below=0.5, within=0.12),
               Level(along=0.7, within=0.15)),
        question="The same fifteen slow seconds, with less load and with more. Without them the "
                 "database is busy to the brim at thirty requests a second. Which share is "
                 "answered in time in the last quarter of the run? Draw it over the load.",
        hints=("Is there a middle between all and nothing, long after the trouble?",
               "After it each request is tried three times. Which load is then as much as the "
               "database can do?"),
        solution="All, and then none: a cliff, at a third of what the database can do, for each "
                 "request comes three times. Between the cliff and the brim the service works "
                 "until something happens."),
)
