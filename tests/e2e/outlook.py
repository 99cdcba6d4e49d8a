"""tests/e2e/outlook.py: the cases of scenarios.py and state.py with Outlook mailboxes, and Outlook's own.

usage: outlook.py BUILD [WORD...]   (only the cases with one of these words in their name)
"""
import sys
import time

import scenarios
from rig import Browser
from scenarios import HOUR, World, check, holds, play_world, same


NAMES = {v: k[5:].replace("_", " ") for k, v in vars(scenarios).items() if k.startswith("case_")}


class Outlook(World):
    provider = "graph"
    settings = {"send_as": "team@acme.example=jobs@acme.example, team@acme.example=boss@acme.example"}


class Kept(Outlook):
    """Where Exchange keeps the Message-ID that MIME brought, as it is known to (facts 4.3)."""
    boxes = ("ana@acme.example",)

    def open(self):
        self.ask("microsoft.manners", keep_message_id=True)
        super().open()


class Throttled(Outlook):
    boxes = ("ana@acme.example",)


# -- Outlook's own ----------------------------------------------------------------------------------
def status(w, address):
    return w.api("GET", f"/v1/mailboxes/{address}")


def case_as_another_address(w):
    """The rights to send as others are Exchange's, and named by `send_as`; as JSON, since MIME's From
    is not heeded, and still with its marker, its opt-out and its thread."""
    w.rig.account("team@acme.example", "graph", name="Team", send_as=["jobs@acme.example"])
    w.rig.connect("team@acme.example", "full", "graph")
    w.script("as@one.example", "reply", step=2)
    c = w.campaign("as@one.example", senders=["team@acme.example"],
                   **{"as": {"address": "jobs@acme.example", "name": "Jobs"}})
    w.play(c)
    first, second = w.sent("as@one.example")
    for mail in (first, second):
        holds(mail["from"], "jobs@acme.example")
        check(mail["marker"], "no marker")
    same(second["in_reply_to"], first["message_id"], "In-Reply-To")
    w.answered("as@one.example")


def case_as_an_address_that_is_denied(w):
    """ErrorSendAsDenied: nothing goes out, nobody is given up, and it is said what to do."""
    c = w.campaign("denied@one.example", senders=["team@acme.example"],
                   **{"as": {"address": "boss@acme.example"}})
    w.begin(c)
    w.wait(hours=2)
    same(len(w.sent("denied@one.example")), 0)
    story = w.story("denied@one.example")
    same(story["status"], "active", f"{story}")
    w.until(lambda: "Send As" in str(w.story("denied@one.example")))
    w.api("POST", f"/v1/campaigns/{c}/pause")
    w.drop("team@acme.example")


def case_waiting_for_the_admin(w):
    """A tenant that wants its administrator to consent: status, link, and it goes on by itself."""
    w.ask("microsoft.tenant", domain="corp.example", admin_consent=True)
    w.rig.account("cat@corp.example", "graph", name="Cat")
    browser = Browser(w.rig)
    link = w.rig.link("cat@corp.example", "full", "graph")
    page = w.rig.consent(link, browser)[1]
    waiting = status(w, "cat@corp.example")
    same(waiting["status"], "waiting for your admin", page)
    check(waiting["admin_link"], "no link for the administrator")
    holds(w.rig.cli("mailbox", "show", "cat@corp.example").stdout, "waiting for your admin",
          waiting["admin_link"])
    where = browser.go(waiting["admin_link"])[2]
    code, page = browser.go(where)[:2]
    same(code, 200, page)
    if status(w, "cat@corp.example")["status"] != "active":  # the owner had not signed in yet
        w.rig.consent(link, browser)
    w.until(lambda: status(w, "cat@corp.example")["status"] == "active",
            what=lambda: f"{status(w, 'cat@corp.example')}")
    same(w.play(w.campaign("adm@one.example", senders=["cat@corp.example"]))["sent"], 2)


def case_a_claims_challenge(w):
    """A policy asks again amid a campaign: it waits, and goes on."""
    c = w.campaign("claim@one.example")
    w.begin(c)
    w.until(lambda: w.sent("claim@one.example"))
    w.ask("microsoft.claims", account="ana@acme.example")
    same(w.end(c)["sent"], 2)


def case_somebody_must_be_seen_again(w):
    """interaction_required: the owner signs in again, and it goes on."""
    w.mailbox("mfa@acme.example")
    c = w.campaign("seen@one.example", senders=["mfa@acme.example"])
    w.begin(c)
    w.until(lambda: w.sent("seen@one.example"))
    w.ask("microsoft.demand", account="mfa@acme.example", what="mfa")
    w.ask("microsoft.token.expire", account="mfa@acme.example")
    w.until(lambda: status(w, "mfa@acme.example")["status"] == "reconnect needed")
    holds(status(w, "mfa@acme.example")["why"], "owner again")
    link = w.api("POST", "/v1/mailboxes/mfa@acme.example/invite")["link"]
    same(w.rig.consent(link)[0], 200, "consent")
    same(w.end(c)["sent"], 2)


def case_the_old_refresh_token_stays_good(w):
    """Each refresh brings a new one; a crash between the two costs nothing."""
    w.mailbox("twice@acme.example")
    c = w.campaign("rot@one.example", senders=["twice@acme.example"])
    w.begin(c)
    w.until(lambda: w.sent("rot@one.example"))
    for _ in range(3):
        w.ask("microsoft.token.expire", account="twice@acme.example")
        w.wait(minutes=11)
    w.rig.kill()
    w.rig.start()
    same(w.end(c)["sent"], 2)


