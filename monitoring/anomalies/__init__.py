"""Anomalies of days whose steps all succeeded."""
