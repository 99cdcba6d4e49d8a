"""tests/crash/play.py: a small campaign that can be played again and again, killed, and judged.

A Stage is one sandbox and one daemon's data directory as it is right before the campaign starts. Each
play begins there: the mailboxes and people forget, the directory is put back.
"""
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
from oracle import Oracle  # noqa: E402
from rig import Refused, Rig  # noqa: E402

SENDER = "ana@acme.example"
HOUR = 3600_000
YEARS = 20 * 365 * 86400  # seconds
GAP_S, DELAY_MS = 10, 2 * 24 * HOUR
# doubts: what was killed on its way may stay uncertain, and a person settles it.
Grade = namedtuple("Grade", "provider access promise doubts")
GRADES = {
    "strict": Grade("gmail", "full", "strict", False),
    "observed": Grade("gmail", "full", "fast", False),
    "headers": Grade("gmail", "headers", "fast", False),
    "graph": Grade("graph", "full", "fast", False),
    "graph-headers": Grade("graph", "headers", "fast", True),
    "smtp-imap": Grade("smtp-imap", "full", "fast", True),
}
SIDES = {"gmail": "google", "graph": "microsoft"}  # the sandbox's
YAML = """name: sweep
from: {sender}
{label}promise: {promise}
limits: {{gap: {gap}s}}
window: {window}
stop: {{on: [reply, bounce, unsubscribe]}}
steps:
  - subject: "{{{{first_name | default: there}}}}, a question about {{{{company}}}}"
    text: |
      Hi {{{{first_name | default: there}}}}, have you a minute for {{{{company}}}}?
  - after: 2 days
    text: |
      Just making sure this reached you.
"""
ANY_TIME = '{days: mon-sun, from: "00:00", to: "24:00", zone: mailbox}'
# Who does what: (person, which message, act, ms after it). Twelve people, 20 mails.
DEEDS = [(0, 1, "reply", 5 * HOUR), (1, 1, "bounce_hard", 60_000), (2, 1, "unsubscribe", 9 * HOUR),
         (3, 1, "out_of_office", 90_000), (4, 2, "reply", 3 * HOUR), (5, 1, "unrelated", HOUR),
         (6, 1, "reply_without_references", 48 * HOUR - 20_000), (7, 1, "auto_reply", 30_000),
         (8, 2, "bounce_soft", HOUR)]
PEOPLE = [f"p{i}@people{i}.example" for i in range(12)]
LAST_DEED = 50 * HOUR
GONE = (OSError, http.client.HTTPException, ValueError, Refused)


