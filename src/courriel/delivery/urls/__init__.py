"""Server URLs: parsing, checks, providers' short names."""
