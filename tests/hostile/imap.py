"""IMAP servers that do what real ones don't."""
import re
import time

from server import SECRET, Hangup, Wrong, main

CAPABLE = "IMAP4rev1 LITERAL+ UIDPLUS IDLE SPECIAL-USE LIST-EXTENDED ESEARCH ENABLE CONDSTORE ID"
HEADERS = ["From", "Subject", "Message-ID", "In-Reply-To", "X-Postrider-Id"]
DATE = "21-Nov-2026 12:00:00 +0000"
COPY = "Subject: Copy\r\nMessage-ID: <m1@acme.example>\r\nX-Postrider-Id: abcdefgh\r\n\r\nHi\r\n"


class Mail:
    def __init__(self, uid, subject, headers="", text="Hi\r\n", structure=None, parts=None):
        self.uid, self.text = uid, text
        self.headers = (f"From: Bo <bo@b.example>\r\nSubject: {subject}\r\n"
                        f"Message-ID: <{uid}@b.example>\r\n{headers}\r\n")
        self.structure = structure or ('("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 4 1 NIL NIL NIL NIL)')
        self.parts = parts or {}


class Folder:
    def __init__(self, name, attributes="", mails=(), validity=1700000001):
        self.name, self.attributes, self.validity = name, attributes, validity
        self.mails = list(mails)

    def next(self):
        return max([mail.uid for mail in self.mails], default=0) + 1


def literal(text):
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return b"{%d}\r\n" % len(data) + data


def command_of(text):
    """(tag, verb, arguments) of a command; "UID FETCH" is one verb."""
    tag, _, rest = text.partition(" ")
    verb, _, arguments = rest.partition(" ")
    verb = verb.upper()
    if verb == "UID":
        second, _, arguments = arguments.partition(" ")
        verb = f"UID {second.upper()}"
    return tag, verb, arguments


