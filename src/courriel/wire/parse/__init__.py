"""Lenient parsers of received mail: no input is refused, none is trusted, and the time is linear in its size."""
