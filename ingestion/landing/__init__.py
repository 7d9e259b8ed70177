"""Loads of pages into raw: CSV files, dlt pipelines, COPY."""
