"""tests/e2e/campaign.py: a whole campaign, from consent to the last answer, judged by the oracle.

usage: campaign.py BUILD [--provider gmail|graph] [--people N] [--mailboxes N] [--access full|headers]
                   [--seed N] [--kills N]
"""
import argparse
import datetime
import json
import random
import re
import sys
import time

from oracle import Oracle
from rig import Rig, marker_of

YAML = """name: test
from: [{senders}]
{label}limits: {{gap: {gap}s}}
window: {{days: mon-sun, from: "00:00", to: "24:00", zone: mailbox}}
stop: {{on: [reply, bounce, unsubscribe]}}
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


def people_csv(count):
    rows = ["email,First Name,company"]
    rows += [f"p{i}@people{i % 97}.example,P{i},\"Company {i % 97}, Inc.\"" for i in range(count)]
    return "\n".join(rows) + "\n"


def build(rig, args, behaviour):
    senders = [f"sender{i}@acme.example" for i in range(args.mailboxes)]
    for sender in senders:
        limit = {"send_limit": 100000} if args.provider == "gmail" else {}
        rig.account(sender, args.provider, name=f"Sender {sender[6]}", **limit)
        rig.connect(sender, args.access, args.provider)
    rig.sandbox.ask("google.people", seed=args.seed, **behaviour)
    label = "label: Outreach/Test\n" if args.access == "full" else ""
    campaign = rig.campaign(YAML.format(senders=", ".join(senders), label=label, gap=args.gap),
                            people_csv(args.people))
    return senders, campaign


def kill_now_and_then(rig, campaign, kills, seed, within):
    """Kills the daemon at random moments of the run and starts it again; when, in real ms."""
    draw = random.Random(seed)
    struck = []
    while len(struck) < kills:
        time.sleep(draw.uniform(0, within))
        struck.append(time.time() * 1000)
        rig.kill()
        rig.start()
        if rig.finished(campaign):
            break
    return struck


class Doubts:
    """Settles what the daemon calls uncertain, as a person would who looks into what was received, and
    says where it had no reason to be: a mail that was received lies in Sent Items for it to find, and
    what was not must have been under way when the daemon was killed."""

    def __init__(self, rig, kills):
        self.rig, self.kills, self.settled, self.faults = rig, kills, 0, []

    def lines(self, name):
        with open(self.rig.sandbox.about[name]) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def real_of(self, virtual):
        """Between which real moments that virtual one was, by the requests around it."""
        at = [(line["at"], line["real"]) for line in self.lines("requests_log") if "at" in line]
        before = [real for moment, real in at if moment <= virtual]
        after = [real for moment, real in at if moment >= virtual]
        return max(before, default=0), min(after, default=time.time() * 1000)

    def judge(self, message):
        marker = marker_of(message)
        taken = any(e.get("marker") == marker for e in self.lines("receiver_log"))
        minted = datetime.datetime.fromisoformat(message["minted_at"].replace("Z", "+00:00"))
        low, high = self.real_of(minted.timestamp() * 1000)
        if taken:
            self.faults.append(f"{message['to']}: uncertain, though it was received and lies in Sent")
        elif not any(low - 1000 <= kill <= high + 3000 for kill in self.kills):
            self.faults.append(f"{message['to']}: uncertain, though no kill was near: {message}")
        self.rig.api("POST", f"/v1/messages/{message['message']}/settle", {"sent": taken})
        self.settled += 1

    def settle(self):
        for message in self.rig.api("GET", "/v1/messages?state=uncertain")["messages"]:
            self.judge(message)

    def run(self, campaign, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.settle()
            if self.rig.finished(campaign) and not self.rig.metrics(campaign)["uncertain"]:
                break
            time.sleep(0.2)
        return self.rig.run(campaign, 5)


def leftovers(rig, args, senders):
    """What Graph shows when all is over: no draft of ours; at headers access nothing of a body."""
    faults = []
    for sender in senders:
        left = rig.sandbox.ask("microsoft.drafts.count", account=sender)["drafts"]
        if left:
            faults.append(f"{left} drafts are left in {sender}")
    with open(rig.sandbox.about["requests_log"]) as file:
        lines = [json.loads(line) for line in file]
    for line in lines if args.access == "headers" else ():
        chosen = re.search(r"[$]select=([^&]*)", line.get("query", ""))
        if line.get("status") == 403 or line.get("path", "").endswith("$value") or (
                chosen and "body" in chosen.group(1).lower()):
            faults.append(f"beyond headers access: {line}")
    return faults


BEHAVIOUR = dict(reply=0.2, other_address=0.02, auto_reply=0.04, out_of_office=0.04,
                 bounce_hard=0.03, bounce_soft=0.02, unsubscribe=0.03, unrelated=0.2,
                 delay_min_ms=60_000, delay_max_ms=36 * 3600_000)


def arguments():
    """What every test that plays a campaign takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--mailboxes", type=int, default=3)
    parser.add_argument("--provider", default="gmail")
    parser.add_argument("--access", default="full")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--gap", type=int, default=30)
    parser.add_argument("--which", default="h2")
    parser.add_argument("--seconds", type=int, default=900)
    return parser


