"""Wiring: the steps of a day, the command line and the DAGs that call them."""
