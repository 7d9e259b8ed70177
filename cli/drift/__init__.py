"""`daybreak contract`."""
