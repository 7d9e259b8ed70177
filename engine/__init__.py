"""An engine that computes in the place of Postgres: a session of Spark Connect, and Parquet to and fro."""
