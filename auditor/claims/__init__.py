"""Checks of public statements against the figures: one kind, one file."""
