"""How often each test calls an ordinary window unusual: random windows of the reference panel."""
