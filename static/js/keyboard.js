// Keys of the mail page.