class Imap:
    """A server that behaves, but where a case says otherwise.

    answers: a command ("UID FETCH", "EXAMINE", ...) -> what to say in place of the usual: text, in which
    %T is the command's tag, a function (imap, line, tag, arguments) that gives text, or None for the
    usual; a list of these is used up, one a time. GREETING counts, and LITERAL: what comes where APPEND's
    literal is asked for. What the host says before the sign-in has a 0 behind it: CAPABILITY0."""

    def __init__(self, answers=None, capable=CAPABLE, starttls=False):
        self.answers = dict(answers or {})
        self.capable, self.starttls = capable, starttls
        self.folders = [Folder("INBOX", "\\HasNoChildren",
                               [Mail(11, "One"), Mail(12, "Two"), Mail(13, "Three")]),
                        Folder("Sent", "\\Sent", [Mail(5, "Sent one")]), Folder("Trash", "\\Trash"),
                        Folder("Junk", "\\Junk")]
        self.said, self.opened, self.appended = [], None, []

    @property
    def inbox(self):
        return self.folders[0]

    def folder(self, name):
        return next((folder for folder in self.folders if folder.name == name.strip('"')), None)

    # -- the usual ------------------------------------------------------------------------------

    def capabilities(self, line):
        if self.starttls and not line.tls:
            return "IMAP4rev1 STARTTLS LOGINDISABLED"
        return self.capable + " AUTH=PLAIN SASL-IR"

    def open(self, tag, arguments, read_only):
        folder = self.folder(arguments.split(" (")[0])
        if not folder:
            self.opened = None
            return f"{tag} NO [NONEXISTENT] No such mailbox\r\n"
        self.opened = folder
        return (f"* FLAGS (\\Seen \\Deleted)\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] Kept\r\n"
                f"* {len(folder.mails)} EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY {folder.validity}] Ok\r\n"
                f"* OK [UIDNEXT {folder.next()}] Ok\r\n* OK [HIGHESTMODSEQ 7] Ok\r\n"
                f"{tag} OK [READ-{'ONLY' if read_only else 'WRITE'}] Opened\r\n")

    def chosen(self, numbers):
        """The mails of a set, with their sequence numbers; "n:*" has the trap that the standard has."""
        mails, last = self.opened.mails, self.opened.next() - 1
        for part in numbers.split(","):
            first, _, end = part.partition(":")
            first = last if first == "*" else int(first)
            end = last if end == "*" else int(end or first)
            first, end = min(first, end), max(first, end)
            for number, mail in enumerate(mails, 1):
                if first <= mail.uid <= end:
                    yield number, mail

    def item(self, mail, items):
        out = b"UID %d FLAGS () INTERNALDATE \"%s\"" % (mail.uid, DATE.encode())
        if "BODYSTRUCTURE" in items:
            out += b" BODYSTRUCTURE " + mail.structure.encode()
        for section, partial in re.findall(r"BODY\.PEEK\[([^\]]*)\](<0\.\d+>)?", items):
            if section.startswith("HEADER"):
                data = mail.headers
            else:
                data = mail.parts.get(section, mail.text)
            out += f" BODY[{section}]{'<0>' if partial else ''} ".encode() + literal(data)
        return out

    def fetch(self, tag, arguments):
        numbers, items = arguments.split(" ", 1)
        out = b""
        if not self.opened:
            return f"{tag} BAD Nothing is open\r\n"
        for number, mail in self.chosen(numbers):
            out += b"* %d FETCH (" % number + self.item(mail, items) + b")\r\n"
        return out + f"{tag} OK Fetch completed\r\n".encode()

    def search(self, tag, arguments):
        uids = [mail.uid for mail in self.opened.mails]
        wanted = re.search(r"UID (\d+):\*", arguments)
        if wanted:
            uids = [uid for uid in uids if uid >= int(wanted[1])] or uids[-1:]
        for header, value in re.findall(r'HEADER (\S+) "([^"]*)"', arguments):
            match = [mail.uid for mail in self.opened.mails if value in mail.headers]
            uids = match if "OR" not in arguments else sorted(set(match))
            if match:
                break
        if "RETURN" in arguments:
            found = f" ALL {','.join(map(str, uids))}" if uids else ""
            return f'* ESEARCH (TAG "{tag}") UID{found}\r\n{tag} OK Searched\r\n'
        return f"* SEARCH {' '.join(map(str, uids))}\r\n{tag} OK Searched\r\n"

    def usual(self, verb, line, tag, arguments):
        if verb == "GREETING":
            return "* OK IMAP4rev1 ready\r\n"
        if verb in ("CAPABILITY", "CAPABILITY0"):
            return f"* CAPABILITY {self.capabilities(line)}\r\n{tag} OK Done\r\n"
        if verb == "LIST":
            return "".join(f'* LIST ({folder.attributes}) "/" "{folder.name}"\r\n'
                           for folder in self.folders) + f"{tag} OK Listed\r\n"
        if verb in ("EXAMINE", "SELECT"):
            return self.open(tag, arguments, verb == "EXAMINE")
        if verb == "UID FETCH":
            return self.fetch(tag, arguments)
        if verb == "UID SEARCH":
            return self.search(tag, arguments)
        if verb == "CREATE":
            self.folders.append(Folder(arguments.strip('"')))
        if verb == "IDLE":
            return "+ idling\r\n"
        if verb in ("ID", "ENABLE", "NAMESPACE", "UID STORE", "UID COPY", "CREATE", "SUBSCRIBE", "NOOP",
                    "AUTHENTICATE0", "LOGIN0", "STARTTLS0", "LOGOUT"):
            return f"{tag} OK Done\r\n"
        return f"{tag} BAD What?\r\n"

    # -- the conversation -----------------------------------------------------------------------

    def text(self, verb, line, tag="", arguments=""):
        what = self.answers.get(verb)
        if isinstance(what, list):
            what = what.pop(0) if what else None
        if callable(what):
            what = what(self, line, tag, arguments)
        if what is None:
            what = self.usual(verb, line, tag, arguments)
        return what.replace(b"%T", tag.encode()) if isinstance(what, bytes) else what.replace("%T", tag)

    def append(self, line, tag, arguments):
        size, plus = re.search(r"\{(\d+)(\+?)\}$", arguments).groups()
        if not plus:
            go = self.text("LITERAL", line, tag, arguments) if "LITERAL" in self.answers else "+ Go on\r\n"
            line.send(go)
            if not go.startswith("+"):
                return
        data = line.exactly(int(size))
        line.line()
        text = self.text("APPEND", line, tag, arguments) if "APPEND" in self.answers else None
        if text is None or " OK" in text:
            self.appended.append(data)
        line.send(text if text is not None else f"{tag} OK [APPENDUID 1700000001 77] Done\r\n")

    def __call__(self, line):
        line.send(self.text("GREETING", line))
        signed_in = False
        while True:
            tag, verb, arguments = command_of(line.line())
            name = verb if signed_in else verb + "0"
            self.said.append(name)
            if name == "AUTHENTICATE0" and " " not in arguments:
                line.send("+ \r\n")
                line.line()
            if verb == "APPEND":
                self.append(line, tag, arguments)
                continue
            text = self.text(name, line, tag, arguments)
            line.send(text)
            good = f"{tag} OK" in (text if isinstance(text, str) else text.decode("utf-8", "replace"))
            signed_in = signed_in or name in ("AUTHENTICATE0", "LOGIN0") and good
            if name == "STARTTLS0" and good:
                line.start_tls()
            if name == "IDLE" and text.startswith("+"):
                line.line()
                line.send(f"{tag} OK Idle ended\r\n")
            if verb == "LOGOUT":
                raise Hangup()


# -- what cases say -----------------------------------------------------------------------------

def hang_up(imap, line, tag, arguments):
    raise Hangup()


def reset(imap, line, tag, arguments):
    raise Hangup(rst=True)


def once(verb, answer):
    return {verb: [answer]}


def begin(world, imap, scheme="imaps", tls=True, pieces=0, access="full", **settings):
    server = world.serve(imap, tls=tls, pieces=pieces)
    world.open(access=access, smtp="smtps://127.0.0.1:1", imap=server.url(scheme), sent="append", **settings)
    return server


def subjects(answer):
    """INBOX's; that only asked fields came is checked here."""
    found = []
    for item in answer["items"]:
        names = [line.split(":")[0].lower() for line in item["headers"].split("\r\n")
                 if line and line[0] not in " \t"]
        wrong = [name for name in names if name not in [header.lower() for header in HEADERS]]
        if wrong:
            raise Wrong(f"headers that nobody asked for: {wrong}")
        found += re.findall(r"(?m)^Subject: (.*?)\r$", item["headers"])
    return found


def ask_list(world, cursor="", **more):
    more.setdefault("headers", HEADERS)
    return world.ask("list", cursor=cursor, **more)


def list_all(world, cursor=""):
    """Every page of a server that behaves; the subjects."""
    found = []
    for _ in range(20):
        answer = world.expect(ask_list(world, cursor), "ok")
        found += subjects(answer)
        cursor = answer["cursor"]
        if not answer["more"]:
            return found
    raise Wrong("the list has no end")


