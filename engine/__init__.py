"""An external engine for large builds: a Spark Connect session, and exchange of Parquet files."""
