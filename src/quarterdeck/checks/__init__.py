"""What can be known of a desk before it runs: its configuration, its surroundings, and the way to its venues."""
