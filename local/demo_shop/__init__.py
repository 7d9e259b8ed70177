"""The shop of the demo, simulated or read from CSV files, behind an HTTP API."""
