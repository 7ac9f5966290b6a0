"""Integrations with other libraries; each is an extra, imported on demand."""
