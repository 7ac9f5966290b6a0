"""Settings: files, profiles, secrets by reference."""
