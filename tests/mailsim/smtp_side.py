"""tests/mailsim/smtp_side.py: a submission server, one line at a time, with faults drawn by seed."""
import base64
import re

from people import Sent

HANG, RESET = "hang up", "reset"
FAULTS = {  # what may go wrong with each command
    "GREETING": (HANG, "421 4.3.2 Shutting down", "slow"),
    "EHLO": (HANG, "421 4.3.2 Shutting down", "slow"),
    "AUTH": (HANG, "421 4.3.2 Shutting down", "454 4.7.0 Temporary authentication failure"),
    "MAIL": (HANG, RESET, "421 4.3.2 Shutting down", "451 4.3.0 Try again", "slow", "garbage"),
    "RCPT": (HANG, RESET, "421 4.3.2 Shutting down", "450 4.2.1 Try again", "slow", "garbage"),
    "RSET": (HANG, RESET, "421 4.3.2 Shutting down", "garbage"),
    "DATA": (HANG, RESET, "421 4.3.2 Shutting down", "451 4.3.0 Try again", "slow", "garbage"),
    # of a dot: before (not taken) or after (taken, and the answer spoiled)
    "DOT": ("before", "before", "after", "after", "421 before", "421 after", "451", "451",
            "garbage before", "garbage after", "slow"),
}


