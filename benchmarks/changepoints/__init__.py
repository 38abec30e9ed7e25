"""Change points: scores on annotated series, false alarms, hits and cost. Run ``python -m benchmarks.changepoints``."""
