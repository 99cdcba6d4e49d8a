"""tests/fault/field.py: a campaign that is put back and played again, while things go wrong.

A Field is one sandbox and a daemon's data directory as it is right before the campaign starts. `reset`
goes back to there; `play` plays to the end, and the oracle judges what was received meanwhile.
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from ground import GONE, GRADES, HOUR, Ground, OnMailsim  # noqa: E402
from campaign import BEHAVIOUR  # noqa: E402

SENDERS = ["ana@acme.example", "ben@acme.example"]
POLL_MS, GAP_S = 2 * HOUR, 20
DELAYS = (0, 48 * HOUR, 72 * HOUR)
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


class Field(Ground):
    poll = "2 hours"

    def __init__(self, build, grade, which="h2", people=16, senders=2, env=None, config=None,
                 options=()):
        stop = "unsubscribe" if grade == "send" else "reply, bounce, unsubscribe"
        super().__init__(build, grade, SENDERS[:senders], [f"p{i}@people{i}.example" for i in range(people)],
                         YAML.replace("{gap}", str(GAP_S)).replace("{stop}", stop), which, env,
                         {"public_url": "https://outreach.example.com", **(config or {})}, options)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()

    def reset(self, seed=1):
        """As before the campaign began; people draw what they do by this seed."""
        self.put_back()
        quiet = self.access == "send"
        self.ask("people", seed=seed, **{k: 0 if quiet and not k.startswith("delay") else v
                                         for k, v in BEHAVIOUR.items()})

    # -- playing ---------------------------------------------------------------------------------
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
                        self.ask("fault.clear")
                        rig.sandbox.ask("clock.jump", by=48 * HOUR)
                        last = time.monotonic()
                    if not self.report() or time.monotonic() > last + 10:
                        return True
            except GONE as error:
                self.last = error
            time.sleep(every)
        self.stuck = f"it did not end: {self.metrics}; {self.last}"
        return True

    def kill(self):
        self.rig.kill()
        self.kills += 1

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
        return self.oracle_of(len(DELAYS), poll_ms=POLL_MS, min_gap_ms=GAP_S * 1000, delays_ms=DELAYS,
                              access=self.access)

    def report(self):
        """What the daemon says against the log, while it may still be looking for its last mail."""
        self.rig.caught_up()
        oracle = self.oracle()
        self.check_report(oracle)
        if self.access != "send":
            self.check_messages(oracle)
        return oracle.faults + self.leftovers()

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
        return self.verdict(oracle, parked)

    def check_parked(self, oracle):
        """At most once: who has not got all has a parked message, and the daemon says so."""
        for person in self.people:
            if len(oracle.by_person[person]) < len(DELAYS):
                story = self.rig.api("GET", f"/v1/explain/{person}")["campaigns"][0]
                if not any(m["state"] == "uncertain" for m in story["messages"]):
                    oracle.fault("b", f"{person} got {len(oracle.by_person[person])}, nothing parked")

    def sound(self):
        """postriderd --check of the data directory as it lies there; None or what it says."""
        code, said = self.check()
        return f"(x) --check: {said}" if code else None


class MailField(OnMailsim, Field):
    """which: "idle", with push, or "poll"."""


def field_of(build, grade, which):
    return (MailField if GRADES[grade].provider == "smtp-imap" else Field)(build, grade, which)
