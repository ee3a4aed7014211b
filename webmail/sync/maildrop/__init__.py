"""POP3: the one maildrop of an account, and the way from it to IMAP."""