def case_categories_beside_others(w):
    """Ours are made with a colour and put on; what the owner put on stays."""
    w.script("cat0@one.example", "reply")
    c = w.campaign("cat0@one.example", label="Outreach/Spring")
    w.begin(c)
    reply = w.answered("cat0@one.example")[0]
    check(reply, "no reply")
    mine = w.sent("cat0@one.example")[0]
    w.ask("microsoft.owner.label", account="ana@acme.example", id=mine["id"], label="Theirs")
    w.until(lambda: any(label["name"] == "Outreach/Spring/Replied"
                        for label in w.ask("google.labels.dump", account="ana@acme.example")["labels"]))
    w.end(c)
    made = {label["name"]: label["color"]
            for label in w.ask("google.labels.dump", account="ana@acme.example")["labels"]}
    same(made.get("Outreach/Spring"), "preset7", f"{made}")
    w.wait(minutes=5)
    box = {m["id"]: m for m in w.ask("google.mailbox.dump", account="ana@acme.example")["messages"]}
    labels = str(box[mine["id"]])
    holds(labels, "Outreach/Spring", "Theirs")


def case_a_delta_that_is_lost(w):
    """At the start and amid pages, in each of its forms: the answer is found all the same."""
    for nth, how in enumerate(("gone", "location", "resync", "bad_request")):
        person = f"delta{nth}@one.example"
        w.script(person, "reply")
        c = w.campaign(person)
        w.begin(c)
        w.until(lambda: w.sent(person))
        w.ask("microsoft.fill", account="ana@acme.example", count=60)
        w.ask("microsoft.delta.expire", how=how, **({"next": 2} if nth % 2 else {}))
        w.end(c)
        w.stopped(person, "answered", got=1)


def case_traps_of_a_delta(w):
    w.ask("microsoft.delta.traps", empty_pages=True, duplicates=True, replays=True)
    w.script("trap@one.example", "reply")
    w.play(w.campaign("trap@one.example"))
    w.stopped("trap@one.example", "answered", got=1)
    w.ask("microsoft.delta.traps", empty_pages=False, duplicates=False, replays=False)


def case_one_in_eleven_is_throttled(w):
    """429s, inside batches too: each is obeyed, and all goes out once."""
    w.ask("microsoft.throttle", every=11, retry_after=20)
    people = [f"slow{i}@one.example" for i in range(8)]
    w.script(people[0], "reply")
    metrics = w.play(w.campaign(*people), 60)
    same(metrics["sent"], 15, f"{metrics}")
    w.ask("microsoft.throttle", every=0)


def case_a_draft_that_stays_a_draft_for_a_while(w):
    """After its 202 it is a draft still, then nowhere: it is not sent again."""
    w.ask("microsoft.index", sent_ms=120_000, shown="draft")
    people = [f"late{i}@one.example" for i in range(4)]
    c = w.campaign(*people)
    w.begin(c)
    w.until(lambda: w.sent(people[0]))
    w.rig.kill()
    w.rig.start()
    same(w.end(c)["sent"], 8)
    for person in people:
        same(len({m["marker"] for m in w.sent(person)}), len(w.sent(person)), person)
    w.wait(minutes=5)
    w.ask("microsoft.index", sent_ms=1500, shown="both")
    same(w.ask("google.drafts.count", account="ana@acme.example")["drafts"], 0, "drafts left")


def case_an_older_copy_is_put_back(w):
    import state  # which has names of its own for cases

    state.restored(w, [f"back{i}@one.example" for i in range(4)], list(w.boxes))


def case_a_clone_that_ran_weeks_ago(w):
    """By its delta token, or anew; either way the whole series is seen at once."""
    import state

    state.ran_meanwhile(w, [f"old{i}@one.example" for i in range(4)], away=40)


# The common cases in which Outlook's ways differ most from Gmail's; the rest is the core's.
COMMON = ("nobody answers", "company stops", "person stops everywhere", "reply", "reply from another address",
          "reply without references", "reply with changed subject", "reply filed as spam",
          "auto reply goes on unless asked", "soft bounce goes on",
          "hard bounce suppresses", "opt out by mail", "interested by the owners label",
          "unrelated mail leaves nothing", "two answers count once", "addresses of the world",
          "revoked grant", "an access token runs out early", "reconnected with less access",
          "answer while the daemon was down", "disconnected mailbox")
OWN = [v for k, v in list(globals().items()) if k.startswith("case_")]
NAMES.update({v: k[5:].replace("_", " ") for k, v in list(globals().items()) if k.startswith("case_")})
KEPT = [case_an_older_copy_is_put_back, case_a_clone_that_ran_weeks_ago]
WORLDS = (
    (Outlook, [c for c in scenarios.WORLDS[0][1] if NAMES.get(c) in COMMON] + [
        c for c in OWN if c not in KEPT]),
    (Kept, KEPT),
)


def main():
    build, words = sys.argv[1], sys.argv[2:]
    began, failed, count = time.monotonic(), [], 0
    scenarios.name_of = NAMES.get
    for make, cases in WORLDS:
        chosen = [c for c in cases if not words or any(w in NAMES[c] for w in words)]
        count += len(chosen)
        if chosen:
            failed += play_world(make, build, chosen)
    print(f"{count} cases, {len(failed)} failed, {time.monotonic() - began:.1f} s")
    for name in failed:
        print(f"  failed: {name}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
