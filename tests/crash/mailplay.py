"""tests/crash/mailplay.py: the campaign of play.py from a mailbox on mailsim, by SMTP and IMAP.

A mail whose last answer was lost by a kill is uncertain: SMTP can't be asked. A person settles it at
once by the receiver's log, and the rest is judged as ever. It counts as parked, and is a fault where
the server never saw its content.
"""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mailsim"))
from play import ANY_TIME, DEEDS, DELAY_MS, GAP_S, PEOPLE, SENDER, YAML, Stage  # noqa: E402
from simrig import MailOracle, Settling, SimRig  # noqa: E402


class MailStage(Settling, Stage):
    def __init__(self, build, grade="smtp-imap", env=None, deeds=DEEDS, window=ANY_TIME, gap=GAP_S):
        self.build, self.grade, self.gap = os.path.abspath(build), grade, gap
        self.env = dict(os.environ, UV_THREADPOOL_SIZE="1", **(env or {}))
        self.provider, self.doubts, self.senders, self.settled = "smtp-imap", True, [SENDER], 0
        self.rig = rig = SimRig(self.build, ("--seed", "3", "--pace", "0"))
        try:
            rig.start()
            rig.sender(SENDER)
            people = "email,First Name,company\n" + "".join(
                f"{p},P{i},Company {i}\n" for i, p in enumerate(PEOPLE))
            self.campaign = rig.campaign(YAML.format(sender=SENDER, label="label: Outreach/Sweep\n",
                                                     promise="fast", gap=gap, window=window), people)
            for person, nth, act, after in deeds:
                rig.sim.ask("script", person=PEOPLE[person], on_step=nth, act=act, after_ms=after)
            rig.stop()
        except BaseException:
            rig.end()
            raise
        self.template = os.path.join(rig.dir, "template")
        shutil.copytree(rig.data, self.template)
        self.log_path = rig.sim.about["receiver_log"]
        self.slice = os.path.join(rig.dir, "slice.log")

    def reset(self):
        if self.rig.daemon and self.rig.daemon.poll() is None:
            self.rig.kill()
        self.rig.hold()
        self.rig.sim.ask("forget")
        self.stuck, self.settled, self.wrong, self.metrics, self.last = None, 0, [], None, None
        shutil.rmtree(self.rig.data)
        shutil.copytree(self.template, self.rig.data)
        open(self.rig.log, "w").close()
        self.offset = os.path.getsize(self.log_path)
        self.wire_offset = os.path.getsize(self.rig.sim.about["wire_log"])

    def oracle(self):
        with open(self.log_path) as log, open(self.slice, "w") as out:
            log.seek(self.offset)
            out.write(log.read())
        return MailOracle(self.slice, PEOPLE, 2, [SENDER], min_gap_ms=self.gap * 1000,
                          delays_ms=(0, DELAY_MS))

    def told(self, oracle):
        return self.metrics

    def report(self):
        self.rig.caught_up()
        oracle = self.oracle()
        oracle.check_report(self.metrics)
        return oracle.faults + self.copies()

    def judge(self):
        """(faults, twice, lost, parked) of the play that just ended; the daemon is still up."""
        oracle = self.oracle()
        left = self.metrics["uncertain"] if self.metrics else 0
        oracle.faults += self.wrong
        if self.stuck:
            oracle.fault("b", self.stuck)
        self.stuck = None
        oracle.judge(self.metrics)
        if left:
            oracle.fault("e", f"{left} parked")
        if self.rig.daemon.poll() is None:
            oracle.check_messages({p: self.rig.api("GET", f"/v1/explain/{p}") for p in PEOPLE})
        twice = sum(len(e) - 1 for e in oracle.by_marker.values())
        lost = sum(1 for f in oracle.faults if f.startswith("(b)"))
        return oracle.faults + self.copies(), twice, lost, left + self.settled


if __name__ == "__main__":  # plays, to look at: BUILD [HOW MANY]
    import json
    import time
    stage = MailStage(sys.argv[1])
    try:
        for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 1):
            began = time.monotonic()
            print(stage.play(), f"{time.monotonic() - began:.2f} s", json.dumps(stage.metrics))
    finally:
        stage.end()
