"""What leaves: delivery, the copy in Sent, drafts on the server."""
