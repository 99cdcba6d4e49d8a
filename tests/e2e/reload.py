"""tests/e2e/reload.py: 50 reloads of a plugin during a campaign: two builds in turn, every tenth one broken.

usage: reload.py BUILD [--people N] [--mailboxes N] [--reloads N] [...]

The plugins are built by tests/e2e/CMakeLists.txt: BUILD/tests/plugins-{a,b}/gmail.so name themselves in the
header X-Rider-Build, which the receiver's log keeps.
"""
import os
import shutil
import sys
import tempfile
import time
from collections import Counter

from campaign import BEHAVIOUR, arguments, build, judge, verdict
from rig import Rig


class Shelf:
    """The plugins folder: what the daemon finds there. Each file is moved into place whole."""

    def __init__(self, build_dir):
        self.build = build_dir
        self.dir = tempfile.mkdtemp(prefix="plugins-")

    def put(self, source, name="gmail.so", mode=0o755, size=None):
        """source: a file in BUILD/tests, or an absolute path; size: the part of it to keep"""
        half = os.path.join(self.dir, ".half")
        shutil.copyfile(os.path.join(self.build, "tests", source), half)
        if size is not None:
            os.truncate(half, int(os.path.getsize(half) * size))
        os.chmod(half, mode)
        os.rename(half, os.path.join(self.dir, name))

    def end(self):
        shutil.rmtree(self.dir)


# What is broken about a plugin, and the sentence that must say so.
BROKEN = (
    ("cut short", dict(source="plugins-a/gmail.so", size=0.5), "it is cut short"),
    ("no symbol", dict(source="odd/nosymbol.so"), "has no symbol rider_provider_v1"),
    ("another major", dict(source="odd/major.so"), "was built for version 2"),
    ("world-writable", dict(source="plugins-b/gmail.so", mode=0o777), "is writable by everybody"),
    ("opens no mailbox", dict(source="odd/refuse.so"), "this build opens nothing"),
)


class Reloads:
    def __init__(self, rig, shelf):
        self.rig, self.shelf = rig, shelf
        self.faults, self.done, self.refused, self.most = [], Counter(), 0, 0
        self.seconds = []

    def generations(self):
        about = self.rig.api("GET", "/v1/providers/gmail")
        self.most = max(self.most, len(about["generations"]))
        return about["generations"]

    def live(self):
        return [g["generation"] for g in self.generations() if g["state"] == "live"]

    def reload(self):
        """As an operator does it: (did it work, what was said)."""
        began = time.monotonic()
        done = self.rig.cli("provider", "reload", "gmail", check=False)
        self.seconds.append(time.monotonic() - began)
        return done.returncode == 0, done.stdout + done.stderr

    def good(self, nth):
        name = "ab"[nth % 2]
        before = self.live()
        self.shelf.put(f"plugins-{name}/gmail.so")
        worked, said = self.reload()
        after = self.live()
        if not worked or len(after) != 1 or after <= before:
            self.faults.append(f"reload {nth} to build {name}: {before} became {after}: {said}")
        self.done[name] += 1

    def broken(self, nth):
        what, how, sentence = BROKEN[(nth // 10 - 1) % len(BROKEN)]
        before = self.live()
        self.shelf.put(**how)
        worked, said = self.reload()
        after = self.live()
        if worked or sentence not in said:
            self.faults.append(f"reload {nth}, {what}: not refused with '{sentence}': {said}")
        if before != after:
            self.faults.append(f"reload {nth}, {what}: generation {before} became {after}")
        self.refused += 1

    def play(self, campaign, args):
        """One reload each time that so much more of the campaign has been done."""
        for nth in range(1, args.reloads + 1):
            wanted = nth / (args.reloads + 2) * args.people * 3
            while self.did(campaign) < wanted:
                time.sleep(0.01)
            if self.rig.finished(campaign):
                self.faults.append(f"the campaign was over before reload {nth}")
            (self.good if nth % 10 else self.broken)(nth)

    def did(self, campaign):
        metrics = self.rig.metrics(campaign)
        return metrics["messages"] - metrics["planned"] - metrics["in_flight"]

    def mapped(self):
        """The generations' copies that the daemon's memory and disk still have, as root sees them."""
        with open(f"/proc/{self.rig.daemon.pid}/maps") as file:
            return {line.split(None, 5)[5].strip() for line in file if "plugins.run" in line}

    def check_drained(self, seconds=45):
        """Longer than the grace of 30 s, after which what an old generation does is cancelled."""
        end = time.monotonic() + seconds
        while len(self.generations()) > 1 and time.monotonic() < end:
            time.sleep(0.1)
        left = self.generations()
        if [g["state"] for g in left] != ["live"]:
            self.faults.append(f"not drained: {left}")
        copies = set(os.listdir(os.path.join(self.rig.data, "plugins.run")))
        name = f"gmail.{left[0]['generation']}.so"
        if copies != {name}:
            self.faults.append(f"on the disk: {sorted(copies)}, not just {name}")
        try:
            mapped = {os.path.basename(path) for path in self.mapped()}
        except PermissionError:  # the daemon is not dumpable, so only root may look
            print("not root: /proc/PID/maps was not looked at")
            return
        if mapped != {name}:
            self.faults.append(f"mapped: {sorted(mapped)}, not just {name}")

    def check_builds(self):
        seen = Counter(e.get("build") for e in self.rig.sandbox.log("receiver")
                       if e["kind"] == "accepted")
        print(f"accepted from builds: {dict(seen)}; reloads: {dict(self.done)}, "
              f"{self.refused} refused; at most {self.most} generations at once; "
              f"a reload took up to {max(self.seconds) * 1000:.0f} ms with the command's start")
        if set(seen) != {"a", "b"} or min(seen.values()) < 5:
            self.faults.append(f"not both builds were at work: {dict(seen)}")


def main():
    parser = arguments()
    parser.add_argument("--reloads", type=int, default=50)
    args = parser.parse_args()
    shelf = Shelf(args.build)
    shelf.put("plugins-a/gmail.so")
    try:
        with Rig(args.build, ("--seed", str(args.seed)), which=args.which, plugins=shelf.dir,
                 config={"public_url": "https://outreach.example.com"}) as rig:
            rig.start()
            senders, campaign = build(rig, args, BEHAVIOUR)
            reloads = Reloads(rig, shelf)
            began = time.monotonic()
            rig.api("POST", f"/v1/campaigns/{campaign}/start")
            rig.fast()
            reloads.play(campaign, args)
            rig.run(campaign, args.seconds)
            faults = judge(rig, args, senders, campaign)
            print(f"{time.monotonic() - began:.1f} s")
            reloads.check_builds()
            reloads.check_drained()
            faults += reloads.faults
            code = rig.stop()
            if code or rig.starts != 1:
                faults.append(f"the daemon ended with {code}")
            return verdict(faults)
    finally:
        shelf.end()


if __name__ == "__main__":
    sys.exit(main())
