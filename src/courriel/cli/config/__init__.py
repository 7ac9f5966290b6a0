"""`courriel config`: settings shown, trusted, and proposed for a new address."""
