"""Several ways out as one transport: failover, round robin, and a way for each domain."""
