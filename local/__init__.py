"""What a machine with nothing installed needs: embedded Postgres and Valkey, and a shop to extract from."""
