"""The report: an offline static site on the published data, the runs and the trends.

`site` writes it, from `figures` (rows of tables), `charts` and `flow` (rows as pictures) and the templates.
"""
