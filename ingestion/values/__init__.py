"""Parsing of shops' values: amounts, dates, JSON, and their formats."""
