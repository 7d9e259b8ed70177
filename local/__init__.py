"""Services for a machine without any: embedded Postgres and Valkey, a demo shop, Airflow."""
