"""Opening a connection: name lookup, the race between addresses, the handshake, the probe of a silent port."""
