"""WLangage functions that open and close sessions."""
