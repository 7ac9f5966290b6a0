"""Mail that survives: it is on disk when `put` returns, and reaches an end that can be looked up."""
