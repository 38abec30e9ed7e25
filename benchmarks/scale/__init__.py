"""The scan of many series and episodes: speed, memory and growth, against peers in the same run."""
