"""Server to be reached: host, security, proxy, trust and credentials."""
