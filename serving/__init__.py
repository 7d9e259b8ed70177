"""Serving: the cache of product metrics that shop pages read."""
