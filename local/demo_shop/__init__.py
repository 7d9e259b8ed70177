"""The demo shop, simulated or read from CSV files, behind an HTTP API."""
