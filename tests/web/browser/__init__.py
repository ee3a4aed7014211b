"""Pages in Chromium, served by the real ASGI application."""
