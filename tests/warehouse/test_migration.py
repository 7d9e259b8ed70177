"""Tables of an earlier version are brought up to date."""

from decimal import Decimal

from pipeline_settings import Settings
from warehouse.connection import connect, create_schemas


def test_published_orders_of_0_1_0_may_be_without_a_customer(warehouse: Settings) -> None:
    with connect() as connection:
        connection.execute("alter table marts.fct_orders alter column customer_id set not null")
        connection.execute("comment on schema ops is null")  # schema.sql has changed since
        create_schemas(connection)
        row = connection.execute(
            """
            select attnotnull from pg_attribute
            where attrelid = 'marts.fct_orders'::regclass and attname = 'customer_id'
            """
        ).fetchone()
    assert row == {"attnotnull": False}


def test_published_tables_of_0_1_0_get_net_amounts(warehouse: Settings) -> None:
    with connect() as connection:
        connection.execute(
            """
            alter table marts.fct_orders drop refunds, drop refunded_amount, drop net_amount;
            alter table ops.int_orders_superseded drop refunds, drop refunded_amount, drop net_amount;
            alter table marts.daily_sales alter average_order_value set not null,
                drop refunds, drop orders_refunded, drop net_revenue;
            alter table marts.customer_order_totals drop total_refunded cascade;
            insert into marts.fct_orders (order_id, order_date, total_amount, status, is_revenue, is_large)
            values ('o', '2026-01-01', 12.50, 'shipped', true, false);
            insert into marts.daily_sales (order_date, orders, customers, revenue, average_order_value)
            values ('2026-01-01', 1, 0, 12.50, 12.50);
            insert into marts.customer_order_totals values ('c', '2026-01-01', '2026-01-01', 1, 12.50);
            comment on schema ops is null  -- schema.sql has changed since
            """
        )
        create_schemas(connection)
        row = connection.execute(
            """
            select refunded_amount, net_amount, refunds, net_revenue, orders_refunded, total_refunded
            from (select refunded_amount, net_amount from marts.fct_orders) as orders,
                (select refunds, net_revenue, orders_refunded from marts.daily_sales) as sales,
                (select total_refunded from marts.customer_order_totals) as totals
            """
        ).fetchone()
    cents = Decimal("12.50")
    assert row == {
        "refunded_amount": 0, "net_amount": cents, "refunds": 0, "net_revenue": cents, "orders_refunded": 0,
        "total_refunded": 0,
    }  # fmt: skip
