"""A complete little mail provider on loopback: one store, and IMAP, POP3 and submission servers in front of it.

It greets newcomers with mail to read (`make run`), and the stateful fakes of the tests are the same servers with
scripted faults. Nothing here knows Django, Celery or rows, and nothing here ever connects to another machine.
"""
