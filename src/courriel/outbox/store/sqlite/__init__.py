"""SQLite: the file, its locks and its write-ahead log."""
