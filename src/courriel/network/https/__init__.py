"""HTTPS exchanges: those that may be repeated, and requests that must not be doubled."""
