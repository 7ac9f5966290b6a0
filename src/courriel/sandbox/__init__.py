"""Practice mail server in the process: it shows the mail it received, and fails on request."""
