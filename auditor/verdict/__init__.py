"""From findings to a verdict: likelihood ratios, families, caps, words."""
