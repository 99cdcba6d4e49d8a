"""tests/e2e/imap.py: a whole campaign from mailboxes on a real Dovecot and Postfix.

usage: imap.py BUILD [--people N] [--mailboxes N] [--kills N] [--oauth xoauth2|oauthbearer] [--access ...]

People are mailboxes on the same Dovecot; they answer with swaks. Judged by Postfix's log and by what
lies in the mailboxes.
"""
import argparse
import random
import sys
import time

from campaign import YAML, verdict
from mailrig import PASSWORD, Judge, MailRig, People, Unavailable

# What one person of each twenty does, and on which message.
PLAN = {0: ("reply", 1), 1: ("reply", 2), 2: ("other", 1), 3: ("auto_reply", 1),
        4: ("out_of_office", 1), 5: ("nobody", 1), 6: ("rejected", 1), 7: ("deferred", 1),
        8: ("unsubscribe", 1), 9: ("reply", 3)}
DAY = 86400_000


def plan(count):
    return {f"p{i}@people{i % 97}.example": PLAN.get(i % 20, ("nothing", 0)) for i in range(count)}


def people_csv(everyone):
    return "email,First Name,company\n" + "".join(
        f"{person},P{i},\"Company {i % 97}, Inc.\"\n" for i, person in enumerate(everyone))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--mailboxes", type=int, default=2)
    parser.add_argument("--access", default="full")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--gap", type=int, default=30)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--reloads", type=int, default=0, help="swap the plugin so often")
    parser.add_argument("--files", action="store_true", help="the server files the copies in Sent")
    parser.add_argument("--trouble", action="store_true", help="servers away, folders begun anew")
    parser.add_argument("--within", type=float, default=0.3)
    parser.add_argument("--bare", action="store_true", help="STARTTLS, and the least of an IMAP server")
    parser.add_argument("--oauth", choices=("xoauth2", "oauthbearer"))
    parser.add_argument("--seconds", type=int, default=300)
    args = parser.parse_args()
    try:
        with MailRig(args.build, oauth=args.oauth, bare=args.bare, host={"files": args.files},
                     settings={"sent": "server"} if args.files else None,
                     config={"public_url": "https://outreach.example.com"}) as rig:
            return verdict(run(rig, args))
    except Unavailable as why:
        print(why)
        return 77


def kill_now(rig, draw, within):
    """Kills the daemon at a random moment, and starts it again: half of the time whenever that is, half
    within the 15 ms after Postfix has seen a mail's header, which is when the doubtful ones are made."""
    if draw.random() < 0.5:
        time.sleep(draw.uniform(0, within))
    else:
        begun = headers_seen(rig)
        end = time.monotonic() + within
        while headers_seen(rig) == begun and time.monotonic() < end:
            pass
        time.sleep(draw.uniform(0, 0.015))
    rig.kill()
    rig.start()


def headers_seen(rig):
    with open(rig.host.postfix_log, "rb") as file:
        return file.read().count(b": message-id=")


class Doubts:
    """What the daemon can't prove is settled by a person who reads Postfix's log. Each must be open by
    that log too: its content was there when the line was lost, whether or not it was taken then."""

    def __init__(self, rig):
        self.rig, self.counts, self.faults = rig, {}, []

    def __call__(self):
        listed = self.rig.api("GET", "/v1/messages?state=uncertain")["messages"]
        if not listed:
            return
        journal = self.rig.host.log()
        seen = {mail.message_id for mail in journal.mails.values()}
        taken = {mail.message_id for mail in journal.taken() if mail.sender is not None}
        for message in listed:
            name = f"<{message['message_id'].strip('<>')}>"
            how = "taken" if name in taken else "cut off" if name in seen else "never there"
            self.counts[how] = self.counts.get(how, 0) + 1
            if how == "never there":
                self.faults.append(f"{name} to {message['to']} is called uncertain ({message['detail']}), "
                                   "and Postfix never saw it")
            self.rig.cli("message", "settle", message["message"],
                         "sent" if name in taken else "not-sent")


