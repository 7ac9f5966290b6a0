"""Records of a mail domain: SPF, DKIM, DMARC, MTA-STS, TLS reports; each is read, and judged as receivers do."""
