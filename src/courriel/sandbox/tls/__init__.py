"""TLS of the practice server: contexts, and certificates that are bad on request."""
