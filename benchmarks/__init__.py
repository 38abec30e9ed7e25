"""What is claimed of speed and accuracy, each by one command, as ratios against named peers in the same run."""
