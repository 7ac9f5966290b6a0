"""DKIM signatures on the way out: keys, the signer, the transport that signs, and the tables of the settings."""
