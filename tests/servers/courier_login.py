"""What stands before Courier's servers: greets on standard input and output, checks a password, becomes the server.

Run by couriertcpd for each connection as `courier_login.py imap|pop3 USERS MAIL PROGRAM`, in place of Courier's own login
program. It reads no byte beyond the login, as the server reads on where it stopped. Standard library only.
"""

import os
import re
import sys
from pathlib import Path

LONGEST_LINE = 2_000
ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"|(\S+)')
IMAP_GREETING = b"* OK [CAPABILITY IMAP4rev1 UIDPLUS CHILDREN NAMESPACE IDLE] Courier-IMAP ready.\r\n"


def say(line: bytes) -> None:
    os.write(1, line)


def read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte or len(line) > LONGEST_LINE:
            sys.exit(0)
        line += byte
    return line.strip()


def arguments(text: bytes) -> list[bytes]:
    return [re.sub(rb"\\(.)", rb"\1", quoted) if quoted else atom for quoted, atom in ARGUMENT.findall(text)]


class Login:
    def __init__(self, users: str, mail: str, program: str) -> None:
        self.users, self.mail, self.program = Path(users), Path(mail), program

    def accepts(self, name: bytes, password: bytes) -> bool:
        if not re.fullmatch(rb"[a-z0-9_-]+", name):
            return False
        file = self.users / name.decode()
        return file.exists() and file.read_bytes() == password

    def become_server(self, name: bytes, **environment: str) -> None:
        user, home = name.decode(), self.mail / name.decode()
        os.chdir(home)
        if os.getuid() == 0:
            owner = home.stat()
            os.setgroups([])
            os.setgid(owner.st_gid)
            os.setuid(owner.st_uid)
        os.environ.update(environment, AUTHENTICATED=user, AUTHADDR=user, MAILDIR=f"{home}/Maildir", HOME=str(home))
        os.execv(self.program, [self.program, "Maildir"])

    def imap(self) -> None:
        say(IMAP_GREETING)
        while True:
            tag, _, rest = read_line().partition(b" ")
            command, _, text = rest.partition(b" ")
            verb = command.upper()
            if verb == b"LOGIN" and len(given := arguments(text)) == 2:
                if self.accepts(*given):
                    self.become_server(given[0], IMAPLOGINTAG=tag.decode(), PROTOCOL="IMAP")
                say(tag + b" NO Login failed.\r\n")
            elif verb == b"CAPABILITY":
                say(
                    b"* CAPABILITY " + os.environb[b"IMAP_CAPABILITY"] + b"\r\n" + tag + b" OK CAPABILITY completed\r\n"
                )
            elif verb == b"NOOP":
                say(tag + b" OK NOOP completed\r\n")
            elif verb == b"LOGOUT":
                say(b"* BYE Courier-IMAP server shutting down\r\n" + tag + b" OK LOGOUT completed\r\n")
                return
            else:
                say(tag + b" NO Error in IMAP command received by server.\r\n")

    def pop3(self) -> None:
        say(b"+OK Hello there.\r\n")
        name = b""
        while True:
            verb, _, text = read_line().partition(b" ")
            verb = verb.upper()
            if verb == b"USER":
                name = text
                say(b"+OK Password required.\r\n")
            elif verb == b"PASS":
                if self.accepts(name, text):
                    self.become_server(name, PROTOCOL="POP3")
                say(b"-ERR Login failed.\r\n")
            elif verb == b"CAPA":
                say(b"+OK Here's what I can do:\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\n.\r\n")
            elif verb == b"QUIT":
                say(b"+OK Better luck next time.\r\n")
                return
            else:
                say(b"-ERR Invalid command.\r\n")


if __name__ == "__main__":
    protocol, *places = sys.argv[1:]
    getattr(Login(*places), protocol)()
