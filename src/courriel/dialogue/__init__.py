"""Who says what next: conversations written as generators, which never wait."""
