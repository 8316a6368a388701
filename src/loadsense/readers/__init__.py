"""Files in, recordings out: one file per format, told apart by content."""
