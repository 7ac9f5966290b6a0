"""PostgreSQL: connections, pipeline, server versions."""
