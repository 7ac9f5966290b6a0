"""WLangage programs: reading them, running them, and translating them to Python."""
