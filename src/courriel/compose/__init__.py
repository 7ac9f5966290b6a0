"""A message being made: templates that are cut once and filled as often as there are rows."""
