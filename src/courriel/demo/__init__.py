"""The demo: the main job of the library, done on a practice server, step by step. What it shows is what it runs."""