ALL = ["One", "Sent one", "Three", "Two"]


def then_in_step(world, imap, answer=None, everything=None):
    """Listing goes on where it was, and no mail is missing, whatever came before."""
    imap.answers = {}
    before = subjects(answer) if answer and answer["kind"] == "ok" else []
    cursor = answer["cursor"] if answer and answer["kind"] == "ok" else ""
    found = sorted(before + list_all(world, cursor))
    world.check(sorted(set(found)) == (everything or ALL), f"listed {found}")


def one(answers, kind, scope=None, change=None, **more):
    """A case of one listing that meets these answers, and one that must be in step after it."""
    settings = more.pop("settings", {})

    def case(world):
        imap = Imap(answers, **settings)
        if change:
            change(imap)
        begin(world, imap)
        asked = {key: more[key] for key in ("timeout", "cancel", "want", "limit") if key in more}
        wanted = {key: more[key] for key in more if key not in asked}
        then_in_step(world, imap, world.expect(ask_list(world, **asked), kind, scope, **wanted))
    return case


CASES = []


def case(function, name=None):
    if name:
        function.__name__ = name
    CASES.append(function)
    return function


# -- hung up on ---------------------------------------------------------------------------------

for verb in ("CAPABILITY", "ID", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH"):
    case(one(once(verb, hang_up), "transient", "mailbox"), f"closed at {verb}")
for verb in ("LIST", "EXAMINE", "UID FETCH"):
    case(one(once(verb, lambda i, l, t, a: (l.send("* BYE Shutting down\r\n"), hang_up(i, l, t, a))),
             "transient", "mailbox"), f"BYE at {verb}")
case(one(once("GREETING", "* BYE Full\r\n"), "transient"), "BYE as greeting")
case(one(once("UID FETCH", lambda i, l, t, a: (l.send(b"* 1 FETCH (UID 11 BODY[HEADER.FIELDS (From)] {500}\r\nFrom"),
                                               hang_up(i, l, t, a))), "transient", "mailbox"),
     "closed within a literal")
case(one(once("UID FETCH", reset), "transient", "mailbox"), "reset at FETCH")
case(one(once("EXAMINE", lambda i, l, t, a: l.wait_for_close()), "transient", None,
         timeout=1000), "no answer in time")
case(one(once("UID FETCH", lambda i, l, t, a: l.wait_for_close()), "cancelled", None, cancel=800),
     "cancelled at FETCH")
case(one(once("EXAMINE", "%T NO [INUSE] Later\r\n"), "transient", "mailbox"), "EXAMINE of Sent refused for now")
case(one(once("EXAMINE", "%T NO [NOPERM] Never\r\n"), "ok", None), "EXAMINE of Sent refused for good")
case(one(once("UID FETCH", "%T BAD What\r\n"), "broken", "mailbox"), "BAD to FETCH")
case(one(once("UID SEARCH", "%T NO [LIMIT] Too much\r\n"), "throttled", "mailbox"), "a limit at SEARCH")
case(one(once("LIST", "%T NO No\r\n"), "transient", "mailbox"), "NO to LIST")


@case
def a_line_that_died_idle(world):
    imap = Imap()
    server = begin(world, imap)
    first = world.expect(ask_list(world), "ok")
    for line in server.lines:
        line.sock.close()
    time.sleep(0.2)
    world.expect(ask_list(world, first["cursor"]), "ok|transient")
    then_in_step(world, imap)


# -- content that looks like protocol -----------------------------------------------------------

def evil_mail(text):
    def change(imap):
        imap.inbox.mails[1] = Mail(12, "Two", headers=text)
    return change


FORGED = ("X-Evil: x\r\nA004 OK Fetch completed\r\n* 9 EXISTS\r\n* BYE now\r\n)\r\n* 2 EXPUNGE\r\n"
          "+ go on\r\n* 3 FETCH (UID 13 BODY[HEADER.FIELDS (From)] {0}\r\n\r\n)\r\n")
case(one({}, "ok", None, change=evil_mail(FORGED)), "a literal that contains A004 OK Fetch completed")


@case
def a_literal_that_contains_our_own_tag(world):
    """Not to be guessed; and if it were, a literal is a literal."""
    def forge(imap, line, tag, arguments):
        imap.inbox.mails[1] = Mail(12, "Two", headers=f"X-Evil: x\r\n{tag} OK Fetch completed\r\n")
        return None
    imap = Imap({"UID FETCH": forge})
    begin(world, imap)
    then_in_step(world, imap, world.expect(ask_list(world), "ok"))


case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).replace(b"FLAGS ()", b"ENVELOPE (NIL " + literal("Sub)ject\r\n") +
         b" ((" + literal("a") + b" NIL NIL " + literal("* BYE") + b")) NIL NIL NIL NIL NIL NIL NIL) FLAGS ()")),
         "ok"), "several literals in one response")
case(one({"UID FETCH": lambda i, l, t, a: i.fetch(t, a).replace(b"<0> {", b"<0> ~{")}, "ok"), "literal8")


@case
def headers_as_quoted_strings(world):
    def quote(imap, line, tag, arguments):
        out = imap.fetch(tag, arguments)
        return re.sub(rb"\{\d+\}\r\n(From.*?\r\n\r\n)", rb'"From: x \\" \\\\ )"', out, flags=re.S)
    imap = Imap(once("UID FETCH", quote))
    begin(world, imap)
    world.expect(ask_list(world), "ok")
    imap.answers = {}
    world.check(sorted(set(list_all(world))) == ALL, "not in step")


