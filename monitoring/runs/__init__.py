"""The log of steps, the metrics of runs and the history of days."""
