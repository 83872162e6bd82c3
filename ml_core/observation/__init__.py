"""What a reference sees of the ground: the operator between a map and a reference."""
