"""The only storey that waits: sockets, TLS, time limits, transcripts."""
