"""tests/crash/ground.py: a campaign that is put back to right before its start as often as it is played.

A Ground is one sandbox (or one mailsim, `OnMailsim`), one daemon's data directory, and who is in doubt at
the grades where that can be. Stage (play.py) and Field (tests/fault) play on it.
"""
import http.client
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, os.path.join(HERE, "..", "mailsim"))
from oracle import Oracle  # noqa: E402
from rig import Refused, Rig, marker_of  # noqa: E402
from simrig import MailOracle, SimRig, Wire  # noqa: E402

HOUR = 3600_000
YEARS = 20 * 365 * 86400  # seconds
# doubts: what was lost on its way may stay uncertain, and a person settles it.
Grade = namedtuple("Grade", "provider access promise doubts")
GRADES = {
    "strict": Grade("gmail", "full", "strict", False),
    "observed": Grade("gmail", "full", "fast", False),
    "headers": Grade("gmail", "headers", "fast", False),
    "send": Grade("gmail", "send", "fast", True),
    "graph": Grade("graph", "full", "fast", False),
    "graph-headers": Grade("graph", "headers", "fast", True),
    "smtp-imap": Grade("smtp-imap", "full", "fast", True),
}
SIDES = {"gmail": "google", "graph": "microsoft"}  # the sandbox's
FAULTY = {"gmail": ("*/gmail/v1/*", "/token"), "graph": ("*/v1.0/*", "*/token")}  # paths: all, sign-in
GONE = (OSError, http.client.HTTPException, ValueError, Refused)


