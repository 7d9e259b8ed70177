"""Ingestion: what the shop's API is, as declarations, and how one day of it lands in raw."""
