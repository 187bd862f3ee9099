"""The command line: every command is an adapter from arguments to a verb or a read."""