# -- sizes --------------------------------------------------------------------------------------

def fetch_of(text):
    return once("UID FETCH", text if isinstance(text, bytes) else text.encode("latin-1"))


for size in ("2147483648", "4294967296", "18446744073709551616", "99999999999999999999999", "314572800", "-1", "", "1x"):
    case(one(fetch_of(f"* 1 FETCH (UID 11 BODY[HEADER.FIELDS (From)]<0> {{{size}}}\r\nFrom: x\r\n\r\n)\r\n%T OK Done\r\n"),
             "broken", "mailbox", timeout=700), f"a literal of {size or 'no'} bytes")


@case
def ten_megabytes_of_literal(world):
    def flood(imap, line, tag, arguments):
        line.send(b"* 1 FETCH (UID 11 BODY[HEADER.FIELDS (From)]<0> {10485760}\r\n")
        for _ in range(160):
            line.send(b"x" * 65536)
        return f")\r\n{tag} OK Done\r\n"
    imap = Imap(once("UID FETCH", flood))
    begin(world, imap)
    then_in_step(world, imap, world.expect(ask_list(world), "broken", "mailbox"))


case(one(fetch_of("* 1 FETCH (UID 11 FLAGS " + "(" * 4000 + ")" * 4000 + ")\r\n%T OK Done\r\n"), "broken", "mailbox"),
     "4000 parentheses")
case(one(fetch_of("* 1 FETCH (UID 11 FLAGS " + "(" * 4000 + "\r\n%T OK Done\r\n"), "broken", "mailbox"),
     "4000 parentheses that are never closed")
case(one(fetch_of("* 1 FETCH (UID 11 FLAGS (" + "a " * 30000 + "a))\r\n%T OK Done\r\n"), "broken", "mailbox"),
     "30000 flags")
case(one(once("LIST", "* LIST () \"/\" " + "x" * 1000000 + "\r\n%T OK Done\r\n"), "broken", "mailbox"),
     "a line of a megabyte")


@case
def a_line_without_an_end(world):
    def flood(imap, line, tag, arguments):
        for _ in range(100):
            line.send(b"* OK " + b"x" * 65536)
        raise Hangup()
    imap = Imap(once("EXAMINE", flood))
    begin(world, imap)
    then_in_step(world, imap, world.expect(ask_list(world), "broken", "mailbox"))


case(one(once("EXAMINE", lambda i, l, t, a: "* 1 EXISTS\r\n" * 300000 + i.open(t, a, True)), "broken", "mailbox"),
     "300000 times EXISTS")
case(one(once("LIST", lambda i, l, t, a: "".join(f'* LIST () "/" "f{n}"\r\n' for n in range(20000)) +
              i.usual("LIST", l, t, a)), "ok"), "20000 folders")
case(one(once("CAPABILITY", lambda i, l, t, a: "* CAPABILITY " + "X" * 60000 + "\r\n%T OK Done\r\n"), "ok"),
     "a capability of 60000 letters")

# -- numbers ------------------------------------------------------------------------------------

for uid in ("0", "4294967296", "18446744073709551615", "18446744073709551616", "-1", "1a", "NIL", "(11)"):
    case(one(once("UID FETCH", lambda i, l, t, a, uid=uid: f"* 1 FETCH (UID {uid} FLAGS ())\r\n".encode() + i.fetch(t, a)),
             "broken", "mailbox"), f"UID {uid}")
for found in ("1:4294967295", "4294967295:1"):
    case(one(once("UID SEARCH", f'* ESEARCH (TAG "%T") UID ALL {found}\r\n%T OK Done\r\n'), "ok"), f"ESEARCH ALL {found}")
for found in ("18446744073709551615", "1:18446744073709551615", "1:*", "0", "x", ",,", "11:"):
    case(one(once("UID SEARCH", f'* ESEARCH (TAG "%T") UID ALL {found}\r\n%T OK Done\r\n'), "broken", "mailbox"),
         f"ESEARCH ALL {found}")
case(one(once("UID SEARCH", "* SEARCH " + " ".join(str(n) for n in range(1, 100000)) + "\r\n%T OK Done\r\n"), "ok"),
     "SEARCH with 100000 numbers")
case(one({"EXAMINE": lambda i, l, t, a: re.sub(r"UIDNEXT \d+", "UIDNEXT 1", i.open(t, a, True))}, "ok"),
     "UIDNEXT that is too low")
case(one({"EXAMINE": lambda i, l, t, a: re.sub(r"\* OK \[UIDNEXT \d+\] Ok\r\n", "", i.open(t, a, True))}, "ok"),
     "no UIDNEXT")
case(one({"EXAMINE": lambda i, l, t, a: re.sub(r"UIDVALIDITY \d+", "UIDVALIDITY 0", i.open(t, a, True))},
         "transient", "mailbox"), "UIDVALIDITY 0")
case(one({"EXAMINE": lambda i, l, t, a: i.open(t, a, True).replace("HIGHESTMODSEQ 7", "NOMODSEQ")}, "ok"), "NOMODSEQ")
case(one({"EXAMINE": lambda i, l, t, a: i.open(t, a, True).replace("HIGHESTMODSEQ 7", "HIGHESTMODSEQ 99999999999999999999")},
         "ok"), "HIGHESTMODSEQ beyond 63 bits")


