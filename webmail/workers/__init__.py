"""Celery tasks, the schedule and the long-lived processes."""
