"""dbt from Python: builds, errors, lineage, comparisons of marts."""
