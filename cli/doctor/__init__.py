"""`daybreak doctor`."""