class Ground:
    judges, poll = Oracle, "6 hours"

    def __init__(self, build, grade, senders, people, yaml, which="h2", env=None, config=None, options=()):
        """yaml: the campaign, with {senders}, {label} and {promise} to be filled in."""
        self.build, self.grade, self.env = os.path.abspath(build), grade, env
        self.senders, self.people, self.which = senders, people, which
        self.provider, self.access, promise, self.doubts = GRADES[grade]
        self.rig = rig = self.new_rig(("--seed", "3", "--pace", "0", *options), config or {})
        try:
            self.sign_in()
            label = "label: Outreach/Sweep\n" if self.access == "full" else ""
            rows = "".join(f"{p},P{i},Company {i}\n" for i, p in enumerate(people))
            self.campaign = rig.campaign(
                yaml.format(senders=", ".join(senders), label=label, promise=promise),
                "email,First Name,company\n" + rows)
            rig.stop()
        except BaseException:
            rig.end()
            raise
        self.template = os.path.join(rig.dir, "template")
        shutil.copytree(rig.data, self.template)
        self.slice = os.path.join(rig.dir, "slice.log")
        self.log_path, self.other_log = self.logs()

    def end(self):
        self.rig.end()

    def put_back(self):
        if self.rig.daemon and self.rig.daemon.poll() is None:
            self.rig.kill()
        self.ask("fault.clear")
        self.rig.hold()
        self.ask("forget")
        shutil.rmtree(self.rig.data)
        shutil.copytree(self.template, self.rig.data)
        open(self.rig.log, "w").close()
        self.offset, self.other_offset = (os.path.getsize(path) for path in (self.log_path, self.other_log))
        self.metrics, self.stuck, self.last = None, None, None
        self.kills, self.settled, self.wrong = 0, 0, []

    # -- where the mailboxes are: OnMailsim has these in its own way ---------------------------------
    def new_rig(self, options, config):
        gmail = self.provider == "gmail"
        return Rig(self.build, options, self.which, poll=self.poll, gmail=gmail, config=config,
                   providers=None if gmail else lambda rig: {"graph": rig.graph(self.which)})

    def sign_in(self):
        if self.provider == "graph":  # time goes on from play to play, and the refresh token is put back
            self.rig.sandbox.ask("microsoft.token", refresh_seconds=YEARS)
        self.rig.start(env=self.env)
        more = {"send_limit": 1_000_000} if self.provider == "gmail" else {}
        for sender in self.senders:
            self.rig.account(sender, self.provider, name=sender.split("@")[0].title(), **more)
            self.rig.connect(sender, self.access, self.provider)

    def ask(self, what, **more):
        """Asks those who hold the mailboxes."""
        side = "" if what.startswith("fault.") else SIDES[self.provider] + "."
        return self.rig.sandbox.ask(side + what, **more)

    def logs(self):
        """The receiver's, and what else was written down."""
        return self.rig.sandbox.about["receiver_log"], self.rig.sandbox.about["requests_log"]

    def requests(self):
        return int(self.rig.sandbox.ask("stats")["stats"]["requests"])

    def trouble(self, seed, drawn):
        """What goes wrong from now on."""
        anything, token = FAULTY[self.provider]
        self.ask("fault.add", seed=seed, rate=drawn["rate"], match={"path": anything})
        if drawn["token"]:
            self.ask("fault.add", seed=seed + 1, rate=drawn["token"], match={"path": token})

    def spoiled(self):
        """How many requests to send went wrong."""
        with open(self.other_log) as log:
            log.seek(self.other_offset)
            lines = [json.loads(line) for line in log if line.endswith("\n")]
        return sum(1 for line in lines if line.get("fault") and line["path"].endswith("/sendMail"))

    def no_reason(self, markers, taken):
        """Which of these need not have been uncertain, and why."""
        return {marker: "it was received and lies in Sent" for marker in taken}

    def leftovers(self):
        """What must not be in the mailboxes when all is over."""
        drafts = sum(self.ask("drafts.count", account=sender)["drafts"] for sender in self.senders)
        return [f"(e) {drafts} drafts are left"] if drafts else []

    # -- doubts and the judge --------------------------------------------------------------------
    def settle(self):
        """Settles what is uncertain as a person would who reads the receiver's log, which is read after the
        daemon was asked: what it calls uncertain has ended there by then."""
        messages = self.rig.api("GET", "/v1/messages?state=uncertain")["messages"]
        markers = {marker_of(message): message for message in messages}
        taken = set(self.oracle().by_marker) & set(markers)
        for marker, why in self.no_reason(set(markers), taken).items():
            self.wrong.append(f"(e) {markers[marker]['to']}: uncertain, though {why}")
        for marker, message in markers.items():
            self.rig.api("POST", f"/v1/messages/{message['message']}/settle", {"sent": marker in taken})
            self.settled += 1

    def oracle_of(self, steps, **more):
        with open(self.log_path) as log, open(self.slice, "w") as out:
            log.seek(self.offset)
            out.write(log.read())
        return self.judges(self.slice, self.people, steps, self.senders, **more)

    def check_messages(self, oracle):
        oracle.check_messages({p: self.rig.api("GET", f"/v1/explain/{p}") for p in self.people})

    def verdict(self, oracle, parked):
        """(faults, twice, lost, parked) of a play that this oracle has judged."""
        twice = sum(len(e) - 1 for e in oracle.by_marker.values())
        lost = sum(1 for f in oracle.faults if f.startswith("(b)"))
        return oracle.faults + self.leftovers(), twice, lost, parked + self.settled

    def check(self):
        """postriderd --check of the data directory as it lies there: (exit code, what it says)."""
        done = subprocess.run([os.path.join(self.rig.build, "bin", "postriderd"), "--config",
                               self.rig.config, "--check"], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class OnMailsim:
    """Before a Ground: its mailboxes are on mailsim, and reached by SMTP and IMAP."""
    judges = MailOracle

    def new_rig(self, options, config):
        return SimRig(self.build, options, poll=self.poll, config=config)

    def sign_in(self):
        self.rig.sim.ask("offer", idle=self.which == "idle")
        self.rig.start(env=self.env)
        for sender in self.senders:
            self.rig.sender(sender)

    def ask(self, what, **more):
        return self.rig.sim.ask(what, **more)

    def logs(self):
        return self.rig.sim.about["receiver_log"], self.rig.sim.about["wire_log"]

    def requests(self):
        return self.ask("stats")["steps"]

    def trouble(self, seed, drawn):
        self.ask("offer", pipelining=seed % 3 != 0, condstore=seed % 5 != 0)
        self.ask("fault.add", seed=seed, rate=drawn["rate"])

    def wire(self):
        return Wire(self.other_log, self.other_offset)

    def spoiled(self):
        return self.wire().spoiled

    def in_sent(self):
        return [mail for sender in self.senders
                for mail in self.ask("folder", account=sender, name="Sent")["mails"]]

    def no_reason(self, markers, taken):
        copies = {mail["marker"] for mail in self.in_sent()}
        return {**{marker: "a copy lies in Sent" for marker in taken & copies},
                **{marker: "the server saw nothing of it" for marker in markers - self.wire().begun}}

    def leftovers(self):
        """One copy in Sent of each that was received, at most one of what a person settled, none else."""
        copies = [mail["message_id"] for mail in self.in_sent()]
        taken = {e["message_id"] for e in self.oracle().accepted}
        return [f"(f) {copies.count(name)} copies of {name} in Sent, {'' if name in taken else 'not '}received"
                for name in sorted(taken | set(copies))
                if copies.count(name) > 1 or name not in taken or (not self.settled and name not in copies)]
