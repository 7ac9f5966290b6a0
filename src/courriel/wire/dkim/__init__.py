"""DKIM signatures (RFC 6376, RFC 8463): canonical forms, tag lists, signing and verifying, without any I/O."""
