"""The report: a static site on what readers see, how the runs went and how the figures move. It needs no network.

`site` writes it, from `figures` (tables to rows), `charts` and `flow` (rows to pictures) and the templates.
"""
