"""Bridge for programs that cannot learn OAuth: they log in on this machine, and it logs in at the provider."""
