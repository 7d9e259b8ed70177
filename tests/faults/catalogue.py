"""The numbered faults and the promise for each. Tests name them: `@pytest.mark.fault(7)`."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault, the promise for it, and the caveat: what the tests leave out."""

    title: str
    promise: str
    caveat: str = ""


AREAS: dict[str, Sequence[int]] = {
    "The shop's API": range(1, 21),
    "The warehouse": range(21, 28),
    "Cache and message receivers": range(28, 32),
    "Processes and time": range(32, 39),
    "Airflow": range(39, 45),
    "Security": range(45, 53),
    "The distributed engine": range(53, 54),
    "Answers that are not what they seem": range(54, 64),
    "People and servers": (*range(64, 72), 73),
}

FAULTS: dict[int, Fault] = {
    1: Fault("Temporary server errors", "The day loads; each attempt is logged."),
    2: Fault("Permanent errors; closed port; unknown host", "Exit code 3, nothing landed."),
    3: Fault("429 with Retry-After in seconds, as a date, absurd", "The wait is honoured, up to the deadline."),
    4: Fault("No answer; an answer byte by byte", "One deadline for the whole extraction, then exit code 3."),
    5: Fault("Broken JSON, no body, HTML with status 200", "Exit code 3, with the URL and the first bytes."),
    6: Fault("A well-formed answer that is not a page of rows", "Exit code 3: never a success with zero rows."),
    7: Fault("Pages that lead back to themselves or never end", "Detected, or stopped at the page limit: exit code 3."),
    8: Fault(
        "A next page or a redirect on another host", "Refused before anything is sent there, including the token."
    ),
    9: Fault(
        "Pages that overlap or shift during extraction",
        "Copies are counted; if the shop sends a total, a day that does not match is read twice, then refused.",
    ),
    10: Fault("Health and data disagree", "Daybreak waits for health, then exit code 3 before anything is written."),
    11: Fault(
        "A new, a missing, a renamed field",
        "New fields are kept and reported; a row without a required one is rejected.",
    ),
    12: Fault("Numbers of every kind", "Judged by value, landed as the exact text."),
    13: Fault(
        "NUL, lone surrogates, 20 megabytes of text", "The row is rejected with a reason; the load goes through."
    ),
    14: Fault(
        "Texts that look like SQL, HTML, formulas, templates",
        "Byte-exact in raw and marts; escaped in reports.",
    ),
    15: Fault("Dates with offsets, in other formats, absurd", "The shop's one time zone decides; others are rejected."),
    16: Fault(
        "The same id twice, within a day or on two days",
        "One counts, by a documented rule; none counts twice or is lost.",
    ),
    17: Fault("An order changes, a row or a day vanishes", "The marts follow the shop; other days stay."),
    18: Fault("A day without rows", "An explicit decision, a warning, a volume alert; marts exist."),
    19: Fault(
        "Ten times the day; a million rows",
        "Bounded time and memory; a volume alert.",
        "`make bench` measures the time; no test does.",
    ),
    20: Fault(
        "A bad rate at the threshold; rows in another order", "The exact threshold passes; order changes nothing."
    ),
    21: Fault("Postgres ends sessions, is killed, hangs", "Exit code 4 or success; the next run repairs everything."),
    22: Fault(
        "Closed port, wrong password, read-only, no free connection", "Exit code 4 within seconds, with the remedy."
    ),
    23: Fault("The disk is full, then larger", "Readers keep the old day; the next run repairs everything."),
    24: Fault(
        "A reader idle in a transaction, a conflicting lock, a deadlock, a statement timeout",
        "A lock timeout keeps readers from queueing; one retry, then exit code 4; the next run repairs it.",
    ),
    25: Fault("The network fails during a load", "Exit code 4, nothing visible; the next run repairs it."),
    26: Fault("A reader's own views and grants on marts", "They survive every run, re-run and full refresh."),
    27: Fault("A model fails; dbt is killed; no model is selected", "Readers see the old day; never a success."),
    28: Fault(
        "Redis down, hanging, full, with another password", "A warning in bounded time; the next run repairs it."
    ),
    29: Fault("Killed while writing to Redis", "Every key has a time to live; no product is half old, half new."),
    30: Fault(
        "A receiver down, slow, failing, redirecting", "The run succeeds; the message follows later, with its key."
    ),
    31: Fault("Killed between sending a message and recording it", "Sent twice with one key, never lost."),
    32: Fault(
        "Killed at any step, at any moment", "Repeating the command gives the same result as an undisturbed run."
    ),
    33: Fault("SIGTERM, Ctrl-C", "Ends within 30 seconds; repeating the command continues from there."),
    34: Fault(
        "Runs at the same time",
        "For one day, one run works and the other exits with 6, even if it held the day before; days are independent.",
    ),
    35: Fault("A day's run is killed, then the next day runs", "Each day has its own rows."),
    36: Fault("A clock that is days off", "The same marts: no model and no step reads the clock."),
    37: Fault("A full disk under the state directory, or no write permission", "An error that names the path."),
    38: Fault("Any mixture of the above", "The marts equal a simple model of the admitted rows."),
    39: Fault("A task is retried or cleared", "The same result."),
    40: Fault(
        "A scheduler or a worker is killed, or freezes",
        "The retry gives the same result; a task that continues nevertheless changes nothing.",
    ),
    41: Fault(
        "A parallel backfill",
        "The same marts as day by day.",
        "A month by default; shown only with `FAULT_BACKFILL_DAYS=8` so far.",
    ),
    42: Fault(
        "The gate refuses under Airflow", "Publish is skipped, an alert goes out, customer_health does not start."
    ),
    43: Fault(
        "An event for an old day, twice, out of order",
        "Each run has the right day; a run without work publishes nothing and succeeds.",
    ),
    44: Fault("A red model or test under Airflow", "Red until it is fixed, then green when cleared."),
    45: Fault(
        "Too many privileges", "Each step has the least privileges that it needs; readers can only select from marts."
    ),
    46: Fault("Days and texts that look like SQL or templates", "Refused, or treated literally."),
    47: Fault("TLS with the wrong authority or host name", "Refused if verification is configured."),
    48: Fault("Mentions, markup and secrets in messages", "Escaped; no secrets and no personal data go out."),
    49: Fault(
        "Other users of the machine",
        "Embedded servers listen on 127.0.0.1 only, with a password; every file of a run is private from its first "
        "byte, whatever the umask.",
    ),
    50: Fault("Airflow's API without a token", "401; only its owner can read the generated password."),
    51: Fault(
        "A customer asks for erasure",
        "One command; the id, in any spelling, is gone from tables, Redis and files, and later loads leave it out.",
    ),
    52: Fault("Telemetry of the tools, and no network", "Off; a run needs no network but the shop's."),
    53: Fault(
        "An engine or its exchange is missing, is killed, hangs",
        "Exit code 4, never another engine instead; readers keep the old day; repeating the command repairs it.",
    ),
    54: Fault(
        "A declared place on no page; more without a cursor; a single page that says there is more",
        "Exit code 3 with the key, and how a key with a dot is written.",
    ),
    55: Fault(
        "An error beside rows or an empty list, REST or GraphQL",
        "Exit code 3 with the shop's message; `accept` names what is no error.",
    ),
    56: Fault("A total that is that of the page", "One more page is requested before the total is believed."),
    57: Fault(
        'null, `{}`, `""` or no key for an empty list; an object for a list',
        "No rows where the total is 0 or rows came before, else exit code 3; the rows of the object.",
    ),
    58: Fault(
        "An error after the last page, a repeated cursor, one page under other cursors",
        "The rows, or exit code 3 within a few requests, with the key to declare.",
    ),
    59: Fault(
        "Decimals and absurd dates in Retry-After, reset headers, THROTTLED with 200, a token that ends early",
        "Waited for up to the deadline; the token is renewed once per request.",
    ),
    60: Fault(
        "A refused parameter, a firewall, gzip without its header, another charset, a wrong token or scheme, no key",
        "Each has its own cause and remedy, or is read.",
    ),
    61: Fault(
        "A next page without TLS, on another port, with a broken URL",
        "Requested with the shop's own scheme, or exit code 3; no token in plain text, no query in a message.",
    ),
    62: Fault(
        "A body that is no JSON, an error that quotes a customer or the token",
        "Cleaned as a whole before it is cut; nothing of a row is quoted.",
        "Names of people cannot be recognised in an error of the shop.",
    ),
    63: Fault(
        "Noise of floating-point numbers, more than two decimals",
        "The nearest cent; rounded where `amount_decimals` says so, else rejected.",
    ),
    64: Fault(
        "One person in several spellings, guests with one id, orders without a customer",
        "An e-mail address is one customer; `no_customer` names ids that mean nobody; sales are complete.",
    ),
    65: Fault(
        "A second currency, test orders, cancelled ones, statuses in other spellings",
        "Rejected or converted; no revenue; compared without regard to case and white space.",
        "A shop that declares none of these fields is not checked for them.",
    ),
    66: Fault(
        "A refund, a cancel or an edit weeks after the day, with and without a changed date of change",
        "It is in the marts after the next night: by the day of the last change, or by `lookback_days`. A refund "
        "counts on its own date.",
        "Without a date of change, between the days that `lookback_days` names it comes with the next of them.",
    ),
    67: Fault(
        "A day that has not begun, that is not over, or that should never have been loaded",
        "Exit code 2; a warning; `daybreak unpublish` takes it out of marts, models and Redis as if it had never been "
        "loaded.",
    ),
    68: Fault(
        "A pooler, a socket folder, a database of another encoding or with a %, a Redis cluster, a wrong REDIS_URL",
        "It works, or `daybreak doctor` and the first step name it.",
    ),
    69: Fault(
        "Numbers with huge exponents or thousands of digits; millions of empty rows in a small gzip",
        "The rows are rejected without computing the numbers; the page is refused before it is parsed.",
    ),
    70: Fault(
        "Another user of the machine reads files while a day is loaded",
        "Files are 0600 and folders 0700 from the first byte, whatever the umask.",
    ),
    71: Fault(
        "A member of daybreak_transformer adds a trigger to a mart, or changes the password of the role",
        "The trigger runs as the role, which has no more rights; the next run sets the password again. "
        "PGUSER of the embedded server is no superuser either.",
        "Without PGPASSWORD, or the right to alter roles, it could act as PGUSER: `daybreak doctor` says so.",
    ),
    73: Fault(
        "Control characters in a text of the shop; another site's page that calls the demo's shop or the report",
        "They never reach the terminal; 421.",
    ),
}
