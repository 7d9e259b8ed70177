"""The laws under the real scheduler: nights of the simulated shop with faults, against the oracle."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from local.demo_shop.shop_server import ShopServer
from local.demo_shop.simulated_shop import CORRECTED_DAY, REFUSED_DAY, SimulatedShop
from local.state import free_port
from orchestration.day_run import days_between
from tests.laws.nights import DATASETS, HEALTH, ORDERS, REVIEWS, Nights, nights, sent_alerts
from transformation.pipelines import BY_NAME
from warehouse.connection import connect

__all__ = ["nights"]  # a fixture

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

DAYS = days_between(REFUSED_DAY - timedelta(days=1), REFUSED_DAY + timedelta(days=1))
LONGEST_XCOM = 2048  # bytes


def falsify_sales(amount: int) -> None:
    """Change a day's revenue behind the pipeline's back: a test of the day's next build fails."""
    with connect() as connection:
        connection.execute("update marts.daily_sales set revenue = revenue + %s", [amount])


@pytest.mark.fault(39, 40, 42, 43)
def test_three_nights_one_refused_one_task_killed(nights: Callable[..., Nights]) -> None:
    before, refused, after = DAYS
    shop = SimulatedShop(orders_per_day=60)
    here = nights(shop)
    runs = {}
    for day in DAYS:
        for pipeline, dataset in DATASETS.items():
            runs[pipeline, day] = here.start(pipeline, day)
            here.world.admit(dataset, day)
    here.kill_when_running(ORDERS, "standard_processing")
    here.settle()
    assert [state for _, state in here.states(ORDERS)] == ["success", "failed", "success"]
    assert [state for _, state in here.states(REVIEWS)] == ["success", "success", "success"]
    assert set(here.states(HEALTH)) == {(before.isoformat(), "success"), (after.isoformat(), "success")}
    here.world.assert_marts_are_right()
    without_load = here.tasks(runs[ORDERS, refused])
    assert {name for name, state in without_load.items() if state == "failed"} == {"validate_orders"}
    assert {state for name, state in without_load.items() if name.startswith("models.")} == {"skipped"}
    *_, last = (line for line in here.log(runs[ORDERS, refused], "validate_orders").splitlines() if "::" not in line)
    assert last.startswith(f"{refused} gate: ")
    assert last.endswith("start a new run for the day once it is corrected.")
    assert without_load["publish"] == "upstream_failed"
    assert list(dict.fromkeys(sent_alerts())) == [  # two simultaneous publishes give customer_health two runs of a day
        *((REVIEWS, "success", day) for day in DAYS),
        (HEALTH, "success", before),
        (HEALTH, "success", after),
        (ORDERS, "success", before),
        (ORDERS, "refusal", refused),
        (ORDERS, "success", after),
    ]
    largest = here.metadata("select key, length(value::text) as bytes from xcom order by 2 desc limit 1")[0]
    assert largest["bytes"] < LONGEST_XCOM, largest

    shop.correct()
    here.world.admit("orders", refused)
    again = here.start(ORDERS, refused, by_form=True)
    here.settle()
    assert here.note(runs[ORDERS, before]).endswith(" orders, done")
    assert here.note(runs[ORDERS, refused]).endswith(" orders, failed at validate_orders")
    assert here.note(again).startswith(f"{refused}, ")
    assert here.metadata("select partition_key from dag_run where run_id = %s", again) == [
        {"partition_key": refused.isoformat()}
    ]
    assert here.states(ORDERS)[1:3] == [(refused.isoformat(), "failed"), (refused.isoformat(), "success")]
    assert (refused.isoformat(), "success") in here.states(HEALTH)
    here.world.assert_marts_are_right()
    assert (ORDERS, "recovery", refused) in sent_alerts()