def last_answers(rig, campaign):
    """Lets the last answers come in; the metrics."""
    time.sleep(0.5)
    rig.sandbox.ask("clock.jump", by=72 * 3600_000)
    time.sleep(1.5)
    return rig.metrics(campaign)


def judge(rig, args, senders, campaign):
    """The oracle's faults, once the campaign has ended; prints what there is to say."""
    metrics = last_answers(rig, campaign)
    people = [f"p{i}@people{i % 97}.example" for i in range(args.people)]
    oracle = Oracle(rig.sandbox.about["receiver_log"], people, 3, senders, poll_ms=15 * 60_000,
                    min_gap_ms=args.gap * 1000, delays_ms=(0, 2 * 86400_000, 3 * 86400_000),
                    access=args.access)
    oracle.judge(metrics)
    oracle.check_messages({p: rig.api("GET", f"/v1/explain/{p}") for p in people})
    print(oracle.summary())
    print({k: v for k, v in metrics.items() if v})
    return oracle.faults


def verdict(faults):
    """Prints what is wrong; the exit code."""
    for fault in faults[:20]:
        print("FAULT", fault)
    return 1 if faults else 0


def play(args):
    """A whole campaign; (faults, kills, messages settled)."""
    graph = args.provider == "graph"
    with Rig(args.build, ("--seed", str(args.seed)), which=args.which, gmail=not graph,
             providers=(lambda rig: {"graph": rig.graph(args.which)}) if graph else None,
             config={"public_url": "https://outreach.example.com"}) as rig:
        rig.start()
        senders, campaign = build(rig, args, BEHAVIOUR)
        began = time.monotonic()
        rig.api("POST", f"/v1/campaigns/{campaign}/start")
        rig.fast()
        kills = kill_now_and_then(rig, campaign, args.kills, args.seed, args.within)
        doubts = Doubts(rig, kills)
        doubts.run(campaign, args.seconds)
        faults = judge(rig, args, senders, campaign) + doubts.faults
        if graph:
            faults += leftovers(rig, args, senders)
        print(f"{time.monotonic() - began:.1f} s, {len(kills)} kills, {rig.starts} starts, "
              f"{doubts.settled} uncertain", flush=True)
        code = rig.stop()
        if code:
            faults.append(f"the daemon ended with {code}")
        return faults, len(kills), doubts.settled


def killed_arguments():
    parser = arguments()
    parser.add_argument("--within", type=float, default=0.1,
                        help="each life ends within so many seconds of being ready")
    parser.add_argument("--kills", type=int, default=0)
    return parser


def main():
    return verdict(play(killed_arguments().parse_args())[0])


if __name__ == "__main__":
    sys.exit(main())
