"""Wiring: the steps of a day, the runs of the command line, and the DAGs."""
