"""`courriel wlangage`: WLangage programs, run as they are, or translated to Python."""
