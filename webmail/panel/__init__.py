"""The operator's pages inside Django's admin."""
