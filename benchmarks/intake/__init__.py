"""Reading a large long CSV, against ``pandas.read_csv`` and ``pivot`` on the same file."""
