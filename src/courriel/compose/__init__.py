"""A message being made: templates, and what they need."""
