"""tests/fault/mailfield.py: the campaign of field.py from mailboxes on mailsim, which fails by seed.

A step is a command of SMTP or IMAP. Who is uncertain is settled at once by the receiver's log, and
counts as parked; more of them than answers to a dot were lost, and kills struck, is a fault.
"""
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "mailsim"))
from field import BEHAVIOUR, DELAYS, GAP_S, POLL_MS, SENDERS, YAML, Field  # noqa: E402
from simrig import MailOracle, Settling, SimRig  # noqa: E402


class MailField(Settling, Field):
    def __init__(self, build, grade="smtp-imap", which="idle", people=16, senders=2, env=None):
        """which: "idle", with push, or "poll"."""
        self.grade, self.which, self.senders, self.env = grade, which, SENDERS[:senders], env
        self.people = [f"p{i}@people{i}.example" for i in range(people)]
        self.provider, self.access, self.doubts = "smtp-imap", "full", True
        self.rig = rig = SimRig(build, ("--seed", "3", "--pace", "0"), poll="2 hours",
                                config={"public_url": "https://outreach.example.com"})
        try:
            rig.sim.ask("offer", idle=which == "idle")
            rig.start(env=env)
            for sender in self.senders:
                rig.sender(sender)
            rows = "".join(f"{p},P{i},Company {i}\n" for i, p in enumerate(self.people))
            self.campaign = rig.campaign(
                YAML.format(senders=", ".join(self.senders), label="label: Outreach/Field\n",
                            promise="fast", gap=GAP_S, stop="reply, bounce, unsubscribe"),
                "email,First Name,company\n" + rows)
            rig.stop()
        except BaseException:
            rig.end()
            raise
        self.template = os.path.join(rig.dir, "template")
        shutil.copytree(rig.data, self.template)
        self.log_path = rig.sim.about["receiver_log"]
        self.slice = os.path.join(rig.dir, "slice.log")

    def reset(self, seed=1):
        if self.rig.daemon and self.rig.daemon.poll() is None:
            self.rig.kill()
        ask = self.rig.sim.ask
        self.rig.hold()
        ask("fault.clear")
        ask("forget")
        ask("people", seed=seed, **BEHAVIOUR)
        shutil.rmtree(self.rig.data)
        shutil.copytree(self.template, self.rig.data)
        open(self.rig.log, "w").close()
        self.offset = os.path.getsize(self.log_path)
        self.wire_offset = os.path.getsize(self.rig.sim.about["wire_log"])
        self.metrics, self.stuck = None, None
        self.kills, self.settled, self.wrong = 0, 0, []

    def trouble(self, seed, drawn):
        """What goes wrong from now on."""
        self.rig.sim.ask("offer", pipelining=seed % 3 != 0, condstore=seed % 5 != 0)
        self.rig.sim.ask("fault.add", seed=seed, rate=drawn["rate"])

    def requests(self):
        return self.rig.sim.ask("stats")["steps"]

    def spoiled(self):
        return self.wire().spoiled

    def oracle(self):
        with open(self.log_path) as log, open(self.slice, "w") as out:
            log.seek(self.offset)
            out.write(log.read())
        return MailOracle(self.slice, self.people, len(DELAYS), self.senders, poll_ms=POLL_MS,
                          min_gap_ms=GAP_S * 1000, delays_ms=DELAYS)

    def report(self):
        self.rig.sim.ask("fault.clear")
        self.rig.caught_up()
        return super().report() + self.copies()

    def judge(self):
        faults, *counts = super().judge()
        return (faults + self.copies(), *counts)