class Stage:
    seconds = 40  # what a play may take
    def __init__(self, build, grade, env=None, which="h2", deeds=DEEDS, window=ANY_TIME, faults=(),
                 settings=(), gap=GAP_S):
        """settings: (command, {...}) that the sandbox is asked for once; faults: of each play."""
        self.build, self.grade, self.faults = os.path.abspath(build), grade, faults
        self.gap = gap
        self.env = dict(os.environ, UV_THREADPOOL_SIZE="1", **(env or {}))
        self.provider, access, promise, self.doubts = GRADES[grade]
        self.side, gmail = SIDES[self.provider], self.provider == "gmail"
        self.rig = rig = Rig(self.build, ("--seed", "3", "--pace", "0"), which, poll="6 hours", gmail=gmail,
                             providers=None if gmail else lambda rig: {"graph": rig.graph(which)})
        try:
            if not gmail:  # time goes on from play to play, and the refresh token is put back
                rig.sandbox.ask("microsoft.token", refresh_seconds=YEARS)
            rig.start()
            rig.account(SENDER, self.provider, name="Ana", **({"send_limit": 1_000_000} if gmail else {}))
            rig.connect(SENDER, access, self.provider)
            label = "label: Outreach/Sweep\n" if access == "full" else ""
            people = "email,First Name,company\n" + "".join(
                f"{p},P{i},Company {i}\n" for i, p in enumerate(PEOPLE))
            self.campaign = rig.campaign(YAML.format(sender=SENDER, label=label, promise=promise,
                                                     gap=gap, window=window), people)
            for person, nth, act, after in deeds:
                rig.sandbox.ask(self.side + ".script", person=PEOPLE[person], on_step=nth, act=act,
                                after_ms=after)
            for command, more in settings:
                rig.sandbox.ask(command, **more)
            rig.stop()
        except BaseException:
            rig.end()
            raise
        self.template = os.path.join(rig.dir, "template")
        shutil.copytree(rig.data, self.template)
        self.log_path = rig.sandbox.about["receiver_log"]
        self.slice = os.path.join(rig.dir, "slice.log")

    def end(self):
        self.rig.end()

    def reset(self):
        if self.rig.daemon and self.rig.daemon.poll() is None:
            self.rig.kill()
        self.rig.sandbox.ask("fault.clear")
        for fault in self.faults:
            self.rig.sandbox.ask("fault.add", **fault)
        self.stuck, self.settled, self.wrong, self.metrics, self.last = None, 0, [], None, None
        self.rig.hold()
        self.rig.sandbox.ask(self.side + ".forget")
        shutil.rmtree(self.rig.data)
        shutil.copytree(self.template, self.rig.data)
        open(self.rig.log, "w").close()
        self.offset = os.path.getsize(self.log_path)

    # -- playing ---------------------------------------------------------------------------------
    def start(self, prefix=(), env=None):
        self.rig.start(wait=False, prefix=prefix, env=dict(self.env, **(env or {})))

    def go(self, seconds=None):
        """Starts the campaign if need be, plays to the end. True: finished; False: the daemon ended."""
        end, started, done = time.monotonic() + (seconds or self.seconds), False, 0
        rig = self.rig
        while time.monotonic() < end:
            if rig.daemon.poll() is not None:
                return False
            try:
                whole = rig.api("GET", f"/v1/campaigns/{self.campaign}")
                if not started:
                    if whole["status"] in ("draft", "stopped", "paused", "imported", "ready"):
                        rig.api("POST", f"/v1/campaigns/{self.campaign}/start")
                    rig.fast()
                    started = True
                self.metrics = metrics = whole["metrics"]
                if metrics["uncertain"] and self.doubts:
                    self.settle()
                elif metrics["planned"] == 0 and metrics["in_flight"] == 0:
                    if not done:
                        rig.sandbox.ask("clock.jump", by=LAST_DEED)
                        done = time.monotonic()
                    if not self.report() or time.monotonic() > done + self.seconds / 5:
                        return True
            except GONE as error:
                self.last = error
            time.sleep(0.004 if not started else 0.02)
        self.stuck = f"it did not end: {self.metrics}; {self.last}"
        return True

    def oracle(self):
        with open(self.log_path) as log, open(self.slice, "w") as out:
            log.seek(self.offset)
            out.write(log.read())
        return Oracle(self.slice, PEOPLE, 2, [SENDER], min_gap_ms=self.gap * 1000,
                      delays_ms=(0, DELAY_MS))

    def told(self, oracle):
        """The daemon's metrics as the oracle compares them: who may read headers only can't tell a hard
        bounce from a soft one."""
        soft = {d["person"] for d in oracle.deeds if d["kind"] == "bounce_soft"}
        unknown = self.metrics["bounced_unknown"] - len(soft)
        headers = GRADES[self.grade].access == "headers"
        return dict(self.metrics, bounced_hard=unknown) if headers else self.metrics

    def settle(self):
        """A mail that was received lies in Sent Items, for the daemon to find."""
        for message, taken in self.rig.settle(self.oracle().by_marker):
            self.settled += 1
            if taken:
                self.wrong.append(f"(e) {message['to']}: uncertain, though it was received and lies in Sent")

    def report(self):
        """What the daemon says against the log, while it may still be reading its last mail."""
        oracle = self.oracle()
        oracle.check_report(self.told(oracle))
        return oracle.faults

    def judge(self):
        """(faults, twice, lost, parked) of the play that just ended; the daemon is still up."""
        oracle = self.oracle()
        parked = self.metrics["uncertain"] if self.metrics else 0
        oracle.faults += self.wrong
        stuck = getattr(self, "stuck", None)
        self.stuck = None
        if stuck:
            oracle.fault("b", stuck)
        oracle.judge(self.metrics and self.told(oracle), parked)
        if parked:
            oracle.fault("e", f"{parked} parked")
        if self.rig.daemon.poll() is None:
            oracle.check_messages({p: self.rig.api("GET", f"/v1/explain/{p}") for p in PEOPLE})
        drafts = self.rig.sandbox.ask(self.side + ".drafts.count", account=SENDER)["drafts"]
        if drafts:
            oracle.fault("e", f"{drafts} drafts are left")
        twice = sum(len(e) - 1 for e in oracle.by_marker.values())
        lost = sum(1 for f in oracle.faults if f.startswith("(b)"))
        return oracle.faults, twice, lost, parked + self.settled

    def play(self, *prefixes, env=None, after=None):
        """Starts once with each prefix (which is to kill it), calls `after`, and then plainly to the
        end. (how many of the prefixes killed, faults, twice, lost, parked)"""
        struck, odd = 0, []
        self.reset()
        for prefix in prefixes:
            self.start(prefix, env)
            if self.go():
                self.rig.daemon.terminate()
            code = self.rig.daemon.wait(40)
            struck += code == 137
            if code not in (0, 137):
                odd.append(f"(x) the daemon ended with {code}: {self.rig.tail(3)}")
            self.rig.hold()
        if after:
            after()
        self.start()
        if not self.go():
            odd.append(f"(x) the daemon ended with {self.rig.daemon.returncode}: {self.rig.tail(3)}")
        faults, twice, lost, parked = self.judge()
        if self.settled > struck:
            odd.append(f"(e) {self.settled} parked by {struck} kills")
        return struck, odd + faults, twice, lost, parked

    def check(self):
        """postriderd --check of the data directory as it lies there."""
        done = subprocess.run([os.path.join(self.build, "bin", "postriderd"), "--config",
                               self.rig.config, "--check"], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def stage_of(build, grade):
    if GRADES[grade].provider != "smtp-imap":
        return Stage(build, grade)
    from mailplay import MailStage  # which is made of this file's Stage
    return MailStage(build, grade)


def names():
    """Number to name of every system call here."""
    table = {}
    for line in subprocess.run(["gcc", "-E", "-dM", "-"], input="#include <sys/syscall.h>\n",
                               capture_output=True, text=True).stdout.splitlines():
        words = line.split()
        if len(words) == 3 and words[1].startswith("__NR_") and words[2].isdigit():
            table[int(words[2])] = words[1][5:]
    return table


if __name__ == "__main__":  # one play, to look at
    stage = stage_of(sys.argv[1], sys.argv[2])
    try:
        for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
            began = time.monotonic()
            print(stage.play(), f"{time.monotonic() - began:.2f} s", json.dumps(stage.metrics))
    finally:
        stage.end()
