"""tools/quickstart.py: the campaign that tools/quickstart shows: 30 people, two or three mailboxes, three steps."""
import argparse
import collections
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "e2e"))
from mailrig import MINUTE, PASSWORD, Judge, MailRig, People, Unavailable  # noqa: E402
from oracle import Oracle  # noqa: E402
from rig import Rig  # noqa: E402

BEHAVIOUR = {"reply": 0.25, "other_address": 0.03, "auto_reply": 0.05, "out_of_office": 0.05,
             "bounce_hard": 0.04, "bounce_soft": 0.02, "unsubscribe": 0.05, "unrelated": 0.3,
             "delay_min_ms": 600_000, "delay_max_ms": 60 * 3600_000}
SENDERS = [("ana@acme.example", "Ana Ruiz"), ("ben@acme.example", "Ben Okafor")]
NAMES = ["Mia", "Noah", "Lea", "Jonas", "Zoë", "Ravi", "Aiko", "Tomás", "Ingrid", "Omar", "Nadia",
         "Luca", "Freya", "Mateo", "Yuki", "Selin", "Piotr", "Amara", "Hugo", "Lin", "Elif", "Oskar",
         "Priya", "Diego", "Anouk", "Kofi", "Marta", "Sven", "Leila", "Bao"]
YAML = """\
name: Backend engineers, Berlin
from: [ana@acme.example, ben@acme.example]
access: full
label: Outreach/Berlin
window: {days: mon-fri, from: "09:00", to: "17:00", zone: person}
limits: {per_day: 40, gap: 90s..150s}
stop: {on: [reply, bounce, unsubscribe]}
steps:
  - subject: "{{first_name | default: there}}, a question about {{company}}"
    text: |
      Hi {{first_name | default: there}},
      {% if role %}I saw that you are {{role}} at {{company}}.{% else %}I came across {{company}}.{% endif %}
      Would you have ten minutes this week?
      {{sender.name}}
  - after: 3 business days
    text: |
      Just making sure this reached you.
      {{sender.name}}
  - after: 4 business days
    text: |
      Last one from me. All the best to everyone at {{company}}!
      {{sender.name}}
"""


def people(count):
    zones = ["Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kolkata"]
    rows = ["E-Mail;First Name;Company;Role;Time zone"]
    for i in range(count):
        name = NAMES[i % len(NAMES)]
        rows.append(f"{name.lower().encode('ascii', 'ignore').decode()}{i}@people.example;{name};"
                    f"\"Company {i % 7}\";{'an engineer' if i % 3 else ''};{zones[i % 4]}")
    return "\r\n".join(rows) + "\r\n"


def shown(rig, *words):
    """A command and what it prints, as a person would type it."""
    print(f"\n\033[1m$ postrider {' '.join(w if ' ' not in w else repr(w) for w in words)}\033[0m"
          if sys.stdout.isatty() else f"\n$ postrider {' '.join(words)}", flush=True)
    code = subprocess.run([os.path.join(rig.build, "bin", "postrider"), "--socket", rig.socket,
                           *words]).returncode
    if code:
        raise SystemExit(f"that failed with {code}; the daemon's log:\n{rig.tail()}")


