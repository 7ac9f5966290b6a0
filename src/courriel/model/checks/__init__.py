"""Checks of values: what may stand in a header, what counts as text, what errors may show."""