class SmtpLine:
    def __init__(self, world, line):
        self.world, self.line = world, line
        self.account = self.sender = self.to = self.marker = self.login = None
        self.data = None  # the content so far; None: none is being given
        self.say("GREETING", "220 mail.acme.example ESMTP mailsim")

    # -- answers ---------------------------------------------------------------------------------
    def say(self, verb, answer):
        fault = self.world.draw("smtp", verb, FAULTS.get(verb, ()))
        if fault in (HANG, RESET):
            self.line.close(reset=fault == RESET)
        elif fault == "slow":
            self.line.send(answer + "\r\n", after=self.world.slow())
        elif fault == "garbage":
            self.line.send("<html>503 Service Unavailable</html>\r\n")
        elif fault:
            self.line.send(fault + "\r\n")
            if fault.startswith("421"):
                self.line.close()
        else:
            self.line.send(answer + "\r\n")
        return not fault or fault == "slow"

    def lost(self):
        """The line went away; what was being given is noted."""
        if self.data is not None:
            self.world.note("cut", self.marker, bytes=len(self.data))

    # -- what comes ------------------------------------------------------------------------------
    def take(self, buffer):
        """Takes what it can off the bytes; what is left of them."""
        while self.line.open:
            if self.data is not None:
                if not self.data and buffer:
                    self.world.note("data", self.marker)
                whole = self.data + buffer
                end = 0 if whole.startswith(b".\r\n") else whole.find(b"\r\n.\r\n")
                if end < 0:
                    self.data = whole
                    return b""
                self.data, rest = None, whole[end + (5 if end or whole[:1] == b"\r" else 3):]
                buffer = rest
                self.dot(whole[:end + 2 if end else 0])
                continue
            line, end, rest = buffer.partition(b"\n")
            if not end:
                break
            buffer = rest
            self.command(line.rstrip(b"\r").decode("utf-8", "surrogateescape"))
        return buffer

    def command(self, text):
        if self.login is not None:
            self.log_in(text)
            return
        verb, _, rest = text.partition(" ")
        verb = verb.upper()
        self.world.step(verb)
        handler = getattr(self, "do_" + verb.lower(), None)
        if handler:
            handler(rest)
        else:
            self.line.send("502 5.5.1 What?\r\n")

    def do_ehlo(self, _):
        pipelining = ["PIPELINING"] if self.world.offers["pipelining"] else []
        words = ["mail.acme.example", *pipelining, "SIZE 30000000", "AUTH PLAIN LOGIN", "8BITMIME",
                 "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"]
        self.say("EHLO", "".join(f"250-{w}\r\n" for w in words[:-1]) + "250 " + words[-1])

    do_helo = do_ehlo

    def do_auth(self, rest):
        mechanism, _, first = rest.partition(" ")
        self.login = (mechanism.upper(), [])
        if first:
            self.log_in(first)
        else:
            self.line.send("334 " + ("VXNlcm5hbWU6" if self.login[0] == "LOGIN" else "") + "\r\n")

    def log_in(self, text):
        mechanism, said = self.login
        said.append(base64.b64decode(text).decode())
        if mechanism == "LOGIN" and len(said) < 2:
            self.line.send("334 UGFzc3dvcmQ6\r\n")
            return
        self.login = None
        user, password = said if mechanism == "LOGIN" else said[0].split("\0")[1:]
        if not self.world.knows(user, password):
            self.line.send("535 5.7.8 Authentication failed\r\n")
        elif self.say("AUTH", "235 2.7.0 Welcome"):
            self.account = user.lower()

    def do_mail(self, rest):
        self.sender, self.to = re.match(r"FROM:<([^>]*)>", rest, re.I)[1], None
        envelope = re.search(r" ENVID=(\S+)", rest)
        self.marker = envelope and re.sub(r"\+([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), envelope[1])
        if not self.account:
            self.line.send("530 5.7.0 Sign in first\r\n")
        elif not self.say("MAIL", "250 2.1.0 Ok"):
            self.sender = None

    def do_rcpt(self, rest):
        if self.sender is None:
            self.line.send("503 5.5.1 MAIL first\r\n")
        elif self.say("RCPT", "250 2.1.5 Ok"):
            self.to = re.match(r"TO:<([^>]*)>", rest, re.I)[1]

    def do_data(self, _):
        if self.to is None:
            self.line.send("554 5.5.1 No valid recipients\r\n")
        elif self.say("DATA", "354 Go on"):
            self.data = b""

    def do_rset(self, _):
        self.sender = self.to = None
        self.say("RSET", "250 2.0.0 Ok")

    def do_noop(self, _):
        self.line.send("250 2.0.0 Ok\r\n")

    def do_quit(self, _):
        self.line.send("221 2.0.0 Bye\r\n")
        self.line.close()

    def dot(self, content):
        """The whole mail is here: taken or not, and what is said of that."""
        self.world.step("DOT")
        fault = self.world.draw("smtp", "DOT", FAULTS["DOT"]) or ""
        sender, to, self.sender, self.to = self.sender, self.to, None, None
        if fault == "451":
            self.line.send("451 4.3.0 Try this one again\r\n")
            return
        if "before" not in fault:
            self.taken(sender, to, re.sub(rb"(?m)^\.", b"", content))
        if fault not in ("", "slow"):
            self.world.note("lost", self.marker, how=fault)
        if fault.startswith("421"):
            self.line.send("421 4.3.2 Shutting down\r\n")
            self.line.close()
        elif fault.startswith("garbage"):
            self.line.send("\x01\x02 nothing of SMTP\r\n")
        elif fault in ("before", "after"):
            self.line.close(reset=self.world.coin())
        else:
            self.line.send("250 2.0.0 Ok: queued\r\n", after=self.world.slow() if fault else 0)

    def taken(self, sender, to, raw):
        """Written down before a word is said of it."""
        sent = Sent(self.account, to.lower(), raw)
        self.world.tell({"kind": "accepted", "account": self.account, "id": self.world.number(),
                         "from": sender, "to": to, "recipients": [to], "subject": sent["Subject"],
                         "message_id": sent["Message-ID"], "our_message_id": sent["Message-ID"],
                         "marker": sent["X-Postrider-Id"] or None,
                         "in_reply_to": sent["In-Reply-To"] or None, "via": "smtp"})
        if not self.world.deliver(to, raw.decode("utf-8", "surrogateescape"), self.world.now()):
            self.world.people.received(sent)
