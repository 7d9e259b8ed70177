"""`daybreak init`."""
