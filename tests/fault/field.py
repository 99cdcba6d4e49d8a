"""tests/fault/field.py: a campaign that is put back and played again, while things go wrong.

A Field is one sandbox and a daemon's data directory as it is right before the campaign starts. `reset`
goes back to there; `play` plays to the end, and the oracle judges what was received meanwhile.
"""
import http.client
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from campaign import BEHAVIOUR  # noqa: E402
from oracle import Oracle  # noqa: E402
from play import SIDES, YEARS, Grade  # noqa: E402
from rig import Refused, Rig  # noqa: E402

SENDERS = ["ana@acme.example", "ben@acme.example"]
HOUR = 3600_000
POLL_MS, GAP_S = 2 * HOUR, 20
DELAYS = (0, 48 * HOUR, 72 * HOUR)
GRADES = {
    "strict": Grade("gmail", "full", "strict", False),
    "observed": Grade("gmail", "full", "fast", False),
    "headers": Grade("gmail", "headers", "fast", False),
    "send": Grade("gmail", "send", "fast", True),
    "graph": Grade("graph", "full", "fast", False),
    "graph-headers": Grade("graph", "headers", "fast", True),
    "smtp-imap": Grade("smtp-imap", "full", "fast", True),
}
FAULTY = {"gmail": ("*/gmail/v1/*", "/token"), "graph": ("*/v1.0/*", "*/token")}  # paths: all, sign-in
YAML = """name: field
from: [{senders}]
{label}promise: {promise}
limits: {{gap: {gap}s}}
window: {{days: mon-sun, from: "00:00", to: "24:00", zone: mailbox}}
stop: {{on: [{stop}]}}
steps:
  - subject: "{{{{first_name | default: there}}}}, a question about {{{{company}}}}"
    text: |
      Hi {{{{first_name | default: there}}}}, have you a minute for {{{{company}}}}?
  - after: 2 days
    text: |
      Just making sure this reached you.
  - after: 3 days
    text: |
      Last one, I promise.
"""
GONE = (OSError, http.client.HTTPException, ValueError, Refused)


