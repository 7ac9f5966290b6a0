"""Translation of a program to Python."""
