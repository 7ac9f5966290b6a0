"""The command line: `courriel send`, `courriel sandbox`, `courriel demo`. Needs the extra `courriel[cli]` (click)."""
