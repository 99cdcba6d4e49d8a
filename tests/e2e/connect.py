"""tests/e2e/connect.py: mailboxes on a real Dovecot and Postfix are connected by password, and refused.

usage: connect.py BUILD

Each way that it can end has its own sentence. The password is then looked for where it must not be: in
the daemon's log (at debug), its answers, argv and environment, its data folder, and its memory once no
line is open any more. The same look finds what was planted."""
import imaplib
import os
import re
import select
import socket
import sys
import threading
import time

from mailrig import PASSWORD, MailRig, Unavailable

WRONG = "canary-wrong-password"


def expect(fine, text):
    if not fine:
        raise AssertionError(text)


class Relay(threading.Thread):
    """Carries bytes from 127.0.0.2, for which the servers have no certificate."""

    def __init__(self, to):
        super().__init__(daemon=True)
        self.to, self.server = to, socket.create_server(("127.0.0.2", 0))
        self.port = self.server.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            with near, socket.create_connection(("127.0.0.1", self.to)) as far:
                ends = {near: far, far: near}
                while ends:
                    for end in select.select(list(ends), (), (), 5)[0]:
                        data = end.recv(65536)
                        if not data:
                            ends = {}
                            break
                        ends[end].sendall(data)


class Asker:
    def __init__(self, rig):
        self.rig, self.said = rig, []

    def run(self, *words, status=0):
        done = self.rig.cli(*words, check=False)
        said = done.stdout + done.stderr
        self.said.append(said)
        expect(done.returncode == status, f"{words}: {done.returncode}: {said}")
        return said

    def add(self, address, file, *more, status=0):
        return self.run("mailbox", "add", address, "--provider", "acme", "--secret-file", file, *more,
                        status=status)


def each_ending(rig, ask):
    good, bad = rig.secret_file("good", PASSWORD), rig.secret_file("bad", WRONG)
    for name in ("ana", "ben", "cara"):
        rig.host.add(f"{name}@acme.example")
    said = ask.add("ana@acme.example", bad, status=1)
    expect("refused the user name or the secret" in said and "Nothing was kept" in said, said)
    said = ask.add("ana@acme.example", good, "--set", "imap=imaps://127.0.0.1:1", status=1)
    expect("could not be reached" in said, said)
    relay = Relay(rig.host.imaps_port)
    said = ask.add("ana@acme.example", good, "--set", f"imap=imaps://127.0.0.2:{relay.port}", status=1)
    relay.server.close()
    expect("can't be spoken to safely" in said and "certificate" in said, said)
    said = ask.add("ana@acme.example", good, "--set", "user=ben@acme.example", status=1)
    expect("a mail to itself was not taken" in said and "553 5.7.1" in said, said)
    said = ask.run("mailbox", "show", "ana@acme.example")
    expect("pending" in said and "ben@acme.example" in said, said)
    said = ask.add("ana@acme.example", good)
    expect("a mail to itself arrived" in said, said)
    said = ask.add("ana@acme.example", good, status=1)
    expect("is here already (active)" in said, said)
    said = ask.add("ben@acme.example", good, "--access", "send", status=1)
    expect("--no-proof" in said, said)
    ask.add("ben@acme.example", good, "--access", "send", "--no-proof")
    said = ask.run("mailbox", "show", "ben@acme.example")
    expect(re.search(r"^can +send$", said, re.M), said)
    rig.host.reject("cara@acme.example")
    said = ask.add("cara@acme.example", good, status=1)
    expect("550 5.1.1" in said, said)


def what_arrived(rig):
    """One mail, which says what it is, unread; and no copy of it in Sent."""
    mails = rig.host.mails("ana@acme.example")
    expect(len(mails) == 1, f"{len(mails)} mails in INBOX")
    flags, mail = mails[0]
    text = mail.get_content()
    expect("S" not in flags, "it is marked as read")
    expect("by postrider" in text and "You can delete it" in text, text)
    expect(mail["X-Postrider-Proof"] in mail["Subject"], mail["Subject"])
    expect(not rig.host.mails("ana@acme.example", "Sent"), "it was filed")


def change_password(rig):
    """Once the server has noticed: it looks at the file's time, in seconds."""
    rig.host.add("ana@acme.example", password="canary-other-password")
    end = time.monotonic() + 10
    while True:
        try:
            rig.host.imap("ana@acme.example").logout()
            return
        except imaplib.IMAP4.error:
            expect(time.monotonic() < end, "the server keeps to the old password")
            time.sleep(0.2)


def check_and_secret(rig, ask):
    """A password that was changed at the server: refused, then given again; nothing is proved again."""
    said = ask.run("mailbox", "check", "ana@acme.example")
    expect("answers at acme" in said and "Nothing stands in its way" in said, said)
    change_password(rig)
    rig.stop()
    rig.start()
    end = time.monotonic() + 30
    while rig.api("GET", "/v1/mailboxes/ana@acme.example")["status"] != "reconnect needed":
        expect(time.monotonic() < end, "a refused password was not noticed")
        time.sleep(0.1)
    said = ask.run("mailbox", "check", "ana@acme.example", status=1)
    expect("postrider mailbox secret ana@acme.example" in said, said)
    ask.run("mailbox", "secret", "ana@acme.example", "--secret-file",
            rig.secret_file("other", "canary-other-password"))
    said = ask.run("mailbox", "show", "ana@acme.example")
    expect("active" in said, said)


def memory_of(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if "rw" not in rights or int(last, 16) - int(first, 16) > 1 << 30:
                continue
            try:
                memory.seek(int(first, 16))
                yield memory.read(int(last, 16) - int(first, 16))
            except (OSError, ValueError, OverflowError):
                continue


def places(rig, ask):
    for folder, _, names in os.walk(rig.data):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                yield os.path.join(folder, name), file.read()
    for name in (rig.log, f"/proc/{rig.daemon.pid}/cmdline", f"/proc/{rig.daemon.pid}/environ"):
        with open(name, "rb") as file:
            yield name, file.read()
    yield "an answer", "".join(ask.said).encode()


def nothing_is_found(rig, ask, freed):
    secrets = [text.encode() for text in (PASSWORD, WRONG, "canary-other-password")]
    planted = os.path.join(rig.data, "planted")
    with open(planted, "w") as file:
        file.write("x" + PASSWORD)
    found = {name for name, data in places(rig, ask) if any(one in data for one in secrets)}
    os.unlink(planted)
    expect(found == {planted}, f"a password is in {found - {planted}}")
    for name in ("ana", "ben"):
        ask.run("mailbox", "disconnect", f"{name}@acme.example", "--yes")
    end = time.monotonic() + 10
    while freed and any(one in data for one in secrets for data in memory_of(rig.daemon.pid)):
        expect(time.monotonic() < end, "a password is in the daemon's memory, with no line open")
        time.sleep(0.2)
    if freed:
        expect(any(b"ana@acme.example" in data for data in memory_of(rig.daemon.pid)),
               "the look into its memory finds nothing at all")


def main():
    build = sys.argv[1]
    try:
        with MailRig(build, log_level="debug") as rig:
            rig.start()
            ask = Asker(rig)
            each_ending(rig, ask)
            what_arrived(rig)
            check_and_secret(rig, ask)
            nothing_is_found(rig, ask, "--sanitized" not in sys.argv)
            expect(rig.stop() == 0, "the daemon ended badly")
    except Unavailable as why:
        print(why)
        return 77
    print("fine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
