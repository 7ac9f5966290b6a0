"""The demo: the library's main uses on a practice server, step by step. The lines shown are the lines run."""
