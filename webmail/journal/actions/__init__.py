"""What a user can do to mail. Each function changes the rows and writes the Action in one transaction, then wakes replay."""
