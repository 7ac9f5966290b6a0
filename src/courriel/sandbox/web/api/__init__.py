"""API of the sandbox: our own, and the addresses of Mailpit's that test suites use most."""
