"""Monitoring: the log of steps, metrics, anomalies, drift, alerts, lineage and the report."""
