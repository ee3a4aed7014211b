"""Which mailboxes an IMAP account has."""
