"""How often scheduled checks raise a false alarm, how soon they raise a true one, and what they survive."""
