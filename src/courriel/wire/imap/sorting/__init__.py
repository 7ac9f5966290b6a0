"""SORT and THREAD: sort keys, results, and how letters are put into conversations (RFC 5256)."""
