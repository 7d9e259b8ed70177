"""The faults that must not hurt, numbered, with what we promise for each. Tests name them: `@pytest.mark.fault(7)`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault, what is promised when it happens, and, if tests cannot show all of it here, what they leave out."""

    title: str
    promise: str
    caveat: str = ""


AREAS: dict[str, range] = {
    "The shop's API": range(1, 21),
    "The warehouse": range(21, 28),
    "Cache and receivers of messages": range(28, 32),
    "Processes and time": range(32, 39),
    "Airflow": range(39, 45),
    "Security": range(45, 53),
    "The distributed engine": range(53, 54),
}

FAULTS: dict[int, Fault] = {
    1: Fault("Server errors that pass", "The day loads; each attempt is logged."),
    2: Fault("Errors that stay; nobody listens; unknown host", "Exit code 3, and nothing landed."),
    3: Fault("429 with Retry-After in seconds, as a date, absurd", "We wait as asked, and never past the deadline."),
    4: Fault("No answer; an answer byte by byte", "One deadline for the whole reading, then exit code 3."),
    5: Fault("Broken JSON, no body, HTML with status 200", "Exit code 3, with URL and first bytes."),
    6: Fault("A well-formed answer that is no page of rows", "Exit code 3: never zero rows and a success."),
    7: Fault("Pages that lead back to themselves or never end", "Noticed, or stopped at the page limit: exit code 3."),
    8: Fault("A next page or a redirect on another host", "Refused before anything, token included, is sent there."),
    9: Fault(
        "Pages that overlap or shift while they are read",
        "Copies are counted; where the shop tells a total, a day that does not add up is read twice, then refused.",
    ),
    10: Fault("Health and data disagree", "We wait for health, then exit code 3 before anything is written."),
    11: Fault(
        "A new, a missing, a renamed field", "New ones are kept and told; without a required one a row is rejected."
    ),
    12: Fault("Numbers of every kind", "Judged by value, landed as the text that came."),
    13: Fault("NUL, lone surrogates, 20 megabytes of text", "That row is rejected with a reason; the load lives."),
    14: Fault(
        "Texts that look like SQL, HTML, formulas, templates",
        "Byte-exact in raw and marts; escaped where people read.",
    ),
    15: Fault("Dates with offsets, in other forms, absurd", "The shop's one time zone decides; the rest is rejected."),
    16: Fault(
        "The same id twice, within a day or on two", "One stays, by a stated rule; none counts twice or is lost."
    ),
    17: Fault("An order changes, a row or a day vanishes", "The marts say what the shop says now; other days stay."),
    18: Fault("A day without rows", "An explicit decision, a warning, an alert on volume; marts exist."),
    19: Fault(
        "Ten times the day; a million rows",
        "Bounded time and memory; an alert on volume.",
        "Time is measured by `make bench`, not tested.",
    ),
    20: Fault(
        "A bad rate at the threshold; rows in another order", "The exact threshold passes; order changes nothing."
    ),
    21: Fault(
        "Postgres ends our sessions, is killed, falls silent", "Exit code 4 or success; the next run puts all right."
    ),
    22: Fault(
        "Closed port, wrong password, read-only, no free connection", "Exit code 4 within seconds, with the remedy."
    ),
    23: Fault("The disk is full, then larger", "Readers keep the old day; the next run puts all right."),
    24: Fault(
        "A reader idle in a transaction, a conflicting lock, a deadlock, a statement timeout",
        "A lock timeout keeps readers from queueing behind us; one more try, then exit code 4; the next run heals it.",
    ),
    25: Fault("The network breaks in the middle of a load", "Exit code 4, nothing visible; the next run heals it."),
    26: Fault("A reader's own views and grants on marts", "They survive every run, re-run and full refresh."),
    27: Fault("A model fails; dbt is killed; nothing is selected", "Readers see the old day; never a success."),
    28: Fault("Redis down, silent, full, with another password", "A warning in bounded time; the next run heals it."),
    29: Fault("Killed while Redis is written", "Every key has a time to live; no product is half old, half new."),
    30: Fault("A receiver down, slow, failing, redirecting", "Data succeed; the message follows later, with its key."),
    31: Fault("Killed between sending a message and noting it", "Sent twice with one key, never lost."),
    32: Fault("Killed at any step, at any moment", "The same command again ends as if nothing had happened."),
    33: Fault("SIGTERM, Ctrl-C", "Gone within 30 seconds; the same command goes on from there."),
    34: Fault(
        "Runs at the same time",
        "Of one day one works, the other exits with 6, even if it held the day before; days are independent.",
    ),
    35: Fault("A day is killed, then the next one runs", "Each day holds its own rows."),
    36: Fault("A clock that is days off", "The same marts: no model and no step looks at the clock."),
    37: Fault("A full disk under the state directory, or no right to write", "An error that names the path."),
    38: Fault("Any mixture of the above", "The marts equal a plain model of what was admitted."),
    39: Fault("A task is retried or cleared", "The same result."),
    40: Fault(
        "A scheduler or a worker is killed, or stands still",
        "The retry ends as if nothing had happened; a task that goes on after all changes nothing.",
    ),
    41: Fault(
        "A parallel backfill",
        "The same marts as day by day.",
        "A month by default, which has been shown with `FAULT_BACKFILL_DAYS=8` only.",
    ),
    42: Fault("The gate refuses under Airflow", "Publish is skipped, people are told, customer_health does not start."),
    43: Fault(
        "An event for an old day, twice, out of order",
        "Each run has the right day; one that finds no work publishes nothing, and is green.",
    ),
    44: Fault("A red model or test under Airflow", "Red until it heals, then green when cleared."),
    45: Fault("Too many privileges", "Each step has the least that it needs; readers can select from marts alone."),
    46: Fault("Days and texts that try to be SQL or templates", "Refused, or taken literally."),
    47: Fault("TLS with the wrong authority or host name", "Refused where verification is asked for."),
    48: Fault("Mentions, markup and secrets in messages", "Escaped; no secret and no personal data goes out."),
    49: Fault("Embedded servers", "127.0.0.1 only, with a password, private files."),
    50: Fault("Airflow's API without a token", "401; the generated password is for its owner only."),
    51: Fault(
        "A customer asks to be forgotten",
        "One command; the id is nowhere in tables, Redis and files, and later loads leave it out.",
    ),
    52: Fault("Telemetry of the tools, and no network", "Off; a run needs no network but the shop's."),
    53: Fault(
        "An engine or its exchange is not there, is killed, falls silent",
        "Exit code 4, never another engine in its place; readers keep what they have, and the same again heals it.",
    ),
}
