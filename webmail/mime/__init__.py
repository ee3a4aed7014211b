"""Messages: bytes in, values out, and the way back. Pure: no Django, no Celery, no rows."""
