"""TLS: contexts, certificate authorities, resumed sessions, reasons of failures."""
