"""The schema contract of a dataset: what its fields look like, and what breaks with that."""
