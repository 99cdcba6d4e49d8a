"""tests/e2e/oracle.py: judges a run by the receiver's log and the campaign's input, nothing else.

Each rule is checked on its own and says what broke it. `Input` is what the author wrote: people, steps,
senders. The daemon's own report is only compared with the log at the end.
"""
import json
from collections import Counter, defaultdict

STOPS = {"reply", "unsubscribe", "bounce_hard", "complaint"}


class Oracle:
    def __init__(self, log_path, people, steps, senders, t_sync_ms=5000, poll_ms=0,
                 min_gap_ms=0, delays_ms=(), access="full"):
        with open(log_path) as file:
            entries = [json.loads(line) for line in file]
        self.people = {p.lower() for p in people}
        self.steps, self.senders = steps, {s.lower() for s in senders}
        self.t_sync, self.poll, self.min_gap = t_sync_ms, poll_ms, min_gap_ms
        self.delays = delays_ms
        # Without full access nobody can say how hard a bounce is, and such a one stops the series.
        self.hardness = access == "full"
        self.stops = STOPS if self.hardness else STOPS | {"bounce_soft"}
        self.accepted = [e for e in entries if e["kind"] == "accepted"]
        self.deeds = [e for e in entries if e["kind"] != "accepted"]
        self.by_marker = defaultdict(list)
        self.by_person = defaultdict(list)
        self.faults = []
        self.inside_bound = 0
        for entry in self.accepted:
            self.by_marker[entry["marker"]].append(entry)
            self.by_person[entry["to"].lower()].append(entry)

    def fault(self, rule, text):
        self.faults.append(f"({rule}) {text}")

    def check_once(self):
        """(a) nobody gets a step twice, and nothing is sent that is not ours to send."""
        for marker, entries in self.by_marker.items():
            if not marker:
                self.fault("a", f"a mail without a marker went to {entries[0]['to']}")
            elif len(entries) > 1:
                self.fault("a", f"{entries[0]['to']} got {marker} {len(entries)} times: "
                                f"{[(e['at'], e['via']) for e in entries]}")
        for person, entries in self.by_person.items():
            if person not in self.people:
                self.fault("a", f"{person} is nobody of this campaign")
            if len(entries) > self.steps:
                self.fault("a", f"{person} got {len(entries)} mails, the series has {self.steps}")
            if len({e["account"] for e in entries}) > 1:
                self.fault("a", f"{person} got mail from {sorted({e['account'] for e in entries})}")
        for entry in self.accepted:
            if entry["account"].lower() not in self.senders:
                self.fault("a", f"{entry['account']} is no sender of this campaign")

    def stop_of(self, person):
        """The first deed that ends this person's series, or None."""
        deeds = [d for d in self.deeds if (d.get("person") or "").lower() == person
                 and d["kind"] in self.stops]
        return min(deeds, key=lambda d: d["real"]) if deeds else None

    def check_missed(self, parked=0):
        """(b) everybody got every step, but for who was stopped."""
        missed = 0
        for person in self.people:
            got = len(self.by_person[person])
            if got < self.steps and not self.stop_of(person):
                missed += self.steps - got
                if missed > parked:
                    self.fault("b", f"{person} got {got} of {self.steps} and was not stopped")

    def check_order(self):
        """(c) the steps come in order, with their delays, and senders keep their gap."""
        for person, entries in self.by_person.items():
            times = [e["at"] for e in entries]
            if times != sorted(times):
                self.fault("c", f"{person}: out of order")
            for nth in range(1, len(entries)):
                wanted = self.delays[nth] if nth < len(self.delays) else 0
                if times[nth] - times[nth - 1] < wanted - 2000:
                    self.fault("c", f"{person}: step {nth + 1} came {times[nth] - times[nth - 1]} ms"
                                    f" after the one before, not {wanted}")
        if self.min_gap:
            by_sender = defaultdict(list)
            for entry in self.accepted:
                by_sender[entry["account"]].append(entry["at"])
            for sender, times in by_sender.items():
                times.sort()
                for a, b in zip(times, times[1:]):
                    if b - a < self.min_gap - 1000:
                        self.fault("c", f"{sender}: {b - a} ms between two mails")

    def check_stopped(self):
        """(d) nothing after an accepted answer, opt-out or hard bounce, but inside the bound."""
        for person, entries in self.by_person.items():
            deed = self.stop_of(person)
            if not deed:
                continue
            late = [e for e in entries if e["real"] > deed["real"]]
            for entry in late:
                real, virtual = entry["real"] - deed["real"], entry["at"] - deed["at"]
                if real <= self.t_sync and virtual <= self.t_sync + self.poll:
                    self.inside_bound += 1
                else:
                    self.fault("d", f"{person}: mail {real} ms ({virtual} virtual) after their "
                                    f"{deed['kind']}")

    def check_report(self, metrics):
        """(f) the daemon's own report equals the log."""
        people = defaultdict(set)
        for deed in self.deeds:
            if (deed.get("person") or "").lower() in self.people:
                people[deed["kind"]].add(deed["person"].lower())
        expected = {"sent": len(self.accepted), "people": len(self.people),
                    "answered": len(people["reply"]),
                    "auto_replied": len(people["auto_reply"] | people["out_of_office"]),
                    "bounced": len(people["bounce_hard"] | people["bounce_soft"]),
                    "bounced_hard": len(people["bounce_hard"]) if self.hardness else 0,
                    "unsubscribed": len(people["unsubscribe"])}
        for key, value in expected.items():
            if metrics[key] != value:
                self.fault("f", f"the daemon says {key} = {metrics[key]}, the log {value}")
        total = sum(metrics[k] for k in ("planned", "in_flight", "sent", "stopped", "failed",
                                         "uncertain"))
        if total != metrics["messages"]:
            self.fault("f", f"the table does not add up: {total} of {metrics['messages']}")

    def check_messages(self, explained):
        """(f) message by message: what the daemon explains of a person equals the log."""
        for person, answer in explained.items():
            ours = {m["provider_id"] for c in answer["campaigns"] for m in c["messages"]
                    if m["state"] == "sent"}
            theirs = {e["id"] for e in self.by_person[person]}
            if ours != theirs:
                self.fault("f", f"{person}: the daemon knows {sorted(ours, key=str)}, "
                                f"the log {sorted(theirs)}")

    def judge(self, metrics=None, parked=0):
        self.check_once()
        self.check_missed(parked)
        self.check_order()
        self.check_stopped()
        if metrics:
            self.check_report(metrics)
        return self.faults

    def summary(self):
        kinds = Counter(d["kind"] for d in self.deeds)
        twice = sum(1 for e in self.by_marker.values() if len(e) > 1)
        return (f"{len(self.accepted)} accepted to {len(self.by_person)} people, {twice} twice, "
                f"{self.inside_bound} inside the bound; "
                + ", ".join(f"{kinds[k]} {k}" for k in sorted(kinds)))
