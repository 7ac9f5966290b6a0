"""`courriel doctor` and `courriel probe`: what a server and a domain do, step by step."""
