"""From pages to rows in raw: files, dlt's pipelines, COPY."""
