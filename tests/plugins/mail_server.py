"""Small IMAP and SMTP servers that misbehave by name, for the tests of lines (net, provider).

mail_server.py DIR NAME... prints a port of 127.0.0.1 for each NAME, then serves until its parent
is gone. NAME is imap, imaps, smtp or smtps, then flaws, joined by "-": "imap-inject". server.pem
is in DIR. What it was asked to believe is its own: user ana@acme.example, password "open sesame",
token "token-good" ("token-1", "token-2" with the flaw first, second). After the login it knows "TAG VERB [WORD]" with SMTP too:

  ECHO text   answers OK text          HOW      how the login was made
  GIVE n      n bytes of x, then OK    TAKE n   reads n bytes, then OK; NAP first with DEAF
  GREETER     EHLO's name (SMTP)       BYE      closes
  TELL        what the client said since it connected, in one line of hex
"""
import base64
import os
import socket
import ssl
import sys
import threading
import time

USER, PASSWORD, TOKEN = "ana@acme.example", "open sesame", "token-good"


class Line:
    def __init__(self, conn, name, context):
        self.conn, self.context = conn, context
        self.kind, *self.flaws = name.split("-")
        self.heard, self.greeter, self.how, self.tls = b"", "", "nobody", False
        self.waiting = b""

    def has(self, flaw):
        return flaw in self.flaws

    def say(self, text):
        self.conn.sendall(text.encode() + b"\r\n")

    def hear(self):
        while b"\n" not in self.waiting:
            came = self.conn.recv(65536)
            if not came:
                raise EOFError
            self.heard += came
            self.waiting += came
        line, self.waiting = self.waiting.split(b"\n", 1)
        return line.rstrip(b"\r").decode("latin-1")

    def secure(self):
        self.conn = self.context.wrap_socket(self.conn, server_side=True)
        self.tls, self.waiting = True, b""

    # -- logging in ---------------------------------------------------------------------------
    def mechanisms(self):
        for name in ("plain", "login", "xoauth2", "oauthbearer", "cram"):
            if self.has("only" + name):
                return [{"cram": "CRAM-MD5"}.get(name, name.upper())]
        if self.has("nosasl"):
            return []
        return ["CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"]

    def ask(self, text=""):
        self.say(("+ " if self.kind.startswith("imap") else "334 ") + text)
        return self.hear()

    def sasl(self, mechanism, first):
        """The user, or None."""
        if mechanism == "LOGIN":
            user = base64.b64decode(first or self.ask("VXNlcm5hbWU6")).decode()
            word = base64.b64decode(self.ask("UGFzc3dvcmQ6")).decode()
        else:
            blob = base64.b64decode(first or self.ask()).decode()
            if mechanism == "PLAIN":
                _, user, word = blob.split("\0")
            elif mechanism == "XOAUTH2":
                user, word = [p.split("=", 1)[1] for p in blob.split("\1")[:2]]
            else:
                user = blob.split(",")[1][2:]
                word = [p for p in blob.split("\1") if p.startswith("auth=")][0][5:]
        self.blob = base64.b64encode(word.encode()).decode()
        token = "token-1" if self.has("first") else "token-2" if self.has("second") else TOKEN
        good = PASSWORD if mechanism in ("PLAIN", "LOGIN") else "Bearer " + token
        self.how, self.word = mechanism, word
        if user == USER and word == good and not self.has("refuse"):
            return True
        if mechanism not in ("PLAIN", "LOGIN"):
            self.ask(base64.b64encode(b'{"status":"401"}').decode())
        return False

    def refusal(self):
        if self.has("later"):
            return "[UNAVAILABLE] try later", "454 4.7.0 Temporary authentication failure"
        if self.has("echo"):
            return (f"[AUTHENTICATIONFAILED] no {self.word} and no {self.blob} here",
                    f"535-5.7.8 no {self.word}\r\n535 5.7.8 and no {self.blob} here")
        return ("[AUTHENTICATIONFAILED] Authentication failed.",
                "535-5.7.8 Username and password\r\n535 5.7.8 not accepted")

    def refused(self, tag):
        imap, smtp = self.refusal()
        self.say(f"{tag} NO {imap}" if tag else smtp)
        if self.has("mute"):
            time.sleep(60)

    def imap(self):
        self.say("* PREAUTH hello" if self.has("preauth") else
                 "* BYE too many of you" if self.has("bye") else "* OK hello")
        if self.has("bye"):
            return False
        while True:
            tag, verb, *rest = self.hear().split(" ", 2)
            rest, verb = rest[0] if rest else "", verb.upper()
            if verb == "CAPABILITY":
                words = ["IMAP4rev1", "SASL-IR"] + ["AUTH=" + m for m in self.mechanisms()]
                if self.kind == "imap" and not self.tls and not self.has("nostarttls"):
                    words.append("STARTTLS")
                self.say("* CAPABILITY " + " ".join(words) + f"\r\n{tag} OK done")
            elif verb == "STARTTLS":
                self.say(f"{tag} OK go" + ("\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA003 OK x"
                                           if self.has("inject") else ""))
                self.secure()
            elif verb == "AUTHENTICATE":
                mechanism, *first = rest.split(" ")
                if self.sasl(mechanism.upper(), first[0] if first else ""):
                    self.say(f"{tag} OK in" + ("\r\n* 7 EXISTS" if self.has("chatty") else ""))
                    return True
                self.refused(tag)
            elif verb == "LOGIN":
                self.how, self.word, self.blob = "command", PASSWORD, ""
                if rest.replace('"', "") == f"{USER} {PASSWORD}":
                    self.say(f"{tag} OK in")
                    return True
                self.refused(tag)
            else:
                self.say(f"{tag} BAD what")

    def smtp(self):
        if self.has("421"):
            self.say("421 4.3.2 too busy")
            return False
        self.say("220 mail.acme.example ESMTP")
        while True:
            verb, *rest = self.hear().split(" ")
            verb = verb.upper()
            if verb in ("EHLO", "HELO"):
                self.greeter = rest[0]
                words = ["mail.acme.example", "SIZE 1000000"]
                if self.kind == "smtp" and not self.tls and not self.has("nostarttls"):
                    words.append("STARTTLS")
                if not self.has("noauth"):
                    words.append("AUTH " + " ".join(self.mechanisms()))
                self.say("\r\n".join(["250-" + w for w in words[:-1]] + ["250 " + words[-1]]))
                if self.has("noauth") and (self.tls or self.kind == "smtps"):
                    return True
            elif verb == "STARTTLS":
                self.say("220 go" + ("\r\n250 AUTH PLAIN" if self.has("inject") else ""))
                self.secure()
            elif verb == "AUTH":
                if self.sasl(rest[0].upper(), rest[1] if len(rest) > 1 else ""):
                    self.say("235 2.7.0 in")
                    return True
                self.refused("")
            else:
                self.say("502 5.5.1 what")

    # -- and then -----------------------------------------------------------------------------
    def after(self):
        while True:
            tag, verb, *rest = self.hear().split(" ", 2)
            rest = rest[0] if rest else ""
            if verb == "BYE":
                return
            if verb == "HANG":
                time.sleep(60)
            elif verb == "GIVE":
                self.conn.sendall(b"x" * int(rest))
            elif verb == "TAKE":
                if self.has("deaf"):
                    time.sleep(1.5)
                left = int(rest) - len(self.waiting)
                self.waiting = b""
                while left > 0:
                    left -= len(self.conn.recv(min(left, 1 << 20)))
            self.say(f"{tag} OK " + {"ECHO": rest, "HOW": self.how, "GREETER": self.greeter,
                                     "TELL": self.heard.hex()}.get(verb, ""))

    def serve(self):
        try:
            if self.kind.endswith("s"):
                if self.has("silent"):
                    time.sleep(60)
                self.secure()
            if self.imap() if self.kind.startswith("imap") else self.smtp():
                self.after()
        except (OSError, EOFError, ValueError, IndexError):
            pass
        self.conn.close()


def listen(name, context):
    sock = socket.create_server(("127.0.0.1", 0), backlog=512)

    def loop():
        while True:
            conn, _ = sock.accept()
            threading.Thread(target=Line(conn, name, context).serve, daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    return sock.getsockname()[1]


def main():
    threading.stack_size(256 * 1024)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(sys.argv[1], "server.pem"))
    print(" ".join(str(listen(name, context)) for name in sys.argv[2:]), flush=True)
    sys.stdin.read()


main()
