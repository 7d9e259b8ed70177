"""Version checks of servers, within two seconds. The clients are imported on use, since their imports are slow."""

CONNECT_SECONDS = 2


def postgres_version(
    host: str, port: int, user: str, password: str | None, database: str = "postgres", sslmode: str = "prefer"
) -> str | None:
    """Return the version of a Postgres, or None if it cannot be reached or refuses the login."""
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
    """Return the version of a Redis or Valkey, or None if it cannot be reached or refuses the login."""
    import redis

    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
        ) as client:
            server = client.info("server")
    except (redis.RedisError, ValueError):
        return None
    return str(server.get("valkey_version") or server.get("redis_version"))
