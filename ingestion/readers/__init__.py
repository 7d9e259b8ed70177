"""Readers of one logical day's rows from a shop."""
