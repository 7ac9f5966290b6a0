"""Blocking and asyncio I/O: sockets, TLS, time limits, transcripts. The only layer that waits."""
