"""Asks a server for its version, within two seconds. The clients are imported when asked: they take time."""

CONNECT_SECONDS = 2


def postgres_version(
    host: str, port: int, user: str, password: str | None, database: str = "postgres", sslmode: str = "prefer"
) -> str | None:
    """Version of a Postgres, or None if it does not let us in."""
    import psycopg

    try:
        connection = psycopg.connect(
            host=host,
            port=port,
            user=user,
            password=password,
            dbname=database,
            sslmode=sslmode,
            connect_timeout=CONNECT_SECONDS,
        )
    except psycopg.Error:
        return None
    with connection:
        return connection.info.parameter_status("server_version")


def redis_version(url: str) -> str | None:
    """Version of a Redis or Valkey, or None if it does not let us in."""
    import redis

    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
        ) as client:
            server = client.info("server")
    except (redis.RedisError, ValueError):
        return None
    return str(server.get("valkey_version") or server.get("redis_version"))
