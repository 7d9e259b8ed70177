"""Alerts: stored, delivered, and spooled while a receiver or the warehouse is down."""
