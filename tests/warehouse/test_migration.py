"""Tables of an earlier version are brought up to date."""

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
