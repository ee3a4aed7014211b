"""Pictures that messages refer to, fetched for who has asked for them: our server asks, never the reader's browser."""
