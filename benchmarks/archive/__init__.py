"""What the archive must show: ``python -m benchmarks.archive [--quick] [--only NAME ...]``."""