@case
def UIDNEXT_far_ahead(world):
    """UIDs are never given twice: what lies, loses its own mail; nothing else, and not for long."""
    imap = Imap({"EXAMINE": lambda i, l, t, a: re.sub(r"UIDNEXT \d+", "UIDNEXT 4000000000", i.open(t, a, True))})
    begin(world, imap)
    answer = world.expect(ask_list(world), "ok")
    world.check(sorted(subjects(answer)) == ALL, str(subjects(answer)))


# -- what nobody asked for ----------------------------------------------------------------------

def before(text):
    return lambda i, l, t, a: text.encode() + i.fetch(t, a)


case(one(once("UID FETCH", before("* 2 EXPUNGE\r\n")), "ok"), "EXPUNGE in mid FETCH")


@case
def EXPUNGE_between_two_FETCHes(world):
    def expunge(imap, line, tag, arguments):
        parts = imap.fetch(tag, arguments).split(b"* 2 FETCH", 1)
        return (b"* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 1 FETCH" if len(parts) == 2 else b"").join(parts)
    imap = Imap(once("UID FETCH", expunge))
    begin(world, imap)
    then_in_step(world, imap, world.expect(ask_list(world), "ok"))


case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).replace(b" OK Fetch", b" NO [EXPUNGEISSUED] Fetch")), "ok"),
     "EXPUNGEISSUED")
case(one(once("UID FETCH", before("* VANISHED (EARLIER) 1:4294967295\r\n* VANISHED 11\r\n")), "ok"), "VANISHED")
case(one(once("UID FETCH", before("* 3 FETCH (FLAGS (\\Seen))\r\n* 99 FETCH (UID 7 FLAGS ())\r\n")), "ok"),
     "FETCH of mails that nobody asked about")
case(one(once("UID FETCH", before("* 7 FETCH (UID 7 FLAGS () BODY[HEADER.FIELDS (Subject)]<0> {19}\r\nSubject: Forged\r\n\r\n)\r\n")),
         "ok"), "headers that nobody asked for")
case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).split(t.encode())[0] + i.fetch(t, a)), "ok"),
     "every FETCH twice")
case(one(once("UID FETCH", lambda i, l, t, a: b"".join(reversed(re.split(rb"(?=\* \d+ FETCH)", i.fetch(t, a).rsplit(t.encode(), 1)[0])))
         + f"{t} OK Done\r\n".encode()), "ok"), "UIDs backwards")
case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).replace(b"OK Fetch", b"OK [APPENDUID 1 2] Fetch")), "ok"),
     "an APPENDUID that nobody expects")
case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).replace(b"OK Fetch", b"OK [COPYUID 1 1:9999999999 2] Fetch")), "ok"),
     "a COPYUID that nobody expects")
case(one(once("UID FETCH", before("* OK [ALERT] \x01\x02\x7f\r\n* CAPABILITY IMAP4rev1\r\n* LIST () NIL x\r\n* STATUS x ()\r\n"
                                  "* SEARCH 1 2 3\r\n* FLAGS (" + "x " * 500 + ")\r\n")), "ok"), "all sorts of responses")
case(one(once("UID FETCH", before("+ go on\r\n")), "ok"), "a continuation that nobody waits for")
case(one(once("EXAMINE", lambda i, l, t, a: "A001 OK Done\r\n" + i.open(t, a, True)), "broken", "mailbox"),
     "another tag's answer")
case(one(once("EXAMINE", lambda i, l, t, a: i.open(t, a, True) + f"{t} OK Again\r\n"), "broken", "mailbox"),
     "an answer twice")
case(one(once("UID SEARCH", lambda i, l, t, a: i.search(t, a) + i.search(t, a)), "broken", "mailbox"),
     "a whole answer twice")
case(one(once("CAPABILITY", lambda i, l, t, a: "A002 OK left over\r\n* 5 EXISTS\r\n" + i.usual("CAPABILITY", l, t, a)), "ok"),
     "what was left over from the sign-in")

# -- mails that are none ------------------------------------------------------------------------


def strange(headers):
    def change(imap):
        imap.inbox.mails[1].headers = headers
    return change


@case
def a_mail_without_headers(world):
    """isync CVE-2021-44143."""
    for headers in ("", "\r\n", "no colon\r\n\r\n", ": no name\r\n\r\n", "Subject", "\0\0\0", " folded\r\n\tfrom the start\r\n"):
        imap = Imap()
        imap.inbox.mails[1].headers = headers
        begin(world, imap)
        answer = world.expect(ask_list(world), "ok")
        world.check({"One", "Three"} <= set(subjects(answer)), f"{headers!r}: {subjects(answer)}")
        world.ask("close")


case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).replace(DATE.encode(), b"99-Foo-0000 99:99:99 +9999")), "ok"),
     "dates that are none")
case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).replace(b"\r\n%b OK" % t.encode(), b"\n%b OK" % t.encode())), "ok"),
     "a bare LF at a response's end")
case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).replace(b"FLAGS ()", b"FLAGS (\xff\xfe \x80)")), "ok"),
     "flags of 8 bits")
case(one(once("UID FETCH", lambda i, l, t, a: i.fetch(t, a).replace(b"FLAGS ()", b"FLAGS (a\0b)")), "ok"),
     "NUL in a response")
