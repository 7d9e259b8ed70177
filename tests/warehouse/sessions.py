"""Sessions of Postgres that are ended under those who hold them."""

from warehouse.connection import connect


def end_locks() -> None:
    """End the sessions that hold a lock, as a server does with those that it no longer hears of."""
    with connect(autocommit=True) as killer:
        killer.execute(
            """
            select pg_terminate_backend(pid) from pg_locks
            where
                locktype = 'advisory'
                and database = (select oid from pg_database where datname = current_database())
            """
        )
