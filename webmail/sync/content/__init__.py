"""The bytes of messages: texts first, the rest by policy and budget."""
