"""WLangage functions that send."""