case(one(once("LIST", lambda i, l, t, a: '* LIST () "/" "../../etc/passwd"\r\n* LIST () NIL {11}\r\na\r\nb LOGOUT\r\n'
              '* LIST () "\\"" ""\r\n* LIST (\\Junk) "/" "&AAA-&&&Jjo!-"\r\n* LIST\r\n* LIST ()\r\n* LIST () "/"\r\n'
              + i.usual("LIST", l, t, a)), "ok"), "names of folders that are none")


def report(structure, **parts):
    def change(imap):
        imap.inbox.mails[1] = Mail(12, "Two", "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n",
                                   structure=structure, parts=parts)
    return change


STATUS = "Reporting-MTA: dns; b.example\r\n\r\nFinal-Recipient: rfc822; bo@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
GOOD = ('(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 4 1)("MESSAGE" "DELIVERY-STATUS" NIL NIL NIL "7BIT" 120)'
        '("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 50 ("d" "s" NIL NIL NIL NIL NIL NIL NIL "m") '
        '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 4 1) 5) "REPORT" ("REPORT-TYPE" "delivery-status" "BOUNDARY" "x"))')


@case
def a_report_that_is_one(world):
    imap = Imap()
    report(GOOD, **{"2": STATUS, "3.HEADER": "Message-ID: <m1@acme.example>\r\n\r\n"})(imap)
    begin(world, imap)
    answer = world.expect(ask_list(world, want=1, headers=HEADERS + ["Content-Type"]), "ok")
    item = [item for item in answer["items"] if item["report"]]
    world.check(len(item) == 1 and "5.1.1" in item[0]["report"], str(answer))


for name, structure in (("of 4000 parentheses", "(" * 4000 + ")" * 4000), ("of 1000 parts", "(" + '("TEXT" "PLAIN" NIL NIL NIL "7BIT" 4 1)' * 1000 + ' "REPORT" ("REPORT-TYPE" "delivery-status"))'),
                        ("that is NIL", "NIL"), ("that is a word", "x"), ("of empty lists", "(()()())"),
                        ("nested 100 deep", "(" * 100 + '"TEXT" "PLAIN"' + ")" * 100)):
    case(one({}, "ok", None, change=report(structure), want=1), f"a report's structure {name}")

# -- folders that change ------------------------------------------------------------------------


@case
def UIDVALIDITY_changes(world):
    """Only that folder is read again; nothing is lost and nothing stands still."""
    imap = Imap()
    begin(world, imap)
    first = world.expect(ask_list(world), "ok")
    imap.inbox.validity += 1
    imap.inbox.mails = [Mail(1, "One"), Mail(2, "New")]
    found = list_all(world, first["cursor"])
    world.check("New" in found, f"listed {found}")
    world.check("Sent one" not in found, "Sent was read again")


@case
def the_last_mail_before_n(world):
    """"n:*" names the last mail even where it is before n: it is not handed over again."""
    imap = Imap({"EXAMINE": lambda i, l, t, a: re.sub(r"\* OK \[UIDNEXT \d+\] Ok\r\n", "", i.open(t, a, True))})
    begin(world, imap)
    first = world.expect(ask_list(world), "ok")
    second = world.expect(ask_list(world, first["cursor"]), "ok")
    world.check(subjects(second) == [], f"again: {subjects(second)}")
    imap.inbox.mails.append(Mail(14, "Four"))
    third = world.expect(ask_list(world, second["cursor"]), "ok")
    world.check(subjects(third) == ["Four"], f"then: {subjects(third)}")


@case
def a_page_that_is_taken_in_part(world):
    """The cursor covers what was taken, and no more."""
    for limit in (1, 2, 100):
        imap, cursor, found = Imap(), "", []
        begin(world, imap)
        for _ in range(10):
            answer = world.expect(ask_list(world, cursor, take=1, limit=limit), "ok")
            found += subjects(answer)
            cursor = answer["cursor"]
            if not answer["more"]:
                break
        world.check(sorted(found) == ALL, f"limit {limit}: {found}")
        world.ask("close")


@case
def cursors_that_are_none(world):
    imap = Imap()
    begin(world, imap)
    for cursor in ("00", "ff" * 200, "01" * 4000):
        world.expect(ask_list(world, cursor), "cursor lost")
    then_in_step(world, imap)


@case
def answers_split_at_every_byte(world):
    imap = Imap()
    evil_mail(FORGED)(imap)
    begin(world, imap, pieces=1)
    then_in_step(world, imap, world.expect(ask_list(world), "ok"))


@case
def nothing_is_marked_as_read(world):
    imap = Imap()
    begin(world, imap)
    list_all(world)
    world.check("SELECT" not in imap.said and "UID STORE" not in imap.said, str(imap.said))


# -- APPEND, find, labels -----------------------------------------------------------------------

def file(world, **more):
    return world.ask("file", marker="abcdefgh", message_id="m1@acme.example", rfc5322=COPY, **more)


def find(world, **more):
    return world.ask("find", marker="abcdefgh", message_id="m1@acme.example", **more)


@case
def the_copy_is_filed_once(world):
    imap = Imap()
    begin(world, imap)
    world.expect(file(world), "ok")
    world.check(imap.appended == [COPY.encode()], f"{len(imap.appended)} copies")
    imap.folder("Sent").mails.append(Mail(77, "Copy", "X-Postrider-Id: abcdefgh\r\n"))
    world.expect(file(world), "ok")
    world.check(len(imap.appended) == 1, "filed twice")
    world.check("77" in world.expect(find(world), "ok")["id"], "not found")


