"""Storage of the sandbox's mail: in memory, in a file, and an index to search it by."""
