"""What the rules catch, and what they cost: ``python -m benchmarks.rulebook``."""
