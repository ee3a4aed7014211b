"""What is worked out from messages for those who open them; all of it can be made again."""
