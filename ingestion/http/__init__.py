"""Requests to the shop: credentials, time and size limits, retries, checks of each page."""
