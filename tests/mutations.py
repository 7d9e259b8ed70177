"""Mutations of the lines that guarantee essential behaviour, and the tests that must fail: `test_mutations.py`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A mutation: in `file`, `old` becomes `new`, and one of `tests` must fail."""

    file: str
    old: str
    new: str
    tests: str


BUILD_ENDS = "            {%- elif pipeline.name in ran -%}\n"
EACH_MART_ALONE = """
    {%- for mart in models_of(pipeline) if mart.config.materialized == 'published' -%}
        {%- do run_query(
            'do $one$ declare frozen record; begin select is_full into frozen from ' ~ relation_of(pipeline.worklist)
            ~ ' limit 1; ' ~ delete_vanished_rows(mart) ~ merge_changes(mart) ~ ' end $one$'
        ) -%}
        {%- do adapter.commit() -%}
    {%- endfor -%}
"""

MUTATIONS = {
    "publish is one transaction": Mutation(
        "dbt_project/macros/publish/publish.sql",
        BUILD_ENDS,
        BUILD_ENDS + EACH_MART_ALONE,
        "tests/dbt_project/test_publish.py::test_readers_never_see_a_mixed_state",
    ),
    "publish writes no unchanged row": Mutation(
        "dbt_project/macros/publish/merge_changes.sql",
        "(mart.{{ contents | join(', mart.') }}) is distinct from (changes.{{ contents | join(', changes.') }})",
        "true",
        "tests/dbt_project/test_merge_changes.py",
    ),
    "publish deletes vanished rows": Mutation(
        "dbt_project/macros/publish/publish_body.sql",
        "    {{ delete_vanished_rows(mart) }}\n",
        "",
        "tests/dbt_project/test_merge_changes.py",
    ),
    "totals have room on their pages": Mutation(
        "dbt_project/macros/publish/published.sql",
        "if model.config.meta.fillfactor else",
        "if false else",
        "tests/dbt_project/test_merge_changes.py",
    ),
    "publish refuses a build on other marts": Mutation(
        "dbt_project/macros/publish/publish_body.sql",
        "<> frozen.based_on then",
        "< 0 then",
        "tests/dbt_project/test_publish.py::test_a_build_whose_marts_have_changed_is_refused",
    ),
    "publish refuses a failed build": Mutation(
        "dbt_project/macros/publish/publish_blocker.sql",
        "not in ('success', 'pass', 'warn')",
        "in ()",
        "tests/dbt_project/test_bare_build.py::test_a_red_test_publishes_nothing_and_a_retry_does",
    ),
    "models read the loads that count": Mutation(
        "dbt_project/models/intermediate/orders/int_orders_accepted.sql",
        "        and _load_id = any(array(select days.load_id from days))\n",
        "",
        "tests/laws/test_laws.py",
    ),
    "a half-landed load is invisible": Mutation(
        "ingestion/landing/raw_loading.py",
        "if landed != (given := sum(file.row_count for file in files)):",
        "if landed < (given := 0):",
        "tests/ingestion/test_landing.py tests/ingestion/test_raw_loading.py",
    ),
    "the gate refuses above the threshold": Mutation(
        "expectations/gate.py",
        "counts.rejected > judged_by.max_bad_rate * counts.judged",
        "counts.rejected >= judged_by.max_bad_rate * counts.judged",
        "tests/expectations/test_gate.py",
    ),
    "a refused load is not admitted": Mutation(
        "expectations/gate.py",
        'if decision.decision != "refused":',
        "if True:",
        "tests/expectations/test_gate.py::test_a_refused_load_leaves_the_admitted_one",
    ),
    "a day is locked": Mutation(
        "warehouse/locks.py",
        'return bool(row and row["held"])',
        "return True",
        "tests/warehouse/test_locks.py",
    ),
    "a run that lost a day is fenced": Mutation(
        "warehouse/locks.py",
        'if row is None or row["token"] != token:',
        "if row is None:",
        "tests/warehouse/test_locks.py",
    ),
    "a deadlock is retried": Mutation(
        "warehouse/locks.py",
        "stop=stop_after_attempt(2)",
        "stop=stop_after_attempt(1)",
        "tests/faults/test_time_limits.py",
    ),
    "steps take roles": Mutation(
        "warehouse/roles.py",
        "    if wanted_role():\n",
        "    if False:\n",
        "tests/warehouse/test_roles.py",
    ),
    "messages are redacted": Mutation(
        "monitoring/plain_text.py",
        "    for pattern, replacement in HIDDEN:\n        line = pattern.sub(replacement, line)\n",
        "",
        "tests/monitoring/alerting/test_alerts.py",
    ),
    "errors of libraries are not quoted in the log": Mutation(
        "pipeline_errors.py",
        "return str(error) if isinstance(error, DaybreakError) else type(error).__name__",
        "return str(error)",
        "tests/monitoring/runs/test_run_log.py tests/faults/test_canaries.py",
    ),
    "a driver's details stay in the database": Mutation(
        "ingestion/landing/dlt_errors.py",
        'cause.diag.message_primary or str(cause).partition("\\n")[0]',
        "str(cause)",
        "tests/ingestion/test_landing.py",
    ),
    "URLs are reported without their secrets": Mutation(
        "ingestion/http/urls.py",
        '(parts.netloc + parts.path).rpartition("@")[2]',
        'parts.netloc + parts.path + "?" + parts.query',
        "tests/ingestion/test_shop_errors.py",
    ),
    "the token stays with the shop": Mutation(
        "ingestion/http/session.py",
        "if origin(url) == origin(self._base_url):",
        "if True:",
        "tests/ingestion/test_shop_errors.py",
    ),
    "a read of a day has one deadline": Mutation(
        "ingestion/http/deadline.py",
        "socket.socket.shutdown(connection, socket.SHUT_RDWR)",
        "pass",
        "tests/ingestion/test_shop_errors.py",
    ),
    "a product switches whole": Mutation(
        "serving/product_cache.py",
        "pipeline = client.pipeline(transaction=True)",
        "pipeline = client.pipeline(transaction=False)",
        "tests/serving/test_product_cache.py",
    ),
    "every key expires": Mutation(
        "serving/product_cache.py",
        "        pipeline.expire(_key(product_id), TIME_TO_LIVE)\n",
        "",
        "tests/serving/test_product_cache.py",
    ),
    "a message is marked after it was sent": Mutation(
        "monitoring/alerting/outbox.py",
        "            error = receivers.send(",
        "            connection.execute(MARK, {**row, 'payload': None, 'error': None, 'wait': None})\n"
        "            connection.execute('commit')\n            error = receivers.send(",
        "tests/monitoring/alerting/test_outbox.py::test_killed_after_the_post_it_is_sent_twice_with_one_key",
    ),
    "monitoring breaks no pipeline": Mutation(
        "monitoring/runs/run_log.py",
        '    except Exception as failure:\n        logger.warning("The run log could',
        '    except ZeroDivisionError as failure:\n        logger.warning("The run log could',
        "tests/monitoring/runs/test_run_log.py",
    ),
}
