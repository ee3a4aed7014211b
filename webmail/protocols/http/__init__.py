"""Fetching from web servers that strangers name: every address checked, every byte and second counted (security R18, R19, R26).

`fetch` is the way in. There is no session, no cookie and no cache here: each call tells the other side nothing but an address.
"""
