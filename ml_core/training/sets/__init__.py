"""Training sets: many scenes with their references on disk, to learn from together."""
