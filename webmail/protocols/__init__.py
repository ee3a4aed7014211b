"""Mail protocols spoken as a client: IMAP, POP3 and SMTP. Pure: no Django, no Celery, no rows."""
