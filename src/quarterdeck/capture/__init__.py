"""Recording what a desk's venues stream: a journal of its own, and daily Parquet files that are a projection of it."""
