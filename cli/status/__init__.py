"""`daybreak status`."""
