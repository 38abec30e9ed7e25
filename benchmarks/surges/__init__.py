"""How often real surges are called what: every surge of the reference panel, and the organic series."""
