"""Forms of the mail pages."""
