"""tools/quickstart.py: the campaign that tools/quickstart shows: 30 people, two mailboxes, three steps."""
import argparse
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "e2e"))
from oracle import Oracle  # noqa: E402
from rig import Rig  # noqa: E402

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
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    began = time.monotonic()
    with Rig(build, ("--seed", "11", "--start", "2027-01-04T08:00:00Z", "--pace", str(args.pace)),
             poll="1 hour", config={"public_url": "https://outreach.example.com"}) as rig:
        run(rig, args)
        print(f"\nThat took {time.monotonic() - began:.0f} s; the mails are of January 2027, "
              f"by the sandbox's clock.")


def run(rig, args):
    for address, name in SENDERS:
        rig.account(address, name=name)
    rig.sandbox.ask("google.people", seed=11, reply=0.25, other_address=0.03, auto_reply=0.05,
                    out_of_office=0.05, bounce_hard=0.04, bounce_soft=0.02, unsubscribe=0.05,
                    unrelated=0.3, delay_min_ms=600_000, delay_max_ms=60 * 3600_000)
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
    yaml, csv = os.path.join(rig.dir, "berlin.yaml"), os.path.join(rig.dir, "people.csv")
    with open(yaml, "w") as file:
        file.write(YAML)
    with open(csv, "w", encoding="utf-8") as file:
        file.write(people(args.people))
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
    everyone = [row.split(";")[0] for row in people(args.people).split("\r\n")[1:] if row]
    oracle = Oracle(rig.sandbox.about["receiver_log"], everyone, 3, [a for a, _ in SENDERS],
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
    total = sum(metrics[k] for k in ("planned", "in_flight", "sent", "stopped", "failed",
                                     "uncertain"))
    print(f"  {metrics['people']} people x 3 steps = {metrics['messages']} messages = "
          f"{metrics['sent']} sent + {metrics['stopped']} stopped + {metrics['failed']} failed + "
          f"{metrics['uncertain']} uncertain + {metrics['planned'] + metrics['in_flight']} planned"
          f": {'adds up' if total == metrics['messages'] else 'DOES NOT ADD UP'}")
    for fault in oracle.faults:
        print("  FAULT", fault)
    if oracle.faults:
        raise SystemExit(1)
    print("  nobody twice, nobody missed, nobody mailed after answering.")
    if args.keep:
        os.environ["RIDER_KEEP"] = "1"


if __name__ == "__main__":
    main()
