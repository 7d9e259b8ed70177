"""dbt from Python: builds, errors, lineage, and comparisons of marts."""
