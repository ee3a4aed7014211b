"""What a page says of the condition of accounts, mailboxes and messages (ux section 6): rows in, words out.

Nothing here asks the database or a request. Every text has three parts: what happened, what it means for the mail, what to do.
"""
