"""The schema contract of a dataset: profiles of its fields, and the differences that break it."""