@pytest.mark.fault(40, 41)
def test_a_parallel_backfill_and_a_scheduler_that_is_killed_in_it(nights: Callable[..., Nights]) -> None:
    here = nights(SimulatedShop(orders_per_day=60), HIGH_VOLUME_ORDERS="0")
    for day in DAYS:
        for dataset in DATASETS.values():
            here.world.admit(dataset, day)
    for pipeline in DATASETS:
        here.backfill(pipeline, DAYS, at_once=3)
    publishing = "select from task_instance where task_id = 'publish' and state = 'running'"
    here.eventually(lambda: here.metadata(publishing), 0.05)
    here.airflow.kill("scheduler")
    here.airflow.start("scheduler")
    here.settle()
    for pipeline in DATASETS:
        states = [state for _, state in here.states(pipeline)]
        assert states == ["success", "failed" if pipeline == ORDERS else "success", "success"]
    ways = {row["task_id"] for row in here.metadata("select task_id from task_instance where state = 'success'")}
    assert "high_volume_processing" in ways
    assert "standard_processing" not in ways
    here.world.assert_marts_are_right()


def test_waiting_for_a_shop_needs_no_worker(nights: Callable[..., Nights]) -> None:
    shop, port, day = SimulatedShop(orders_per_day=60), free_port(), DAYS[0]
    here = nights(shop, SHOP_API_URL=f"http://127.0.0.1:{port}")
    here.world.admit("reviews", day)
    run = here.start(REVIEWS, day)
    here.eventually(lambda: here.tasks(run).get("check_api_health") == "up_for_reschedule")
    server = ShopServer(shop, port=port)
    server.start()
    try:
        here.settle()
    finally:
        server.stop()
    assert here.states(REVIEWS) == [(day.isoformat(), "success")]
    here.world.assert_marts_are_right([BY_NAME[REVIEWS]])


@pytest.mark.fault(40)
def test_a_triggerer_killed_during_a_build_shows_its_nodes_later(nights: Callable[..., Nights]) -> None:
    day = DAYS[0]
    here = nights(SimulatedShop(orders_per_day=60))
    here.world.admit("orders", day)
    run = here.start(ORDERS, day)
    here.process_of(ORDERS, "standard_processing", run)
    here.airflow.kill("triggerer")
    published = "select from task_instance where run_id = %s and task_id = 'publish' and state = 'success'"
    here.eventually(lambda: here.metadata(published, run))  # nothing waits for tasks that only display nodes
    assert "deferred" in {state for name, state in here.tasks(run).items() if name.startswith("models.")}
    here.airflow.start("triggerer")
    here.settle()
    assert here.states(ORDERS) == [(day.isoformat(), "success")]
    assert {state for name, state in here.tasks(run).items() if name.startswith("models.")} == {"success"}
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])


@pytest.mark.fault(39, 44)
def test_a_failed_node_stays_failed_until_it_is_fixed(nights: Callable[..., Nights]) -> None:
    shop, day = SimulatedShop(orders_per_day=60), CORRECTED_DAY
    here = nights(shop)
    here.world.run([day], [ORDERS])
    falsify_sales(+1)
    shop.correct()
    here.world.admit("orders", day)
    run = here.start(ORDERS, day)
    here.settle()
    tasks = here.tasks(run)
    assert here.states(ORDERS) == [(day.isoformat(), "failed")]
    assert tasks["standard_processing"] == "failed"
    red = [name for name, state in tasks.items() if state == "failed" and name.startswith("models.")]
    assert len(red) == 1, red
    assert "success" in {state for name, state in tasks.items() if name.startswith("models.")}
    assert "assert_totals_move_with_orders" in here.log(run, red[0])
    assert tasks["publish"] == "upstream_failed"
    assert [kind for _, kind, _ in sent_alerts()] == ["success", "failure"]

    clear = {"dry_run": False, "dag_run_id": run}
    here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", clear | {"only_failed": False, "task_ids": red})
    here.settle()
    assert here.tasks(run)[red[0]] == "failed"  # alone it displays the earlier build

    falsify_sales(-1)
    here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", clear | {"only_failed": True})
    here.settle()
    assert here.tasks(run)[red[0]] == "success"
    assert here.states(ORDERS) == [(day.isoformat(), "success")]
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
    assert [kind for _, kind, _ in sent_alerts()] == ["success", "failure", "recovery"]

    here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", clear | {"only_failed": False})
    here.settle()
    assert here.states(ORDERS) == [(day.isoformat(), "success")]
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
