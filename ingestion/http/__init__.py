"""Requests to the shop: credentials, time and size limits, retries, pages that must not be believed."""
