"""Statistical tests: one test, one file. They measure; they do not weigh."""
