"""The command `courriel unsubscribe`."""
