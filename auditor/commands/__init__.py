"""The commands of the command line: one command, one file."""