for name, answers, kind in (
        ("refused", {"APPEND": "%T NO [OVERQUOTA] Full\r\n"}, "permanent"),
        ("refused for want of a folder", {"APPEND": "%T NO [TRYCREATE] Gone\r\n"}, "absent"),
        ("lost behind its last byte", once("APPEND", hang_up), "transient"),
        ("answered with APPENDUIDs that are none", {"APPEND": "%T OK [APPENDUID 1:5 99999999999999999999,3] Done\r\n"}, "ok"),
        ("answered with an APPENDUID without end", {"APPEND": "%T OK [APPENDUID " + "9" * 5000 + "] Done\r\n"}, "ok")):
    def append_case(world, answers=answers, kind=kind):
        imap = Imap(answers)
        begin(world, imap)
        world.expect(file(world), kind)
        then_in_step(world, imap)
    case(append_case, f"APPEND {name}")
for name, answers, kind in (("refused before its literal", {"LITERAL": "%T NO [OVERQUOTA] Full\r\n"}, "permanent"),
                            ("never asked for its literal", once("LITERAL", hang_up), "transient"),
                            ("asked for twice", {"LITERAL": "+ Go\r\n+ Go\r\n"}, "ok")):
    def literal_case(world, answers=answers, kind=kind):
        imap = Imap(answers, capable=CAPABLE.replace("LITERAL+ ", ""))
        begin(world, imap)
        world.expect(file(world), kind)
        then_in_step(world, imap)
    case(literal_case, f"APPEND {name}")


@case
def a_find_that_only_looks_alike(world):
    """SEARCH HEADER finds parts of words, and a server may find what it likes."""
    imap = Imap({"UID SEARCH": '* ESEARCH (TAG "%T") UID ALL 5\r\n%T OK Done\r\n'})
    begin(world, imap)
    world.expect(find(world), "absent", "message")
    imap.folder("Sent").mails = [Mail(5, "x", "X-Postrider-Id: abcdefghi\r\n"), ]
    world.expect(find(world), "absent")
    imap.folder("Sent").mails = [Mail(5, "x", "X-Postrider-Id: abcdefgh\r\n"), ]
    world.expect(find(world), "ok")


@case
def labels_where_no_keyword_is_kept(world):
    imap = Imap({"SELECT": lambda i, l, t, a: i.open(t, a, False).replace("(\\Seen \\*)", "(\\Seen)")})
    begin(world, imap)
    label = {"ids": ["INBOX/1700000001/12"], "add": ["Outreach/Replied"], "remove": []}
    world.expect(world.ask("label", **label), "ok", how=2)
    world.check("UID COPY" in imap.said and "UID STORE" not in imap.said, str(imap.said))
    then_in_step(world, imap)


@case
def label_names_that_would_be_commands(world):
    imap = Imap()
    begin(world, imap)
    for name in ("a b", "a\r\nx LOGOUT", 'a") LOGOUT', "a{5}", "\\Deleted", "", "%*", "\x7f", "\u00e9"):
        world.expect(world.ask("label", ids=["INBOX/1700000001/12"], add=[name], remove=[]),
                     "ok|permanent|unsupported")
    for strange_id in ("", "INBOX", "INBOX/1/", "INBOX/x/12", "a%0d%0aLOGOUT/1/2", "%/1/1", "/1/1"):
        world.expect(world.ask("label", ids=[strange_id], add=["x"], remove=[]), "ok|absent|permanent")
        world.expect(world.ask("read", id=strange_id), "absent|permanent|transient")
    world.check("LOGOUT" not in imap.said and "X" not in imap.said, str(imap.said))
    then_in_step(world, imap)


for name, structure in (("of 4000 parentheses", "(" * 4000 + ")" * 4000), ("that is NIL", "NIL"),
                        ("that is cut", '("TEXT" "PLAIN"')):
    def read_case(world, structure=structure):
        imap = Imap()
        imap.inbox.mails[0].structure = structure
        begin(world, imap)
        world.expect(world.ask("read", id="INBOX/1700000001/11", timeout=700), "absent")
        then_in_step(world, imap)
    case(read_case, f"reading a structure {name}")


@case
def reading_text_that_is_none(world):
    for text, structure in (("=ZZ=\r\n=", '("TEXT" "PLAIN" ("CHARSET" "x-none") NIL NIL "QUOTED-PRINTABLE" 4 1)'),
                            ("\xff\xfe\x80\0x", '("TEXT" "PLAIN" ("CHARSET" "utf-16") NIL NIL "8BIT" 4 1)'),
                            ("!!!", '("TEXT" "HTML" NIL NIL NIL "BASE64" 4 1)'),
                            ("<" * 5000, '("TEXT" "HTML" NIL NIL NIL "7BIT" 4 1)')):
        imap = Imap()
        imap.inbox.mails[0].structure, imap.inbox.mails[0].text = structure, text
        begin(world, imap)
        world.expect(world.ask("read", id="INBOX/1700000001/11"), "ok")
        world.ask("close")


# -- IDLE ---------------------------------------------------------------------------------------

def watch(world, imap, **more):
    begin(world, imap)
    return world.ask("watch", **more)


@case
def IDLE_that_tells(world):
    def tell(imap, line, tag, arguments):
        line.send("+ idling\r\n")
        time.sleep(0.3)
        line.send("* 4 EXISTS\r\n")
        return line.line() and f"{tag} OK Done\r\n"
    imap = Imap({"IDLE": tell})
    world.expect(watch(world, imap), "ok")
    world.ask("hints", wait=100)
    world.check(world.ask("hints", wait=2000)["hints"] > 0, "no hint")


