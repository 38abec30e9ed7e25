"""Speed and error rates of the screen of many series."""
