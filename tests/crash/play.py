"""tests/crash/play.py: a small campaign that can be played again and again, killed, and judged.

A Stage is where it is played (ground.py): the mailboxes and people forget, the data directory is put back,
and each play begins right before the campaign's start.
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ground  # noqa: E402
from ground import GONE, HOUR, Ground, OnMailsim  # noqa: E402

# At access send nobody's answer is seen, which is another campaign: tests/fault plays that.
GRADES = {name: grade for name, grade in ground.GRADES.items() if grade.access != "send"}
SENDER = "ana@acme.example"
GAP_S, DELAY_MS = 10, 2 * 24 * HOUR
YAML = """name: sweep
from: {senders}
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


class Stage(Ground):
    seconds = 40  # what a play may take

    def __init__(self, build, grade, env=None, which="h2", deeds=DEEDS, window=ANY_TIME, faults=(),
                 settings=(), gap=GAP_S):
        """settings: (command, {...}) that the sandbox is asked for once; faults: of each play."""
        self.faults, self.gap = faults, gap
        yaml = YAML.replace("{gap}", str(gap)).replace("{window}", window.replace("{", "{{").replace("}", "}}"))
        super().__init__(build, grade, [SENDER], PEOPLE, yaml, which,
                         dict(os.environ, UV_THREADPOOL_SIZE="1", **(env or {})))
        try:
            for person, nth, act, after in deeds:
                self.ask("script", person=PEOPLE[person], on_step=nth, act=act, after_ms=after)
            for command, more in settings:
                self.rig.sandbox.ask(command, **more)
        except BaseException:
            self.end()
            raise

    def reset(self):
        self.put_back()
        for fault in self.faults:
            self.rig.sandbox.ask("fault.add", **fault)

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
        return self.oracle_of(2, min_gap_ms=self.gap * 1000, delays_ms=(0, DELAY_MS))

    def told(self, oracle):
        """The daemon's metrics as the oracle compares them: who may read headers only can't tell a hard
        bounce from a soft one."""
        soft = {d["person"] for d in oracle.deeds if d["kind"] == "bounce_soft"}
        unknown = self.metrics["bounced_unknown"] - len(soft)
        return dict(self.metrics, bounced_hard=unknown) if self.access == "headers" else self.metrics

    def report(self):
        """What the daemon says against the log, while it may still be reading its last mail."""
        self.rig.caught_up()
        oracle = self.oracle()
        oracle.check_report(self.told(oracle))
        return oracle.faults + self.leftovers()

    def judge(self):
        """(faults, twice, lost, parked) of the play that just ended; the daemon is still up."""
        oracle = self.oracle()
        parked = self.metrics["uncertain"] if self.metrics else 0
        oracle.faults += self.wrong
        if self.stuck:
            oracle.fault("b", self.stuck)
        self.stuck = None
        oracle.judge(self.metrics and self.told(oracle), parked)
        if parked:
            oracle.fault("e", f"{parked} parked")
        if self.rig.daemon.poll() is None:
            self.check_messages(oracle)
        return self.verdict(oracle, parked)

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


class MailStage(OnMailsim, Stage):
    pass


def stage_of(build, grade, **more):
    return (MailStage if GRADES[grade].provider == "smtp-imap" else Stage)(build, grade, **more)


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
