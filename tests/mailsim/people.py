"""tests/mailsim/people.py: who is mailed, and what they send back: by script, or drawn from a seed.

What they do and how their mail looks is as with the sandbox's own people (tools/sandbox/people.c,
compose.c); bounces are what Postfix makes of them.
"""
import email.parser
import email.utils
import heapq
import random
import re

DEEDS = {  # name: (kind in the receiver's log, whether they do nothing more after it)
    "reply": ("reply", True), "other_address": ("reply", True),
    "reply_without_references": ("reply", True), "auto_reply": ("auto_reply", False),
    "out_of_office": ("out_of_office", False), "bounce_hard": ("bounce_hard", True),
    "bounce_soft": ("bounce_soft", False), "unsubscribe": ("unsubscribe", True),
    "unrelated": ("unrelated", False),
}
STRANGERS = ["", "List-Id: News <news.stranger.example>\r\nPrecedence: bulk\r\n",
             "In-Reply-To: <other@stranger.example>\r\nReferences: <older@stranger.example>\r\n",
             "Auto-Submitted: auto-generated\r\n"]


class Person:
    def __init__(self):
        self.count, self.done, self.no_mailbox = 0, False, False


class Sent:
    """A mail that was taken for somebody."""

    def __init__(self, account, person, raw):
        self.account, self.person = account, person
        self.headers = email.parser.HeaderParser().parsestr(
            raw.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape"))
        self.raw = raw

    def __getitem__(self, name):
        return re.sub(r"\r?\n[ \t]*", " ", str(self.headers[name] or "")).strip()


class People:
    """world: now(), tell(entry), deliver(address, mail) -> whether a mailbox here has it, post(url)."""

    def __init__(self, world):
        self.world = world
        self.scripts, self.seed, self.odds = [], None, {}
        self.forget()

    def forget(self):
        self.persons, self.due, self.number = {}, [], 0

    def script(self, person, act, on_step=0, after_ms=60_000):
        self.scripts.append((person, on_step, act, after_ms))

    def draw_by(self, seed, odds):
        self.seed, self.odds = seed, odds

    # -- who does what ---------------------------------------------------------------------------
    def plan(self, name, act, sent, nth, after):
        self.number += 1
        heapq.heappush(self.due, (self.world.now() + after, self.number, name, act, sent, nth))

    def received(self, sent):
        name = sent.person
        person = self.persons.setdefault(name, Person())
        person.count += 1
        nth = person.count
        for who, step, act, after in self.scripts:
            if who == name and step in (0, nth):
                self.plan(name, act, sent, nth, after)
        if self.seed is None:
            return
        draw = random.Random(f"{self.seed} {name} {nth}")
        after = [draw.randrange(self.odds["delay_min_ms"], self.odds["delay_max_ms"])
                 for _ in range(2)]
        at, act = draw.random(), None
        for one in DEEDS:
            at -= self.odds.get(one, 0) if one != "unrelated" else 0
            if at < 0:
                act = one
                break
        if person.no_mailbox:
            act = "bounce_hard"
        elif person.done:
            act = None
        if act:
            person.done = person.done or DEEDS[act][1]
            person.no_mailbox = person.no_mailbox or act == "bounce_hard"
            self.plan(name, act, sent, nth, after[0])
        if draw.random() < self.odds.get("unrelated", 0):
            self.plan(name, "unrelated", sent, nth, after[1])

    def next(self):
        return self.due[0][0] if self.due else None

    def happen(self):
        while self.due and self.due[0][0] <= self.world.now():
            when, number, name, act, sent, nth = heapq.heappop(self.due)
            self.do(when, number, name, act, sent, nth)

    # -- doing it --------------------------------------------------------------------------------
    def do(self, when, number, name, act, sent, nth):
        link = sent["List-Unsubscribe"]
        click = re.search(r"<(http[^>]*)>", link)
        stranger = act == "unrelated"
        entry = {"kind": DEEDS[act][0], "account": sent.account, "person": None if stranger else name,
                 "from": name, "of": None if stranger else sent["Message-ID"], "nth": nth}
        if act == "unsubscribe" and click and sent["List-Unsubscribe-Post"]:
            self.world.tell({**entry, "how": "one_click"}, when)
            self.world.post(click[1])
            return
        to, mail, entry["from"], entry["message_id"] = self.compose(when, number, name, act, sent)
        entry["id"] = self.world.deliver(to, mail, when) or self.world.deliver(sent.account, mail, when)
        if act == "unsubscribe":
            entry["how"] = "mail"
        self.world.tell(entry, when)

    def compose(self, when, number, name, act, sent):
        """(to, the mail, from, its Message-ID)"""
        date = email.utils.formatdate(when / 1000)
        to = email.utils.parseaddr(sent["Reply-To"] or sent["From"])[1]
        sender, subject, extra, text = name, sent["Subject"], "", "Yes, tell me more."
        re_subject = subject if subject.lower().startswith("re:") else "Re: " + subject
        thread = " ".join(filter(None, (sent["References"], sent["Message-ID"])))
        references = f"In-Reply-To: {sent['Message-ID']}\r\nReferences: {thread}\r\n"
        if act in ("bounce_hard", "bounce_soft"):
            return self.bounce(date, number, name, act, sent)
        if act == "unrelated":
            sender, to, references = f"canary{number}@stranger.example", sent.account, ""
            re_subject, extra = f"lunch {number}", STRANGERS[number % len(STRANGERS)]
        elif act == "other_address":
            sender = name.partition("@")[0] + ".private@home.example"
        elif act == "reply_without_references":
            references = ""
        elif act == "auto_reply":
            extra = "Auto-Submitted: auto-replied\r\nPrecedence: auto_reply\r\n"
            re_subject, text = f"[Ticket#{number:06}] {re_subject}", "We have received your request."
        elif act == "out_of_office":
            extra = "Auto-Submitted: auto-replied\r\nX-Autoreply: yes\r\nPrecedence: bulk\r\n"
            re_subject, text = f"Out of office: {subject}", "I am out of the office."
        elif act == "unsubscribe":
            link = re.search(r"<mailto:([^>?]+)(?:\?subject=([^>&]*))?", sent["List-Unsubscribe"])
            if link:
                to, re_subject, references = link[1], link[2] or "unsubscribe", ""
            text = "unsubscribe"
        own = f"<{number}.{int(when)}@{sender.partition('@')[2]}>"
        mail = (f"Return-Path: <{sender}>\r\nDelivered-To: {to}\r\nDate: {date}\r\nMessage-ID: {own}\r\n"
                f"{references}Subject: {re_subject}\r\n{extra}From: Someone <{sender}>\r\nTo: <{to}>\r\n"
                f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n")
        return to, mail, sender, own

    def bounce(self, date, number, name, act, sent):
        """RFC 3464, as Postfix's bounce service writes it."""
        hard, edge = act == "bounce_hard", f"{number}.edge/mail.acme.example"
        status, said = (("5.1.1", "550 5.1.1 User unknown") if hard
                        else ("4.2.2", "452 4.2.2 Mailbox full"))
        own, sender = f"<{number}.bounce@mail.acme.example>", "MAILER-DAEMON@mail.acme.example"
        head = sent.raw.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")
        mail = (f"Return-Path: <>\r\nDelivered-To: {sent.account}\r\nDate: {date}\r\n"
                f"From: {sender} (Mail Delivery System)\r\n"
                f"Subject: Undelivered Mail Returned to Sender\r\nTo: {sent.account}\r\n"
                f"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                f"Content-Type: multipart/report; report-type=delivery-status;\r\n"
                f"\tboundary=\"{edge}\"\r\nMessage-ID: {own}\r\n\r\n"
                f"--{edge}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
                f"<{name}>: {said}\r\n\r\n"
                f"--{edge}\r\nContent-Type: message/delivery-status\r\n\r\n"
                f"Reporting-MTA: dns; mail.acme.example\r\nArrival-Date: {date}\r\n\r\n"
                f"Final-Recipient: rfc822; {name}\r\nOriginal-Recipient: rfc822;{name}\r\n"
                f"Action: failed\r\nStatus: {status}\r\n"
                f"Remote-MTA: dns; mx.{name.partition('@')[2]}\r\nDiagnostic-Code: smtp; {said}\r\n\r\n"
                f"--{edge}\r\nContent-Type: message/rfc822\r\n\r\n{head}\r\n\r\n--{edge}--\r\n")
        return sent.account, mail, sender, own
