"""The text of a program: words, tokens, grammar, and the tree of its statements."""
