"""Visit to one server: name, connections, greeting, EHLO, TLS, login, dry run, and what works on other ports."""