@case
def IDLE_refused(world):
    world.expect(watch(world, Imap({"IDLE": "%T NO No\r\n"})), "transient")


@case
def no_IDLE(world):
    world.expect(watch(world, Imap(capable="IMAP4rev1")), "unsupported")


@case
def BYE_in_IDLE(world):
    def bye(imap, line, tag, arguments):
        line.send("+ idling\r\n")
        time.sleep(0.3)
        line.send("* BYE Token expired\r\n")
        raise Hangup()
    world.expect(watch(world, Imap({"IDLE": bye})), "ok")
    world.ask("hints", wait=100)
    world.check(world.ask("hints", wait=2000)["lost"] == 1, "not told that it is lost")


@case
def IDLE_that_is_never_begun(world):
    imap = Imap({"IDLE": lambda i, l, t, a: l.wait_for_close()})
    world.expect(watch(world, imap, timeout=1000), "transient")


@case
def IDLE_that_ends_by_itself(world):
    """Time and again, at once: it is not begun a thousand times a second."""
    class Endless(Imap):
        def __call__(self, line):
            line.send(self.text("GREETING", line))
            signed_in = False
            while True:
                tag, _, rest = line.line().partition(" ")
                verb, _, arguments = rest.partition(" ")
                self.said.append(verb.upper())
                if verb.upper() == "IDLE":
                    line.send(f"+ idling\r\n{tag} OK Done\r\n")
                    continue
                name = verb.upper() if signed_in else verb.upper() + "0"
                if name == "AUTHENTICATE0":
                    signed_in = True
                    if " " not in arguments:
                        line.send("+ \r\n")
                        line.line()
                line.send(self.text(name, line, tag, arguments))

    endless = Endless()
    world.expect(watch(world, endless), "ok")
    for _ in range(5):
        world.ask("hints", wait=200)
    world.ask("close")
    count = endless.said.count("IDLE")
    world.check(count < 50, f"IDLE was said {count} times")


@case
def IDLE_that_floods(world):
    def flood(imap, line, tag, arguments):
        line.send("+ idling\r\n" + "* 4 EXISTS\r\n* 4 EXPUNGE\r\n" * 20000)
        return line.line() and f"{tag} OK Done\r\n"
    world.expect(watch(world, Imap({"IDLE": flood})), "ok")
    world.ask("hints", wait=300)


# -- signing in ---------------------------------------------------------------------------------

def refused_without_secret(world, imap, kind="transient", **how):
    begin(world, imap, **how)
    world.expect(ask_list(world), kind)
    world.check("AUTHENTICATE0" not in imap.said and "LOGIN0" not in imap.said, str(imap.said))
    world.check("LIST" not in imap.said and "LIST0" not in imap.said, "commands were given")


@case
def PREAUTH_before_TLS(world):
    """Then STARTTLS would not be allowed, and all would go in the clear."""
    refused_without_secret(world, Imap(once("GREETING", "* PREAUTH Welcome\r\n"), starttls=True), scheme="imap", tls=False)


@case
def PREAUTH_under_TLS(world):
    imap = Imap({"GREETING": "* PREAUTH Welcome\r\n"})
    begin(world, imap)
    world.expect(ask_list(world), "transient")


@case
def STARTTLS_as_it_should_be(world):
    imap = Imap(starttls=True)
    begin(world, imap, scheme="imap", tls=False)
    then_in_step(world, imap, world.expect(ask_list(world), "ok"))


@case
def STARTTLS_with_words_behind_it(world):
    """CVE-2021-22947: what came in the clear is no answer under TLS."""
    imap = Imap({"STARTTLS0": "%T OK Go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA003 OK Done\r\nA004 OK Welcome\r\n"},
                starttls=True)
    begin(world, imap, scheme="imap", tls=False)
    world.expect(ask_list(world), "transient")
    world.check("AUTHENTICATE0" not in imap.said, "the secret was given")
    world.check("LIST0" not in imap.said, "an injected answer was taken")


@case
def STARTTLS_not_offered(world):
    refused_without_secret(world, Imap(), scheme="imap", tls=False)


@case
def STARTTLS_refused(world):
    refused_without_secret(world, Imap({"STARTTLS0": "%T NO No\r\n"}, starttls=True), scheme="imap", tls=False)


@case
def STARTTLS_with_no_certificate_that_we_trust(world):
    def start(imap, line, tag, arguments):
        line.send(f"{tag} OK Go\r\n")
        line.start_tls(world.untrusted)
        return ""
    refused_without_secret(world, Imap({"STARTTLS0": start}, starttls=True), scheme="imap", tls=False)


@case
def no_certificate_that_we_trust(world):
    refused_without_secret(world, Imap(), tls=world.untrusted)


@case
def a_refusal_that_repeats_the_secret(world):
    imap = Imap(once("AUTHENTICATE0", f"%T NO [AUTHENTICATIONFAILED] Bad password {SECRET}\r\n"))
    begin(world, imap)
    world.expect(ask_list(world), "auth", "mailbox")
    then_in_step(world, imap)


@case
def a_web_server(world):
    def web(line):
        line.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        line.wait_for_close(0.3)
    server = world.serve(web)
    world.open(smtp="smtps://127.0.0.1:1", imap=server.url("imaps"))
    world.expect(ask_list(world), "transient")


if __name__ == "__main__":
    main(CASES)
