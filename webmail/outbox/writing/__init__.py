"""Messages being written: drafts, their files, and the one value that a message is on its way out."""
