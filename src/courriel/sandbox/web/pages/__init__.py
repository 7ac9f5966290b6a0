"""Pages of the inbox, made on the server."""
