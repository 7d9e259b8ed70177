"""A notebook on the marts. Run `marimo edit examples/sales_notebook.py`; it connects as daybreak_reader."""

import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import psycopg

    # libpq reads PGHOST and the like: eval "$(daybreak env)"
    def read(query: str) -> list[dict[str, object]]:
        """Return the rows of a query. The role may only read the marts."""
        with psycopg.connect(row_factory=psycopg.rows.dict_row) as connection:
            connection.execute("set transaction read only")
            connection.execute("set local role daybreak_reader")
            return connection.execute(query).fetchall()

    return mo, read


@app.cell
def _(mo, read):
    week = read(
        """
        select order_date, orders, customers, revenue, average_order_value
        from marts.daily_sales order by order_date desc limit 7
        """
    )
    mo.vstack([mo.md("## The last seven days"), mo.ui.table(week)])
    return (week,)


@app.cell
def _(mo, read):
    drops = read(
        """
        select product_id, average_rating, recent_average, rating_delta
        from marts.product_metrics where is_rating_drop order by rating_delta
        """
    )
    mo.vstack([mo.md("## Products whose rating dropped"), mo.ui.table(drops)])
    return (drops,)


if __name__ == "__main__":
    app.run()
