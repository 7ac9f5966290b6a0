"""The ways a message can leave."""
