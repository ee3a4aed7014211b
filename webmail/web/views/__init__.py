"""One module a page: get for the user, validate, call, render."""
