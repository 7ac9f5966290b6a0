"""Templates: parsed and encoded once, filled for each row."""