class Grants:
    """Tokens that expire after a third of the mails, and one mailbox whose grant is revoked after two
    thirds, and given again once the daemon has found out."""

    def __init__(self, rig, campaign, senders, total):
        self.rig, self.campaign, self.senders = rig, campaign, senders
        self.stage, self.total = 0, total

    def __call__(self):
        sent = self.rig.metrics(self.campaign)["sent"]
        if self.stage == 0 and sent >= self.total // 3:
            for sender in self.senders:
                self.rig.sandbox.ask("google.token.expire", account=sender)
            self.stage = 1
        elif self.stage == 1 and sent >= self.total * 2 // 3:
            self.rig.sandbox.ask("google.grant.revoke", account=self.senders[0])
            self.stage = 2
        elif self.stage == 2 and self.status() == "reconnect needed":
            link = self.rig.api("POST", f"/v1/mailboxes/{self.senders[0]}/invite")["link"]
            status, page = self.rig.consent(link)
            if status != 200:
                raise RuntimeError(f"not connected again: {status} {page}")
            self.stage = 3

    def status(self):
        return self.rig.api("GET", f"/v1/mailboxes/{self.senders[0]}")["status"]

    def faults(self):
        return [] if self.stage == 3 else [f"the grants' story ended at {self.stage}: {self.status()}"]


class Trouble:
    """After a third of the mails the servers are away for a while; after two thirds each folder that is
    read begins anew, with other UIDs."""

    def __init__(self, rig, campaign, senders, total):
        self.rig, self.campaign, self.senders = rig, campaign, senders
        self.stage, self.total = 0, total

    def __call__(self):
        sent, host = self.rig.metrics(self.campaign)["sent"], self.rig.host
        if self.stage == 0 and sent >= self.total // 3:
            host.stop_dovecot()
            for _ in range(5):
                self.rig.jump()
            host.run_dovecot()
            self.stage = 1
        elif self.stage == 1 and sent >= self.total * 2 // 3:
            host.stop_dovecot()
            for sender in self.senders:
                host.new_uids(sender)
                host.new_uids(sender, host.sent)
            host.run_dovecot()
            self.stage = 2

    def faults(self):
        return [] if self.stage == 2 else [f"the servers' story ended at {self.stage}"]


def run(rig, args):
    began = time.monotonic()
    rig.start()
    senders = [f"sender{i}@acme.example" for i in range(args.mailboxes)]
    rig.host.add(*senders)
    for sender in senders:
        rig.sender(sender, args.access)
    people = People(rig, plan(args.people), by_swaks=args.people <= 60)
    label = "label: Outreach/Test\n" if args.access == "full" else ""
    campaign = rig.campaign(YAML.format(senders=", ".join(senders), label=label, gap=args.gap),
                            people_csv(people.plan))
    rig.api("POST", f"/v1/campaigns/{campaign}/start")
    stories = []
    if args.oauth:
        stories.append(Grants(rig, campaign, senders, 2 * args.people))
    if args.trouble:
        stories.append(Trouble(rig, campaign, senders, 2 * args.people))
    draw, kills, reloads, doubts = random.Random(args.seed), 0, 0, Doubts(rig)

    def before():
        doubts()
        for story in stories:
            story()

    def strike():
        nonlocal kills, reloads
        if reloads < args.reloads:
            reloads += 1
            time.sleep(draw.uniform(0, args.within))
            rig.api("POST", "/v1/providers/acme/reload")
        if kills < args.kills:
            kills += 1
            kill_now(rig, draw, args.within)

    metrics = rig.play(campaign, people, args.seconds, after=DAY, before=before, after_jump=strike)
    judge = Judge(rig, people, senders, 3, args.access)
    judge.all(metrics)
    judge.faults += doubts.faults
    if label:
        judge.labels("Outreach/Test")
    print({k: v for k, v in metrics.items() if v})
    print(f"{sum(map(len, judge.by_person.values()))} taken by Postfix for {len(judge.by_person)} "
          f"people, {len(people.deeds)} deeds; {kills} kills, {reloads} reloads, settled {doubts.counts or 0}; "
          f"{time.monotonic() - began:.1f} s, {rig.starts} starts")
    for story in stories:
        judge.faults += story.faults()
    code = rig.stop()
    if code:
        judge.fault(f"the daemon ended with {code}")
    return judge.faults


if __name__ == "__main__":
    sys.exit(main())
