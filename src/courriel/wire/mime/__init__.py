"""Messages to octets: headers, parts, transfer encodings (RFC 5322, RFC 2045 to 2047)."""
