"""The inputs of an engine for orders: queries on Postgres, by name of the model or published table.

They cover all frozen and accepted rows of this build, and of the published tables only the rows that the models read.
More rows would only take more time.
"""

AFFECTED_DATES = """
    select day from build.int_order_days
    union
    select former_order_date from build.int_orders_affected where former_order_date is not null
    union
    select order_date from build.int_orders_accepted
    union
    select superseded.order_date
    from build.int_orders_affected as affected
    inner join ops.int_orders_superseded as superseded on affected.order_id = superseded.order_id
"""

AFFECTED_CUSTOMERS = """
    select former_customer_id as customer_id from build.int_orders_affected where former_customer_id is not null
    union
    select customer_id from build.int_orders_accepted
    union
    select superseded.customer_id
    from build.int_orders_affected as affected
    inner join ops.int_orders_superseded as superseded on affected.order_id = superseded.order_id
"""

# Customers with an order that this build may remove or change: they are added up again from their orders.
RECOUNTED_CUSTOMERS = """
    select former_customer_id as customer_id from (
        select order_id, former_customer_id, former_order_date, former_net_amount, former_refunded_amount
        from build.int_orders_affected
        where former_is_revenue
        except
        select order_id, customer_id, order_date, net_amount, refunded_amount from build.int_orders_accepted
        where is_revenue
    ) as changed
    group by former_customer_id
"""

PARTIAL = "not exists (select from build.int_order_days as days where days.is_full)"


# The columns of published orders that the models read.
OF_PUBLISHED = (
    "order_id, customer_id, order_date, total_amount, discount_amount, tax_amount, shipping_amount, is_revenue,"
    " refunded_amount, net_amount"
)


def _lookup_by_key(keys: str, table: str, key: str, column: str, columns: str = "*") -> str:
    """Return a query for the rows with these keys by index lookups: a join would be planned without statistics."""
    return (
        f"select matches.* from ({keys}) as keys cross join lateral (select {columns} from {table} as rows_of_key"
        f" where rows_of_key.{key} = keys.{column} offset 0) as matches where {PARTIAL}"
    )


FROZEN = {
    "int_order_days": "select * from build.int_order_days",
    "int_orders_accepted": "select * from build.int_orders_accepted",
    # New orders, which most nights have only, need no entry.
    "int_orders_affected": """
        select * from build.int_orders_affected as affected
        where
            former_order_date is not null
            or exists (
                select from ops.int_orders_superseded as superseded where superseded.order_id = affected.order_id
            )
    """,
}

# Rows of the published tables, before this build.
PUBLISHED = {
    "int_orders_superseded": _lookup_by_key(
        "select order_id from build.int_orders_affected", "ops.int_orders_superseded", "order_id", "order_id"
    ),
    "customer_order_totals": _lookup_by_key(
        AFFECTED_CUSTOMERS, "marts.customer_order_totals", "customer_id", "customer_id"
    ),
    # The second query excludes the rows of the first, since `union` would compare all rows.
    "fct_orders": f"with dates as materialized ({AFFECTED_DATES}) "
    + _lookup_by_key("select day from dates", "marts.fct_orders", "order_date", "day", OF_PUBLISHED)
    + " union all "
    + _lookup_by_key(RECOUNTED_CUSTOMERS, "marts.fct_orders", "customer_id", "customer_id", OF_PUBLISHED)
    + " and matches.order_date <> all (array(select day from dates))",
}

INPUTS = FROZEN | PUBLISHED

# The inputs that are split into files of whole days, and their date columns.
DAYS = {"int_orders_accepted": "logical_date"}
