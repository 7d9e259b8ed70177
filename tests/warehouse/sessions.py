"""Terminates Postgres sessions in use."""

from warehouse.connection import connect


def end_locks() -> None:
    """Terminate the sessions that hold an advisory lock, as a server does with lost clients."""
    with connect(autocommit=True) as killer:
        killer.execute(
            """
            select pg_terminate_backend(pid) from pg_locks
            where
                locktype = 'advisory'
                and database = (select oid from pg_database where datname = current_database())
            """
        )
