"""tests/e2e/mailrig.py: a rig whose mailboxes are on a real Dovecot and Postfix, and its people too.

The daemon's clock is the sandbox's, which stands; `play` lets it jump to what is next, but only when the
daemon is at rest, Postfix has nothing to deliver, and everybody who got mail has done what they do.
"""
import email.utils
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections import defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mailhost"))
from mailhost import PASSWORD, MailHost, Unavailable  # noqa: E402,F401
from rig import PUBLIC, SECRET, Rig  # noqa: E402

MINUTE = 60_000
STOPPING = {"reply", "other", "unsubscribe", "nobody", "rejected"}


class MailRig(Rig):
    """oauth: None for passwords, or the mechanism to sign in by. bare: STARTTLS, and an IMAP server that
    offers nothing but what RFC 3501 asks for, with labels as folders. host: options of MailHost.
    settings: more of the provider's. stride: see `jump`. beside: providers of the sandbox that are
    configured too, "gmail" or "graph"."""

    def __init__(self, build, options=(), oauth=None, bare=False, host=None, settings=None, poll="6 hours",
                 stride=120 * MINUTE, beside=(), **more):
        self.oauth, self.host, self.host_options = oauth, None, dict(host or {})
        self.bare = bare
        if bare:
            self.host_options["capability"] = "IMAP4rev1"
        self.host_options.setdefault("postfix", "maximal_queue_lifetime = 1s\nbounce_queue_lifetime = 1s")
        self.settings, self.stride = settings or {}, stride
        start = str(int(time.time() * 1000))
        try:
            super().__init__(build, ("--start", start, "--clock", "hold", *options), poll=poll,
                             providers=lambda _: {"acme": self.acme(),
                                                  **{name: getattr(self, name)() for name in beside}},
                             gmail=False,
                             cas=lambda rig: [rig.host.ca], **more)
        except BaseException:
            if self.host:
                self.host.end()
            raise

    def acme(self):
        about = self.sandbox.about
        port = urllib.parse.urlsplit(about["http"]).port
        if self.oauth:
            self.host_options["introspect"] = f"http://cid:{SECRET}@127.0.0.1:{port}/introspect"
        self.host = MailHost(**self.host_options)
        settings = {"plugin": "smtp-imap.so",
                    "smtp": f"smtps://127.0.0.1:{self.host.submissions_port}",
                    "imap": f"imaps://127.0.0.1:{self.host.imaps_port}"}
        if self.bare:
            settings.update({"smtp": f"smtp://127.0.0.1:{self.host.submission_port}",
                             "imap": f"imap://127.0.0.1:{self.host.imap_port}",
                             "sent_folder": self.host.sent, "labels": "folders"})
        if self.oauth:
            url = about["h2"]
            settings.update({
                "client_id": "cid", "client_secret_file": self.secret_file("acme.secret", SECRET),
                "authorize_url": url + "/o/oauth2/v2/auth?access_type=offline&prompt=consent",
                "token_url": url + "/token",
                "revoke_url": url + "/revoke", "scopes": "https://mail.google.com/",
                "sasl": self.oauth.upper()})
        settings.update(self.settings)
        return settings

    def sender(self, address, access="full", proof=False, **more):
        """Connects a mailbox of the host."""
        self.host.add(address)
        if self.oauth:
            self.account(address)
            self.connect(address, access, provider="acme", **more)
            return
        made = self.api("POST", "/v1/mailboxes", {"address": address, "provider": "acme",
                                                  "access": access, **more})
        self.api("POST", f"/v1/mailboxes/{urllib.parse.quote(address)}/secret"
                 + ("" if proof else "?proof=no"), PASSWORD, timeout=150, kind="text/plain")
        return made

    def end(self, keep=False):
        try:
            super().end(keep)
        finally:
            if self.host:
                self.host.end()

    # -- time --------------------------------------------------------------------------------------
    def rest(self, seconds=30, delivered=True):
        """Until the daemon has nothing to do now and Postfix nothing to deliver; what is next (virtual ms
        or None)."""
        end = time.monotonic() + seconds
        quiet = 0
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.daemon.returncode}:\n{self.tail()}")
            now = self.sandbox.ask("clock.now")
            busy = not now["clients"] or not now["idle"] or (
                delivered and self.host.queue(("incoming", "active", "maildrop")))
            due = now["next"] is not None and now["next"] <= now["now"]
            quiet = 0 if busy or due else quiet + 1
            if quiet >= 3:
                return now["next"]
            time.sleep(0.01)
        raise RuntimeError(f"no rest: {now}\n{self.tail()}")

    def play(self, campaign, people, seconds=600, after=None, before=None, after_jump=None):
        """Until nothing is planned any more, and then for `after` ms; the metrics. before, after_jump:
        called at each jump."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.rest()
            if people.act():
                continue  # what they sent is to arrive first
            if self.finished(campaign):
                break
            if before:
                before()
            self.jump()
            if after_jump:
                after_jump()
        else:
            raise RuntimeError(f"the campaign did not end: {self.metrics(campaign)}\n{self.tail()}")
        if after:
            while self.host.queue():  # what is deferred is given up soon, and reported
                if time.monotonic() > end:
                    raise RuntimeError("Postfix's queue does not empty")
                time.sleep(0.05)
            self.rest()
            people.act()
            self.rest()
            self.sandbox.ask("clock.jump", by=after)
            self.rest()
        return self.metrics(campaign)

    def jump(self):
        """To what is next. An idle line is renewed every ten minutes: where nothing else is near, some of
        that is jumped over."""
        upcoming = self.rest()
        if upcoming is None:
            raise RuntimeError("nothing is next, and the campaign has not ended:\n" + self.tail())
        now = self.sandbox.ask("clock.now")
        if upcoming - now["now"] > MINUTE:
            upcoming = max(upcoming, now["now"] + self.stride)
        if upcoming > now["now"]:
            self.sandbox.ask("clock.jump", to=upcoming)


class People:
    """Who is mailed: mailboxes of the host, read by clients of their own. plan: {address: (what, on
    which message)}; what: reply, other (from another address of theirs), auto_reply, out_of_office,
    unsubscribe. nobody, rejected and deferred say what the host does with them."""

    def __init__(self, rig, plan, by_swaks=True):
        self.rig, self.plan, self.by_swaks = rig, plan, by_swaks
        self.host = rig.host
        self.read = defaultdict(set)  # names of files that were looked at
        self.got = defaultdict(list)
        self.deeds = []  # (what, person, Message-ID that it answers, Message-ID of the answer)
        living = [p for p, (what, _) in plan.items() if what not in ("nobody", "rejected")]
        self.host.add(*living, *(self.other(p) for p, (what, _) in plan.items() if what == "other"))
        for person, (what, _) in plan.items():
            if what == "rejected":
                self.host.reject(person)
            elif what == "deferred":
                self.host.defer(person)

    @staticmethod
    def other(person):
        return "private." + person.partition("@")[0] + "@home.example"

    def act(self):
        """Reads what is new and answers as planned; how many did something."""
        done = 0
        for person, (what, nth) in self.plan.items():
            for mail in self.new(person):
                self.got[person].append(mail)
                if len(self.got[person]) == nth:
                    done += self.do(person, what, mail)
        return done

    def new(self, person):
        found = []
        for part in ("new", "cur"):
            path = os.path.join(self.host.maildir(person), part)
            try:
                names = sorted(os.listdir(path))
            except FileNotFoundError:
                continue
            for name in names:
                if name.partition(":")[0] not in self.read[person]:
                    self.read[person].add(name.partition(":")[0])
                    with open(os.path.join(path, name), "rb") as file:
                        found.append(email.message_from_binary_file(file, policy=email.policy.default))
        return found

    def do(self, person, what, mail):
        if what == "unsubscribe":
            return self.unsubscribe(person, mail)
        sender = self.other(person) if what == "other" else person
        subject = mail["Subject"] if mail["Subject"].startswith("Re: ") else "Re: " + mail["Subject"]
        name = email.utils.make_msgid(domain=sender.partition("@")[2])
        references = " ".join(filter(None, (mail["References"], mail["Message-ID"])))
        headers = {"From": f"Someone <{sender}>", "To": mail["From"], "Subject": subject,
                   "Message-ID": name, "In-Reply-To": mail["Message-ID"], "References": references,
                   "Date": email.utils.formatdate()}
        text = "Yes, tell me more."
        if what == "auto_reply":
            headers.update({"Auto-Submitted": "auto-replied", "Subject": "Automatic reply: " + subject})
            text = "We got your mail."
        elif what == "out_of_office":
            headers.update({"Auto-Submitted": "auto-replied", "Subject": "Out of office: " + subject})
            text = "I am out of office."
        elif what not in ("reply", "other"):
            return 0
        to = email.utils.parseaddr(mail["From"])[1]
        whole = "".join(f"{key}: {value}\n" for key, value in headers.items()) + "\n" + text + "\n"
        self.send(sender, to, whole)
        self.deeds.append((what, person, mail["Message-ID"], name))
        return 1

    def send(self, sender, to, whole):
        if not self.by_swaks:
            self.host.submit(sender, to, whole.replace("\n", "\r\n"))
            return
        done = subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{self.host.submissions_port}", "--tls-on-connect",
             "--auth", "PLAIN", "--auth-user", sender, "--auth-password",
             self.host.users[sender.lower()], "--from", sender, "--to", to, "--data", "-",
             "--silent", "2"], input=whole, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"swaks: {done.stdout}{done.stderr}")

    def unsubscribe(self, person, mail):
        """One click (RFC 8058), at our public address."""
        url = re.search(r"<(https?:[^>]+)>", mail["List-Unsubscribe"] or "")
        if not url or "List-Unsubscribe-Post" not in mail:
            raise RuntimeError(f"{person} can't unsubscribe by one click: {mail['List-Unsubscribe']}")
        request = urllib.request.Request(url.group(1).replace(PUBLIC, self.rig.base),
                                         b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
        self.deeds.append(("unsubscribe", person, mail["Message-ID"], None))
        return 1


class Judge:
    """By Postfix's log and what lies in the mailboxes; the daemon's report is compared with that."""

    def __init__(self, rig, people, senders, steps, access="full"):
        self.rig, self.people, self.steps = rig, people, steps
        # A report names our message in its parts only, which are not read at less than full access.
        self.reports = access == "full"
        self.host, self.senders = rig.host, {s.lower() for s in senders}
        self.faults = []
        self.by_person = defaultdict(list)  # what Postfix took for them, in its order
        self.by_name = defaultdict(list)
        for mail in self.host.log().taken():
            to = {end[0] for end in mail.ends if "+" not in end[0]}  # but for copies in Sent
            if mail.login not in self.senders or mail.sender is None or to & self.senders:
                continue  # what people sent, what was cut off, what a mailbox sent to itself
            for person in to:
                self.by_person[person].append(mail)
            self.by_name[mail.message_id].append(mail)
        self.explained = {p: rig.api("GET", f"/v1/explain/{p}") for p in people.plan}

    def all(self, metrics, parked=0, ambiguous=None):
        self.once()
        self.nobody_missed(parked)
        self.report(ambiguous)
        self.copies()
        self.answers()
        self.secrets()
        self.metrics(metrics)

    def fault(self, text):
        self.faults.append(text)

    def messages(self, person):
        return [m for c in self.explained[person]["campaigns"] for m in c["messages"]]

    def once(self):
        for name, mails in self.by_name.items():
            if len(mails) > 1:
                self.fault(f"{name} was taken {len(mails)} times: {[m.queue_id for m in mails]}")
        for person, mails in self.by_person.items():
            if person not in self.people.plan:
                self.fault(f"{person} is nobody of this campaign")
            if len(mails) > self.steps:
                self.fault(f"{person} got {len(mails)} mails, the series has {self.steps}")
            if len({m.sender for m in mails}) > 1:
                self.fault(f"{person} got mail from {sorted({m.sender for m in mails})}")

    def expected(self, person):
        what, nth = self.people.plan[person]
        if what == "rejected":
            return 0
        if what == "nobody" and not self.reports:
            return self.steps
        return nth if what in STOPPING else self.steps

    def nobody_missed(self, parked=0):
        """parked: so many messages may be missing, since they are shown as uncertain."""
        missing = 0
        for person in self.people.plan:
            got, wanted = len(self.by_person[person]), self.expected(person)
            if got > wanted:
                self.fault(f"{person} ({self.people.plan[person][0]}) got {got} mails, not {wanted}")
            uncertain = any(m["state"] == "uncertain" for m in self.messages(person))
            if got < wanted and not uncertain:
                self.fault(f"{person} ({self.people.plan[person][0]}) got {got} of {wanted}: "
                           f"{self.explained[person]}")
            missing += uncertain
        if missing > parked:
            self.fault(f"{missing} people wait for an uncertain message, {parked} may")

    def report(self, ambiguous=None):
        """Message by message; ambiguous(message): whether the server's log leaves it open."""
        for person in self.people.plan:
            theirs = {m.message_id for m in self.by_person[person]}
            for message in self.messages(person):
                name, state = message["our_message_id"] or message["message_id"], message["state"]
                name = name if not name or name.startswith("<") else f"<{name}>"
                if state == "sent" and name not in theirs:
                    self.fault(f"{person} step {message['step']}: said to be sent, not in the log")
                elif state in ("planned", "failed", "stopped") and name in theirs:
                    self.fault(f"{person} step {message['step']}: said to be {state}, but Postfix took it")
                elif state == "uncertain" and (not ambiguous or not ambiguous(message, name)):
                    self.fault(f"{person} step {message['step']}: uncertain without need: "
                               f"{message['detail']}")
                elif state in ("intended", "staged"):
                    self.fault(f"{person} step {message['step']}: still {state}")
            known = {f"<{(m['our_message_id'] or m['message_id'] or '').strip('<>')}>"
                     for m in self.messages(person)}
            for name in theirs - known:
                self.fault(f"{person}: {name} is in the log, and the daemon does not know it")

    def copies(self):
        """One copy of each in Sent, and none of what was not sent; nothing is marked read."""
        for sender in self.senders:
            copies = [mail["Message-ID"] for _, mail in self.host.mails(sender, self.host.sent)]
            wanted = {m.message_id for mails in self.by_person.values() for m in mails
                      if m.sender == sender}
            for name in wanted:
                if copies.count(name) != 1:
                    self.fault(f"{sender}: {copies.count(name)} copies of {name} in Sent")
            for folder in (None, "Junk", "Drafts", "Trash"):
                for flags, mail in self.host.mails(sender, folder):
                    if "S" in flags or "T" in flags:
                        self.fault(f"{sender}: {mail['Subject']} in {folder or 'INBOX'} has flags {flags}")

    def answers(self):
        """Each deed is known as what it was, and as the answer to the right message."""
        kinds = {"reply": "reply", "other": "reply", "auto_reply": "auto-reply",
                 "out_of_office": "out-of-office"}
        for what, person, of, _ in self.people.deeds:
            replies = [r for c in self.explained[person]["campaigns"] for r in c["replies"]]
            if what == "unsubscribe":
                if not self.explained[person]["suppressed"]:
                    self.fault(f"{person} unsubscribed, and is not suppressed")
            elif [r["kind"] for r in replies] != [kinds[what]]:
                self.fault(f"{person}: {what} is known as {[r['kind'] for r in replies]}")
        for person, (what, _) in self.people.plan.items():
            replies = [r["kind"] for c in self.explained[person]["campaigns"] for r in c["replies"]]
            if not self.reports:
                if replies and what in ("nobody", "deferred"):
                    self.fault(f"{person}'s report was read")
                continue
            if what == "nobody" and "bounce-hard" not in replies:
                self.fault(f"{person} bounced for good, and is known as {replies}")
            if what == "deferred" and "bounce-soft" not in replies:
                self.fault(f"{person}'s mail was given up, and is known as {replies}")

    def labels(self, label):
        """The campaign's label is on each copy in Sent, its Replied on each answer."""
        answers = {name for what, _, _, name in self.people.deeds if what in ("reply", "other")}
        for sender in self.senders if self.rig.bare else ():
            for folder, wanted in ((label, [m["Message-ID"] for _, m in
                                            self.host.mails(sender, self.host.sent)]),
                                   (label + "/Replied", [m["Message-ID"] for _, m in
                                                         self.host.mails(sender)
                                                         if m["Message-ID"] in answers])):
                there = [m["Message-ID"] for _, m in
                         self.host.mails(sender, folder.replace("/", "."))]
                if sorted(there) != sorted(wanted):
                    self.fault(f"{sender}: {len(there)} copies in {folder}, not {len(wanted)}")
        for sender in () if self.rig.bare else self.senders:
            for name, keywords in self.host.keywords(sender, self.host.sent).items():
                if f"${label}" not in keywords:
                    self.fault(f"{sender}: {name} in Sent is labelled {keywords}")
            for name, keywords in self.host.keywords(sender).items():
                if name in answers and f"${label}/Replied" not in keywords:
                    self.fault(f"{sender}: the answer {name} is labelled {keywords}")

    def secrets(self):
        """Neither the password nor a token is in anything the daemon has written."""
        for folder, _, names in os.walk(self.rig.dir):
            for name in names:
                if not os.path.isfile(os.path.join(folder, name)):
                    continue  # a socket
                with open(os.path.join(folder, name), "rb") as file:
                    whole = file.read()
                for secret in (PASSWORD.encode(), b"ya29.canary-", b"1//canary-"):
                    if secret in whole and name != "secret":
                        self.fault(f"{secret.decode()} is in {os.path.join(folder, name)}")

    def metrics(self, metrics):
        total = sum(metrics[k] for k in ("planned", "in_flight", "sent", "stopped", "failed",
                                         "uncertain"))
        if total != metrics["messages"]:
            self.fault(f"the table does not add up: {total} of {metrics['messages']}")
        if metrics["sent"] > sum(map(len, self.by_person.values())):
            self.fault(f"the daemon says {metrics['sent']} sent, the log has fewer")
