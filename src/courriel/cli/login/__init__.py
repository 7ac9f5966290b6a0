"""`courriel login`: tokens of Microsoft and Google, fetched, stored, shown and forgotten."""
