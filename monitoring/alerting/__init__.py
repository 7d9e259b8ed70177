"""Alerts: stored, delivered, and kept while a receiver or the warehouse is down."""
