"""What happened: the ledger of days, the log of steps, the metrics of runs."""
