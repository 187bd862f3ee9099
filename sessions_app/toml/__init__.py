"""Floor 0: the files a person edits, read so that a mistake can be named by file, line and key."""
