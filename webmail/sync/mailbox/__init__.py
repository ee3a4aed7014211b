"""One IMAP mailbox: visited, compared, listed anew."""
