"""tests/mailsim/imap_side.py: an IMAP server over the folders of one account, with faults by seed.

What it says of a command in the usual way is tests/hostile/imap.py's, over folders that really keep
mail, flags, UIDs and MODSEQs; here nothing blocks, and each line is one of many.
"""
import base64
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "hostile"))
from imap import Folder, Imap, command_of, literal  # noqa: E402

HANG = "hang up"
NO, INUSE = "NO [UNAVAILABLE] Not just now", "NO [INUSE] Somebody else is there"
FAULTS = {
    "GREETING": (HANG, "BYE"),
    "AUTHENTICATE": (HANG, "BYE", NO),
    "CAPABILITY": (HANG, "BYE"), "ID": (HANG, "NO No"), "ENABLE": (HANG, "NO No"),
    "NAMESPACE": (HANG, "NO No"), "LIST": (HANG, "BYE", NO),
    "EXAMINE": (HANG, "BYE", NO, INUSE, "renumber", "slow"),
    "SELECT": (HANG, "BYE", NO, INUSE, "renumber"),
    "UID FETCH": (HANG, "half", "half", "BYE", NO, "NO [SERVERBUG] Oops", "expunge", "expunge", "slow"),
    "UID SEARCH": (HANG, "half", NO, "slow"),
    "UID STORE": (HANG, "after", NO), "UID COPY": (HANG, "after", NO), "CREATE": (HANG, "after"),
    "SUBSCRIBE": (HANG, "after"),
    "APPEND": (HANG, "after", "after", NO, "slow"),
    "IDLE": (HANG, "silent", "deaf", NO), "DONE": (HANG, "BYE"),
}
REPORT = ('(("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 80 2)'
          '("MESSAGE" "DELIVERY-STATUS" NIL NIL NIL "7BIT" 400)'
          '("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 900 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) '
          '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 4 1) 20) "REPORT" ("REPORT-TYPE" "delivery-status" '
          '"BOUNDARY" "edge"))')
PLAIN = '("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" %d %d NIL NIL NIL NIL)'


class Kept:
    """A mail in a folder."""

    def __init__(self, uid, raw, when, modseq, flags=()):
        head, _, self.text = raw.partition("\r\n\r\n")
        self.uid, self.raw, self.when, self.modseq, self.flags = uid, raw, when, modseq, set(flags)
        self.headers, self.parts = head + "\r\n\r\n", {}
        self.fields = [(field.partition(":")[0].lower(), field)
                       for field in re.split(r"\r\n(?![ \t])", head)]
        edge = re.search(r'multipart/report;.*?boundary="([^"]+)"', head, re.S)
        if edge:
            parts = self.text.split(f"--{edge[1]}")[1:4]
            bodies = [part.partition("\r\n\r\n")[2].removesuffix("\r\n") for part in parts]
            self.parts = {"1": bodies[0], "2": bodies[1], "3": bodies[2],
                          "3.HEADER": bodies[2].partition("\r\n\r\n")[0] + "\r\n\r\n"}
        self.structure = REPORT if edge else PLAIN % (len(self.text), self.text.count("\n"))

    def get(self, name):
        return next((field.partition(":")[2].strip() for key, field in self.fields if key == name), "")


class Shelf(Folder):
    """A folder that keeps what it is given."""

    def __init__(self, name, attributes=""):
        super().__init__(name, attributes)
        self.forget()

    def forget(self):
        self.mails, self.uids, self.modseq, self.validity = [], 0, 1, 1700000001

    def next(self):
        return self.uids + 1

    def touch(self):
        self.modseq += 1
        return self.modseq

    def add(self, raw, when, flags=()):
        self.uids += 1
        self.mails.append(Kept(self.uids, raw, when, self.touch(), flags))
        return self.uids

    def renumber(self):
        """Another UIDVALIDITY: what UIDs meant is void."""
        self.validity += 1
        self.uids = 0
        for mail in self.mails:
            self.uids += 1
            mail.uid, mail.modseq = self.uids + 100, self.touch()
        self.uids += 100


class Account:
    def __init__(self, address, password):
        self.address, self.password = address, password
        self.shelves = [Shelf("INBOX", "\\HasNoChildren"), Shelf("Sent", "\\Sent"),
                        Shelf("Trash", "\\Trash"), Shelf("Junk", "\\Junk")]

    def forget(self):
        del self.shelves[4:]
        for shelf in self.shelves:
            shelf.forget()


