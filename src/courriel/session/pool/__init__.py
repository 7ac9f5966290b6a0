"""Connection pools: sessions that are kept open and shared, their limits and rates."""