def answers_are_in(rig, seconds=30):
    """Lets the virtual clock run until nobody has anything left to say."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and rig.sandbox.ask("clock.now")["due"]:
        time.sleep(0.2)


def labels(rig):
    """How many messages carry each label that the campaign made, over both mailboxes."""
    counts = {}
    for address, _ in SENDERS:
        for label in rig.sandbox.ask("google.labels.dump", account=address)["labels"]:
            if label["name"].startswith("Outreach/"):
                counts[label["name"]] = counts.get(label["name"], 0) + len(label["messages"])
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--pace", type=int, default=40, help="least real ms between clock jumps")
    parser.add_argument("--keep", action="store_true", help="leave the data directory")
    parser.add_argument("--provider", choices=("gmail", "smtp-imap", "all"), default="gmail")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped
    began = time.monotonic()
    if args.keep:
        os.environ["RIDER_KEEP"] = "1"
    if args.provider != "gmail":
        on_real_servers(build, args)
        print(f"\nThat took {time.monotonic() - began:.0f} s; the daemon's clock jumped over the days between "
              "the mails, the mail servers' did not.")
        return
    with Rig(build, ("--seed", "11", "--start", "2027-01-04T08:00:00Z", "--pace", str(args.pace)),
             poll="1 hour", config={"public_url": "https://outreach.example.com"}) as rig:
        run(rig, args)
        print(f"\nThat took {time.monotonic() - began:.0f} s; the mails are of January 2027, "
              f"by the sandbox's clock.")


def run(rig, args):
    for address, name in SENDERS:
        rig.account(address, name=name)
    rig.sandbox.ask("google.people", seed=11, **BEHAVIOUR)
    rig.start()
    print("postriderd is up, with its store, beside a sandbox that plays Google and 30 people.")
    for address, _ in SENDERS:
        print(f"\n$ postrider mailbox add {address} --provider gmail --access full --zone Europe/Berlin")
        link = rig.link(address, "full", zone="Europe/Berlin")
        print(f"  {link[:60]}...\n  (its owner opens the link and consents)")
        # public_url is example.com: in this room the owner's browser finds us on loopback
        status, _page = rig.consent(link)
        if status != 200:
            raise SystemExit(f"{address} could not be connected")
    shown(rig, "mailbox", "list")
    yaml, csv = campaign_files(rig, args.people)
    name = "Backend engineers, Berlin"
    shown(rig, "campaign", "create", yaml, "--people", csv)
    shown(rig, "campaign", "preview", name, "--limit", "1")
    shown(rig, "campaign", "start", name)
    rig.fast()
    shown(rig, "campaign", "watch", name)
    answers_are_in(rig)
    shown(rig, "reply", "list")
    campaign = next(c for c in rig.api("GET", "/v1/campaigns")["campaigns"])
    metrics = rig.metrics(campaign["id"])
    oracle = Oracle(rig.sandbox.about["receiver_log"], everyone(args.people), 3, [a for a, _ in SENDERS],
                    poll_ms=3600_000, min_gap_ms=90_000)
    oracle.judge(metrics)
    replied = next((d["person"] for d in oracle.deeds if d["kind"] == "reply"), None)
    if replied:
        shown(rig, "explain", replied)
    shown(rig, "campaign", "show", name)
    print("\nWhat the receiving side logged, on its own:")
    print("  " + oracle.summary())
    print("  labels in the mailboxes: "
          + ", ".join(f"{k}: {v}" for k, v in sorted(labels(rig).items())))
    adds_up(metrics)
    verdict(oracle.faults)


def verdict(faults):
    for fault in faults:
        print("  FAULT", fault)
    if faults:
        raise SystemExit(1)
    print("  nobody twice, nobody missed, nobody mailed after answering.")


def adds_up(metrics):
    total = sum(metrics[k] for k in ("planned", "in_flight", "sent", "stopped", "failed",
                                     "uncertain"))
    print(f"  {metrics['people']} people x 3 steps = {metrics['messages']} messages = "
          f"{metrics['sent']} sent + {metrics['stopped']} stopped + {metrics['failed']} failed + "
          f"{metrics['uncertain']} uncertain + {metrics['planned'] + metrics['in_flight']} planned"
          f": {'adds up' if total == metrics['messages'] else 'DOES NOT ADD UP'}")


def campaign_files(rig, count, senders=SENDERS):
    yaml, csv = os.path.join(rig.dir, "berlin.yaml"), os.path.join(rig.dir, "people.csv")
    with open(yaml, "w") as file:
        file.write(YAML.replace("[ana@acme.example, ben@acme.example]",
                                "[" + ", ".join(sender[0] for sender in senders) + "]"))
    with open(csv, "w", encoding="utf-8") as file:
        file.write(people(count))
    return yaml, csv


def everyone(count):
    return [row.split(";")[0] for row in people(count).split("\r\n")[1:] if row]


# -- mailboxes on a real Postfix and Dovecot ----------------------------------------------------------

# What one person of each fifteen does, and on which message.
ON_REAL_SERVERS = {0: ("reply", 1), 2: ("reply", 2), 3: ("auto_reply", 1), 5: ("other", 1),
                   6: ("out_of_office", 1), 8: ("nobody", 1), 10: ("reply", 1), 12: ("unsubscribe", 2)}


def on_real_servers(build, args):
    together = args.provider == "all"
    try:
        with MailRig(build, ("--seed", "11") if together else (), stride=60 * MINUTE,
                     beside=("gmail", "graph") if together else (),
                     config={"public_url": "https://outreach.example.com"}) as rig:
            (run_side_by_side if together else run_on_real_servers)(rig, args)
    except Unavailable as why:
        raise SystemExit(f"tools/quickstart: {why}")


class Progress:
    """A line now and then while the campaign runs."""

    def __init__(self, rig, campaign):
        self.rig, self.campaign, self.sent = rig, campaign, -10

    def __call__(self):
        metrics = self.rig.metrics(self.campaign)
        if metrics["sent"] >= self.sent + 10:
            self.sent = metrics["sent"]
            print(f"  {self.rig.sandbox.ask('clock.now')['text'][:16]}: {metrics['sent']} sent, "
                  f"{metrics['answered']} answered, {metrics['bounced']} bounced", flush=True)


def keywords(rig, senders):
    """How many messages carry each keyword of the campaign, over those mailboxes."""
    counts = collections.Counter()
    for address in senders:
        for folder in (None, rig.host.sent):
            for found in rig.host.keywords(address, folder).values():
                counts.update(word for word in found if word.startswith("$Outreach/"))
    return counts


def run_on_real_servers(rig, args):
    rig.start()
    print("postriderd is up, with its store, beside a Postfix and a Dovecot where the mailboxes are,\n"
          "and the people, who answer by swaks.")
    secret = rig.secret_file("secret", PASSWORD)
    rig.host.add(*(address for address, _ in SENDERS))
    for address, name in SENDERS:
        shown(rig, "mailbox", "add", address, "--provider", "acme", "--set", f"name={name}",
              "--secret-file", secret, "--zone", "Europe/Berlin")
    shown(rig, "mailbox", "list")
    plan = {person: ON_REAL_SERVERS.get(i % 15, ("nothing", 0))
            for i, person in enumerate(everyone(args.people))}
    answering = People(rig, plan)
    yaml, csv = campaign_files(rig, args.people)
    name = "Backend engineers, Berlin"
    shown(rig, "campaign", "create", yaml, "--people", csv)
    shown(rig, "campaign", "preview", name, "--limit", "1")
    shown(rig, "campaign", "start", name)
    campaign = next(c for c in rig.api("GET", "/v1/campaigns")["campaigns"])["id"]
    metrics = rig.play(campaign, answering, after=86400_000, before=Progress(rig, campaign))
    shown(rig, "campaign", "show", name)
    shown(rig, "reply", "list")
    replied = next((person for what, person, _, _ in answering.deeds if what == "reply"), None)
    if replied:
        shown(rig, "explain", replied)
    judge = Judge(rig, answering, [address for address, _ in SENDERS], 3)
    judge.all(metrics)
    deeds = collections.Counter(what for what, _, _, _ in answering.deeds)
    print("\nWhat Postfix logged, and what lies in the mailboxes:")
    print(f"  {sum(map(len, judge.by_person.values()))} mails taken for {len(judge.by_person)} people; "
          + ", ".join(f"{count} {what}" for what, count in sorted(deeds.items())))
    print("  keywords in the mailboxes: "
          + ", ".join(f"{word}: {count}" for word, count in sorted(keywords(rig, [a for a, _ in SENDERS]).items())))
    adds_up(metrics)
    verdict(judge.faults)


# -- Gmail, Outlook and IMAP, side by side -------------------------------------------------------------

TOGETHER = [("ana@acme.example", "Ana Ruiz", "gmail"), ("ben@contoso.example", "Ben Okafor", "graph"),
            ("cleo@posts.example", "Cleo Brandt", "acme")]


def connect_all(rig):
    cleo = TOGETHER[2]
    for address, name, provider in TOGETHER[:2]:
        rig.account(address, provider, name=name)
        print(f"\n$ postrider mailbox add {address} --provider {provider} --zone Europe/Berlin\n"
              "  (its owner opens the link and consents)")
        rig.connect(address, "full", provider, zone="Europe/Berlin")
    rig.host.add(cleo[0])
    shown(rig, "mailbox", "add", cleo[0], "--provider", cleo[2], "--set", f"name={cleo[1]}",
          "--secret-file", rig.secret_file("secret", PASSWORD), "--zone", "Europe/Berlin")
    shown(rig, "mailbox", "list")


def sender_of(rig, person):
    """Whose mailbox this person is mailed from."""
    return rig.api("GET", f"/v1/explain/{person}")["campaigns"][0]["mailbox"]


def labelled(rig, address, side):
    found = rig.sandbox.ask(side + ".labels.dump", account=address)["labels"]
    return ", ".join(f"{one['name']}: {len(one['messages'])}" for one in found
                     if one["name"].startswith("Outreach/"))


def judged(rig, args, answering):
    """The faults of each side, and what it logged."""
    of = {person: sender_of(rig, person) for person in everyone(args.people)}
    cleo = TOGETHER[2][0]
    oracle = Oracle(rig.sandbox.about["receiver_log"], [p for p in of if of[p] != cleo], 3,
                    [address for address, _, _ in TOGETHER[:2]], poll_ms=6 * 3600_000, min_gap_ms=90_000)
    print("\nWhat the sandbox logged that plays Google and Microsoft:\n  ", end="")
    faults = list(oracle.judge())
    print(oracle.summary())
    for (address, _, _), side in zip(TOGETHER, ("google", "microsoft")):
        print(f"  labels of {address}: {labelled(rig, address, side)}")
    answering.plan = {person: deed for person, deed in answering.plan.items() if of[person] == cleo}
    judge = Judge(rig, answering, [cleo], 3)
    judge.once(), judge.nobody_missed(), judge.report(), judge.copies(), judge.answers(), judge.secrets()
    deeds = collections.Counter(what for what, _, _, _ in answering.deeds)
    print("What Postfix logged, and what lies in its mailbox:")
    print(f"  {sum(map(len, judge.by_person.values()))} mails taken for {len(judge.by_person)} people; "
          + ", ".join(f"{count} {what}" for what, count in sorted(deeds.items())))
    print(f"  keywords of {cleo}: "
          + ", ".join(f"{word}: {count}" for word, count in sorted(keywords(rig, [cleo]).items())))
    return faults + judge.faults, len(oracle.accepted) + sum(map(len, judge.by_person.values()))


def run_side_by_side(rig, args):
    rig.start()
    rig.sandbox.ask("google.people", seed=11, **BEHAVIOUR)
    print("postriderd is up, with its store, beside a sandbox that plays Google, Microsoft and people,\n"
          "and beside a Postfix and a Dovecot, where people answer by swaks.")
    connect_all(rig)
    plan = {person: ON_REAL_SERVERS.get(i % 15, ("nothing", 0))
            for i, person in enumerate(everyone(args.people))}
    answering = People(rig, plan)
    yaml, csv = campaign_files(rig, args.people, TOGETHER)
    name = "Backend engineers, Berlin"
    shown(rig, "campaign", "create", yaml, "--people", csv)
    shown(rig, "campaign", "start", name)
    campaign = next(c for c in rig.api("GET", "/v1/campaigns")["campaigns"])["id"]
    metrics = rig.play(campaign, answering, after=4 * 86400_000, before=Progress(rig, campaign))
    shown(rig, "campaign", "show", name)
    shown(rig, "reply", "list")
    faults, taken = judged(rig, args, answering)
    if taken != metrics["sent"]:
        faults.append(f"the daemon says {metrics['sent']} sent, the logs {taken}")
    adds_up(metrics)
    verdict(faults)


if __name__ == "__main__":
    main()
