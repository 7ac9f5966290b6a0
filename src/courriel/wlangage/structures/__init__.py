"""The structures and constants of the WLangage."""
