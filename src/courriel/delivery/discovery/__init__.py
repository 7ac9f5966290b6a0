"""Discovery of the servers for a mail address: the provider table, DNS records, and the domain's autoconfiguration."""
