"""WLangage functions that read mailboxes."""