class ImapLine(Imap):
    def __init__(self, world, line):
        super().__init__()
        self.world, self.line, self.account = world, line, None
        self.pending = None  # (tag, arguments, size) of an APPEND whose literal is coming
        self.login = self.idling = None  # tags
        self.deaf = False
        if self.fault("GREETING") is None:
            self.line.send("* OK IMAP4rev1 mailsim\r\n")

    # -- what goes wrong -------------------------------------------------------------------------
    def fault(self, verb, tag="", late=()):
        """Draws one. None: nothing, go on; "": it was dealt with; else one of `late`, the caller's."""
        fault = self.world.draw("imap", verb, FAULTS.get(verb, ()))
        if fault is None or fault in late:
            return fault
        if fault == "slow":
            self.line.wait(self.world.slow())
            return None
        if fault == "BYE":
            self.line.send("* BYE Shutting down\r\n")
        if fault in (HANG, "BYE"):
            self.line.close(reset=fault == HANG and self.world.coin())
        else:
            self.line.send(f"{tag} {fault}\r\n")
        return ""

    # -- what hostile/imap.py says, of mail that is really kept ------------------------------------
    def capabilities(self, line):
        offers = self.world.offers
        words = ["IMAP4rev1", "SASL-IR", "LITERAL+", "UIDPLUS", "SPECIAL-USE", "LIST-EXTENDED",
                 "ESEARCH", "ENABLE", "NAMESPACE", "ID", "AUTH=PLAIN"]
        return " ".join(words + ["IDLE"] * offers["idle"] + ["CONDSTORE"] * offers["condstore"])

    def open(self, tag, arguments, read_only):
        text = super().open(tag, arguments, read_only)
        modseq = self.opened.modseq if self.opened else 0
        return text.replace("HIGHESTMODSEQ 7]", f"HIGHESTMODSEQ {modseq}]")

    def section(self, mail, section):
        wanted = re.match(r"HEADER\.FIELDS \(([^)]*)\)", section)
        if wanted:
            names = set(wanted[1].lower().split())
            return "".join(field + "\r\n" for key, field in mail.fields if key in names) + "\r\n"
        return mail.headers if section == "HEADER" else mail.parts.get(section, mail.text)

    def item(self, mail, items):
        date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(mail.when / 1000))
        out = f"UID {mail.uid} FLAGS ({' '.join(sorted(mail.flags))})"
        if "INTERNALDATE" in items:
            out += f' INTERNALDATE "{date}"'
        if "CHANGEDSINCE" in items:
            out += f" MODSEQ ({mail.modseq})"
        if "BODYSTRUCTURE" in items:
            out += " BODYSTRUCTURE " + mail.structure
        out = out.encode()
        for section, partial in re.findall(r"BODY\.PEEK\[([^\]]*)\](<0\.\d+>)?", items):
            name = f" BODY[{section}]{'<0>' if partial else ''} "
            out += name.encode() + literal(self.section(mail, section))
        return out

    def chosen(self, numbers):
        since = self.since
        return [(n, mail) for n, mail in super().chosen(numbers) if mail.modseq > since]

    def fetch(self, tag, arguments):
        since = re.search(r"CHANGEDSINCE (\d+)", arguments)
        self.since = int(since[1]) if since else 0
        return super().fetch(tag, arguments)

    def search(self, tag, arguments):
        found, first = self.opened.mails, re.search(r"UID (\d+):\*", arguments)
        since = re.search(r"SINCE (\S+)", arguments)
        headers = re.findall(r'HEADER (\S+) "([^"]*)"', arguments)
        if first:
            found = [m for m in found if m.uid >= int(first[1])] or found[-1:]
        if since:
            day = time.strptime(since[1], "%d-%b-%Y")[:3]
            found = [m for m in found if time.gmtime(m.when / 1000)[:3] >= day]
        if headers:
            found = [m for m in found if any(value in m.get(name.lower()) for name, value in headers)]
        uids = ",".join(str(m.uid) for m in found)
        if "RETURN" in arguments:
            return f'* ESEARCH (TAG "{tag}") UID{" ALL " * bool(uids)}{uids}\r\n{tag} OK Searched\r\n'
        return f"* SEARCH {uids.replace(',', ' ')}\r\n{tag} OK Searched\r\n"

    def store(self, tag, arguments):
        numbers, sign, flags = re.match(r"(\S+) ([+-])FLAGS\S* \(([^)]*)\)", arguments).groups()
        flags, self.since = set(flags.split()), 0
        for _, mail in self.chosen(numbers):
            mail.flags = mail.flags | flags if sign == "+" else mail.flags - flags
            mail.modseq = self.opened.touch()
        return f"{tag} OK Stored\r\n"

    def copy(self, tag, arguments):
        numbers, name = arguments.split(" ", 1)
        target, self.since = self.folder(name), 0
        if not target:
            return f"{tag} NO [TRYCREATE] No such folder\r\n"
        for _, mail in self.chosen(numbers):
            target.add(mail.raw, mail.when, mail.flags)
        return f"{tag} OK Copied\r\n"

    def create(self, tag, arguments):
        if self.folder(arguments):
            return f"{tag} NO [ALREADYEXISTS] It is there\r\n"
        self.folders.append(Shelf(arguments.strip('"')))
        return f"{tag} OK Done\r\n"

    def usual(self, verb, line, tag, arguments):
        mine = {"UID STORE": self.store, "UID COPY": self.copy, "CREATE": self.create}.get(verb)
        if verb == "NAMESPACE":
            return f'* NAMESPACE (("" "/")) NIL NIL\r\n{tag} OK Done\r\n'
        return mine(tag, arguments) if mine else super().usual(verb, line, tag, arguments)

    # -- the conversation ------------------------------------------------------------------------
    def lost(self):
        pass

    def take(self, buffer):
        while self.line.open:
            if self.pending:
                tag, arguments, size = self.pending
                if len(buffer) < size + 2:
                    break
                data, buffer = buffer[:size], buffer[size + 2:]
                self.pending = None
                self.append(tag, arguments, data)
                continue
            text, end, rest = buffer.partition(b"\n")
            if not end:
                break
            buffer = rest
            self.command(text.rstrip(b"\r").decode("utf-8", "surrogateescape"))
        return buffer

    def command(self, text):
        if self.idling:
            self.world.step("DONE")
            tag, self.idling = self.idling, None
            if self.fault("DONE", tag) is None:
                self.line.send(f"{tag} OK Idle ended\r\n")
            return
        if self.login:
            tag, self.login = self.login, None
            self.log_in(tag, text)
            return
        tag, verb, arguments = command_of(text)
        self.world.step(verb)
        size = re.search(r"\{(\d+)(\+?)\}$", arguments)
        if verb == "AUTHENTICATE":
            self.authenticate(tag, arguments)
        elif verb == "LOGOUT":
            self.line.send(f"* BYE Bye\r\n{tag} OK Done\r\n")
            self.line.close()
        elif verb != "CAPABILITY" and not self.account:
            self.line.send(f"{tag} BAD Sign in first\r\n")
        elif verb == "APPEND" and size:
            self.pending = (tag, arguments, int(size[1]))
            if not size[2]:
                self.line.send("+ Go on\r\n")
        elif verb == "IDLE":
            self.idle(tag)
        else:
            self.answer(verb, tag, arguments)

    def authenticate(self, tag, arguments):
        _, _, first = arguments.partition(" ")
        if first:
            self.log_in(tag, first)
        else:
            self.login = tag
            self.line.send("+ \r\n")

    def log_in(self, tag, text):
        user, password = base64.b64decode(text).decode().split("\0")[1:]
        if not self.world.knows(user, password):
            self.line.send(f"{tag} NO [AUTHENTICATIONFAILED] No\r\n")
        elif self.fault("AUTHENTICATE", tag) is None:
            self.account = self.world.accounts[user.lower()]
            self.folders = self.account.shelves
            self.line.send(f"{tag} OK Welcome\r\n")

    def answer(self, verb, tag, arguments):
        fault = self.fault(verb, tag, late=("half", "after", "expunge", "renumber"))
        if fault == "":
            return
        if fault == "renumber" and self.folder(arguments.split(" (")[0]):
            self.folder(arguments.split(" (")[0]).renumber()
        text = self.text(verb, None, tag, arguments)
        data = text.encode() if isinstance(text, str) else text
        if fault == "half":
            self.line.send(data[:len(data) // 2])
        elif fault == "expunge":
            data = self.expunge() + data
        if fault not in ("half", "after"):
            self.line.send(data)
        else:
            self.line.close()

    def expunge(self):
        """Somebody deletes a mail of no concern, while others are being told of."""
        for number, mail in enumerate(self.opened.mails if self.opened else (), 1):
            if mail.get("from").endswith("@stranger.example>") and mail.uid < self.opened.uids:
                self.opened.mails.remove(mail)
                return b"* %d EXPUNGE\r\n" % number
        return b""

    def append(self, tag, arguments, data):
        shelf = self.folder(re.match(r'"?([^" ]+)', arguments)[1])
        fault = self.fault("APPEND", tag, late=("after",))
        if fault == "":
            return
        if not shelf:
            self.line.send(f"{tag} NO [TRYCREATE] No such folder\r\n")
            return
        flags = re.search(r"\(([^)]*)\)", arguments)
        uid = shelf.add(data.decode("utf-8", "surrogateescape"), self.world.now(),
                        flags[1].split() if flags else ())
        if fault:
            self.line.close()
        else:
            self.line.send(f"{tag} OK [APPENDUID {shelf.validity} {uid}] Done\r\n")

    def idle(self, tag):
        fault = self.fault("IDLE", tag, late=("silent", "deaf"))
        if fault == "":
            return
        self.idling, self.deaf = tag, fault == "deaf"
        if fault != "silent":
            self.line.send("+ idling\r\n")

    def arrived(self, shelf):
        """Something is new in that folder."""
        if self.idling and self.opened is shelf and not self.deaf:
            self.line.send(f"* {len(shelf.mails)} EXISTS\r\n")
