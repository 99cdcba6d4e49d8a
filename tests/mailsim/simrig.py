"""tests/mailsim/simrig.py: a rig whose mailboxes are on a mailsim, on the sandbox's clock."""
import json
import os
import subprocess
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, os.path.join(HERE, "..", "sandbox"))
from oracle import Oracle  # noqa: E402
from rig import PUBLIC, Rig  # noqa: E402
from sandbox import Lines  # noqa: E402

PASSWORD = "canary-mailsim-4711"


class Mailsim:
    """The process, and a line to its control."""

    def __init__(self, folder, clock):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "mailsim.py"), "--dir", folder, "--clock", clock],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"mailsim did not start: {self.process.wait()}")
        self.about = json.loads(line)
        self.control = Lines(self.about["control"])

    def ask(self, do, /, **more):
        return self.control.ask(do, **more)

    def end(self):
        self.control.close()
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class SimRig(Rig):
    def __init__(self, build, options=(), poll="6 hours", config=None, settings=None):
        self.sim, self.settings = None, settings or {}
        try:
            super().__init__(build, options, poll=poll, config=config, gmail=False,
                             providers=lambda _: {"acme": self.acme()})
        except BaseException:
            if self.sim:
                self.sim.end()
            raise
        self.sim.ask("post.route", begin=PUBLIC, place=self.base)

    def acme(self):
        self.sim = Mailsim(self.dir, self.sandbox.about["clock"])
        # "auto" gives the server three real seconds to file the first copy by itself
        return {"plugin": "smtp-imap.so", "plain": "true", "sent": "append",
                "smtp": f"smtp://127.0.0.1:{self.sim.about['smtp']}",
                "imap": f"imap://127.0.0.1:{self.sim.about['imap']}", **self.settings}

    def sender(self, address, access="full"):
        """Connects a mailbox of the mailsim."""
        self.sim.ask("account.add", address=address, password=PASSWORD)
        self.api("POST", "/v1/mailboxes",
                 {"address": address, "provider": "acme", "access": access})
        self.api("POST", f"/v1/mailboxes/{urllib.parse.quote(address)}/secret?proof=no", PASSWORD,
                 timeout=60, kind="text/plain")

    def caught_up(self, seconds=5):
        """Until people have done what was due at the last jump, of which mailsim is only told."""
        jump, end = self.sandbox.ask("clock.now")["jump"], time.monotonic() + seconds
        while self.sim.ask("behind", jump=jump)["behind"] and time.monotonic() < end:
            time.sleep(0.002)

    def end(self, keep=False):
        try:
            super().end(keep)
        finally:
            if self.sim:
                self.sim.end()


class Wire:
    """What mailsim noted of each mail's content, since an offset of its log."""

    def __init__(self, path, offset):
        with open(path) as file:
            file.seek(offset)
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        self.begun = {line["marker"] for line in lines if line["what"] == "data"}
        self.spoiled = sum(line["what"] == "lost" for line in lines)


class MailOracle(Oracle):
    """The daemon knows a mail by its place in Sent, or not at all: its Message-ID tells which it is."""

    def check_messages(self, explained):
        for person, answer in explained.items():
            ours = {f"<{(m['our_message_id'] or m['message_id']).strip('<>')}>"
                    for c in answer["campaigns"] for m in c["messages"] if m["state"] == "sent"}
            theirs = {e["message_id"] for e in self.by_person[person]}
            if ours != theirs:
                self.fault("f", f"{person}: the daemon knows {sorted(ours)}, the log {sorted(theirs)}")