class Field:
    def __init__(self, build, grade, which="h2", people=16, senders=2, env=None, config=None,
                 options=()):
        self.grade, self.senders, self.env = grade, SENDERS[:senders], env
        self.people = [f"p{i}@people{i}.example" for i in range(people)]
        self.provider, self.access, promise, self.doubts = GRADES[grade]
        self.side, gmail = SIDES[self.provider], self.provider == "gmail"
        stop = "unsubscribe" if self.access == "send" else "reply, bounce, unsubscribe"
        self.rig = rig = Rig(build, ("--seed", "3", "--pace", "0", *options), which=which,
                             poll="2 hours", gmail=gmail,
                             providers=None if gmail else lambda rig: {"graph": rig.graph(which)},
                             config={"public_url": "https://outreach.example.com", **(config or {})})
        try:
            if not gmail:
                rig.sandbox.ask("microsoft.token", refresh_seconds=YEARS)
            rig.start(env=env)
            for sender in self.senders:
                rig.account(sender, self.provider, name=sender.split("@")[0].title(),
                            **({"send_limit": 1_000_000} if gmail else {}))
                rig.connect(sender, self.access, self.provider)
            label = "label: Outreach/Field\n" if self.access == "full" else ""
            people = "email,First Name,company\n" + "".join(
                f"{p},P{i},Company {i}\n" for i, p in enumerate(self.people))
            self.campaign = rig.campaign(
                YAML.format(senders=", ".join(self.senders), label=label, promise=promise, gap=GAP_S,
                            stop=stop), people)
            rig.stop()
        except BaseException:
            rig.end()
            raise
        self.template = os.path.join(rig.dir, "template")
        shutil.copytree(rig.data, self.template)
        self.log_path = rig.sandbox.about["receiver_log"]
        self.slice = os.path.join(rig.dir, "slice.log")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.rig.end()

    def reset(self, seed=1):
        """As before the campaign began; people draw what they do by this seed."""
        if self.rig.daemon and self.rig.daemon.poll() is None:
            self.rig.kill()
        ask = self.rig.sandbox.ask
        ask("fault.clear")
        self.rig.hold()
        ask(self.side + ".forget")
        quiet = self.access == "send"
        ask(self.side + ".people", seed=seed, **{k: 0 if quiet and not k.startswith("delay") else v
                                           for k, v in BEHAVIOUR.items()})
        shutil.rmtree(self.rig.data)
        shutil.copytree(self.template, self.rig.data)
        open(self.rig.log, "w").close()
        self.offset = os.path.getsize(self.log_path)
        self.asked = os.path.getsize(self.rig.sandbox.about["requests_log"])
        self.metrics, self.stuck = None, None
        self.kills, self.settled, self.wrong = 0, 0, []

    def trouble(self, seed, drawn):
        """What goes wrong from now on."""
        anything, token = FAULTY[self.provider]
        ask = self.rig.sandbox.ask
        ask("fault.add", seed=seed, rate=drawn["rate"], match={"path": anything})
        if drawn["token"]:
            ask("fault.add", seed=seed + 1, rate=drawn["token"], match={"path": token})

    # -- playing ---------------------------------------------------------------------------------
    def requests(self):
        return int(self.rig.sandbox.ask("stats")["stats"]["requests"])

    def start(self, prefix=(), env=None):
        self.rig.start(wait=False, prefix=prefix, env=env or self.env)

    def ready(self, seconds=30):
        """True: it answers. False: it ended instead."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.rig.daemon.poll() is not None:
                return False
            try:
                return bool(self.rig.api("GET", "/v1/status", timeout=10))
            except GONE:
                time.sleep(0.01)
        raise RuntimeError("the daemon neither answers nor ends:\n" + self.rig.tail())

    def go(self, seconds=90, until=None, every=0.02):
        """Starts the campaign if need be, and plays to its end, or until `until` is true (False then).
        False too if the daemon ended."""
        rig, end, started, last = self.rig, time.monotonic() + seconds, False, 0
        while time.monotonic() < end:
            if rig.daemon.poll() is not None or (started and until and until()):
                return False
            try:
                whole = rig.api("GET", f"/v1/campaigns/{self.campaign}", timeout=10)
                if not started:
                    if whole["status"] not in ("starting", "running", "done", "finished"):
                        rig.api("POST", f"/v1/campaigns/{self.campaign}/start")
                    rig.fast()
                    started = True
                self.metrics = metrics = whole["metrics"]
                if metrics["uncertain"] and self.doubts and self.access != "send":
                    self.settle()
                elif self.over(metrics):
                    if not last:
                        rig.sandbox.ask("fault.clear")
                        rig.sandbox.ask("clock.jump", by=48 * HOUR)
                        last = time.monotonic()
                    if not self.report() or time.monotonic() > last + 10:
                        return True
            except GONE as error:
                self.last = error
            time.sleep(every)
        self.stuck = f"it did not end: {self.metrics}; {getattr(self, 'last', '')}"
        return True

    def kill(self):
        self.rig.kill()
        self.kills += 1

    def settle(self):
        """As a person would; a mail that was received lies in Sent Items, for the daemon to find."""
        for message, taken in self.rig.settle(self.oracle().by_marker):
            self.settled += 1
            if taken:
                self.wrong.append(f"(e) {message['to']}: uncertain, though it was received and lies in Sent")

    def spoiled(self):
        """How many requests to send went wrong."""
        with open(self.rig.sandbox.about["requests_log"]) as log:
            log.seek(self.asked)
            lines = [json.loads(line) for line in log if line.endswith("\n")]
        return sum(1 for line in lines if line.get("fault") and line["path"].endswith("/sendMail"))

    def over(self, metrics):
        """Nothing is to come any more. What is parked waits for a person, and what follows it too."""
        if metrics["in_flight"] or (metrics["planned"] and not metrics["uncertain"]):
            return False
        if not metrics["planned"]:
            return True
        return not any(m["status"] == "active" for m in self.enrolments())

    def enrolments(self):
        return [self.rig.api("GET", f"/v1/explain/{p}")["campaigns"][0] for p in self.people]

    # -- judging ---------------------------------------------------------------------------------
    def oracle(self):
        with open(self.log_path) as log, open(self.slice, "w") as out:
            log.seek(self.offset)
            out.write(log.read())
        return Oracle(self.slice, self.people, len(DELAYS), self.senders, poll_ms=POLL_MS,
                      min_gap_ms=GAP_S * 1000, delays_ms=DELAYS, access=self.access)

    def report(self):
        """What the daemon says against the log, while it may still be looking for its last mail."""
        oracle = self.oracle()
        self.check_report(oracle)
        if self.access != "send":
            self.check_messages(oracle)
        return oracle.faults

    def check_messages(self, oracle):
        oracle.check_messages({p: self.rig.api("GET", f"/v1/explain/{p}") for p in self.people})

    def check_report(self, oracle):
        """What is parked may have been accepted: the log knows, the daemon says that it does not."""
        parked = self.metrics["uncertain"]
        if not parked:
            oracle.check_report(self.metrics)
        elif not self.metrics["sent"] <= len(oracle.accepted) <= self.metrics["sent"] + parked:
            oracle.fault("f", f"{self.metrics['sent']} sent and {parked} parked, but "
                              f"{len(oracle.accepted)} accepted")

    def judge(self):
        """(faults, twice, lost, parked) of the play that just ended; the daemon is still up."""
        oracle = self.oracle()
        parked = self.metrics["uncertain"] if self.metrics else 0
        if self.stuck:
            oracle.fault("b", self.stuck)
        oracle.faults += self.wrong
        if self.settled > (most := self.kills + self.spoiled()):
            oracle.fault("e", f"{self.settled} parked, though only {most} times a send was spoiled or killed")
        oracle.check_once()
        oracle.check_order()
        oracle.check_stopped()
        if self.metrics:
            self.check_report(oracle)
        if self.access == "send":
            self.check_parked(oracle)
        else:
            oracle.check_missed()
            if parked:
                oracle.fault("e", f"{parked} parked at a grade that parks nothing")
            if self.rig.daemon.poll() is None:
                self.check_messages(oracle)
        twice = sum(len(e) - 1 for e in oracle.by_marker.values())
        lost = sum(1 for f in oracle.faults if f.startswith("(b)"))
        return oracle.faults, twice, lost, parked + self.settled

    def check_parked(self, oracle):
        """At most once: who has not got all has a parked message, and the daemon says so."""
        for person in self.people:
            if len(oracle.by_person[person]) < len(DELAYS):
                story = self.rig.api("GET", f"/v1/explain/{person}")["campaigns"][0]
                if not any(m["state"] == "uncertain" for m in story["messages"]):
                    oracle.fault("b", f"{person} got {len(oracle.by_person[person])}, nothing parked")

    def sound(self):
        """postriderd --check of the data directory as it lies there; None or what it says."""
        done = subprocess.run([os.path.join(self.rig.build, "bin", "postriderd"), "--config",
                               self.rig.config, "--check"], capture_output=True, text=True)
        return None if done.returncode == 0 else f"(x) --check: {done.stdout}{done.stderr}"


def field_of(build, grade, which):
    if GRADES[grade].provider != "smtp-imap":
        return Field(build, grade, which)
    from mailfield import MailField  # which is made of this file's Field
    return MailField(build, grade, which)
