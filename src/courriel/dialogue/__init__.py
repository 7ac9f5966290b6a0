"""Protocol conversations of client and server as generators, without I/O."""
