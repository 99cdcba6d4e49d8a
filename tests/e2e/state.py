"""tests/e2e/state.py: what becomes of the ledger when the state under it is changed: copies, moves, deletions.

usage: state.py BUILD [WORD...]   (only the cases with one of these words in their name)
"""
import json
import os
import shutil
import sys
import time

import scenarios
from scenarios import HOUR, STEPS, World, check, holds, play_world, same

scenarios.name_of = lambda case: case.__name__[5:].replace("_", " ")

THREE = (STEPS[0], {"after": "2 hours", "text": "Once more."}, {"after": "2 hours", "text": "Last."})


def put_back(w, copy):
    shutil.rmtree(w.rig.data)
    shutil.copytree(copy, w.rig.data)


def stopped_copy(w, name="copy"):
    """Ends the daemon as a crash would, and copies what it left."""
    w.rig.kill()
    copy = os.path.join(w.rig.dir, name)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(w.rig.data, copy)
    return copy


def restored(w, people, senders, away=0):
    """A copy from after the first mail, put back after the second; everybody still gets three."""
    w.script(people[0], "reply", step=2, after=10 * 60_000)
    c = w.campaign(*people, steps=THREE, senders=senders)
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == len(people))
    copy = stopped_copy(w)
    w.rig.start()
    w.until(lambda: w.rig.metrics(c)["sent"] == 2 * len(people))
    w.answered(people[0])
    w.rig.kill()
    put_back(w, copy)
    if away:
        w.ask("clock.jump", by=away * 24 * HOUR)
    w.rig.start()
    metrics = w.end(c)
    same(metrics["sent"], 3 * len(people) - 1, f"{metrics}")
    for person in people:
        same(len(w.sent(person)), 2 if person == people[0] else 3, person)
        markers = [m["marker"] for m in w.sent(person)]
        same(len(set(markers)), len(markers), f"{person}: a step went twice")
    if not away:
        w.stopped(people[0], "answered", got=2)
    holds(w.rig.tail(4000), "did not know that they were sent")


class Full(World):
    boxes = ("ana@acme.example", "ben@acme.example")


class Headers(World):
    def mailbox(self, address, access="headers", **more):
        return super().mailbox(address, access, **more)


def case_an_older_copy_is_put_back(w):
    restored(w, [f"back{i}@one.example" for i in range(6)], list(w.boxes))


def case_an_older_copy_is_put_back_with_headers_access(w):
    restored(w, [f"head{i}@one.example" for i in range(6)], list(w.boxes))


def case_a_copy_of_weeks_ago_is_put_back(w):
    """Google no longer has the history since: the mailbox is listed anew, from before the copy."""
    restored(w, [f"weeks{i}@one.example" for i in range(6)], list(w.boxes), away=20)
    holds(w.rig.tail(4000), "no longer knows our cursor")


def case_a_copy_from_within_a_send_is_put_back(w):
    """Taken while one was in doubt; what became of it is asked, not guessed."""
    fault = w.ask("fault.add", match={"method": "POST", "path": "*/drafts/send"}, when="after",
                  apply="reset", times=1)["fault"]
    c = w.campaign("mid0@one.example", "mid1@one.example", steps=THREE)
    w.begin(c)
    w.until(lambda: w.sent("mid0@one.example"))
    copy = stopped_copy(w)
    w.ask("fault.clear", fault=fault)
    w.rig.start()
    w.until(lambda: w.rig.metrics(c)["sent"] >= 4)
    w.rig.kill()
    put_back(w, copy)
    w.rig.start()
    same(w.end(c)["sent"], 6)
    for person in ("mid0@one.example", "mid1@one.example"):
        same(len(w.sent(person)), 3, person)


def case_a_clone_with_the_same_key_is_refused(w):
    clone = os.path.join(w.rig.dir, "clone")
    shutil.rmtree(clone, ignore_errors=True)
    shutil.copytree(w.rig.data, clone)
    before = w.rig.config
    with open(before) as file:
        config = json.load(file)
    config.update(data=clone, socket=os.path.join(w.rig.dir, "clone.sock"),
                  listen="127.0.0.1:0")
    w.rig.config = before + ".clone"
    try:
        with open(w.rig.config, "w") as file:
            json.dump(config, file)
        done = w.daemon()
    finally:
        w.rig.config = before
    check(done.returncode == 2, f"a clone runs: {done.returncode} {done.stderr}")
    holds(done.stdout + done.stderr, "master.key", "another daemon")


def ran_meanwhile(w, people, away=0, between=0):
    """Where nobody can see the other (another host, a copied key) the next one learns what was sent.
    between: mails of others that come before anybody answers."""
    w.script(people[0], "reply", step=2, after=10 * 60_000)
    c = w.campaign(*people, steps=THREE)
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == len(people))
    copy = stopped_copy(w)
    w.rig.start()
    if between:
        w.until(lambda: w.rig.metrics(c)["sent"] == 2 * len(people))
        w.ask("google.fill", account="ana@acme.example", count=between)
    ended = w.end(c)
    same((ended["sent"], ended["stopped"]), (3 * len(people) - 1, 1))
    w.rig.kill()
    put_back(w, copy)
    if away:
        w.ask("clock.jump", by=away * 24 * HOUR)
    w.rig.start()
    w.until(lambda: w.rig.metrics(c) == ended, what=lambda: f"the counts: {w.rig.metrics(c)}, not {ended}")
    for person in people:
        same(len(w.sent(person)), 2 if person == people[0] else 3, person)
    w.stopped(people[0], "answered", got=2)
    same(w.story(people[1])["status"], "done")


def case_a_clone_that_ran_meanwhile(w):
    ran_meanwhile(w, [f"clone{i}@one.example" for i in range(4)])


def case_a_clone_that_ran_weeks_ago(w):
    """The mailbox is listed anew, the newest first: the last step is seen before the one before it."""
    ran_meanwhile(w, [f"old{i}@one.example" for i in range(4)], away=20)
    holds(w.rig.tail(4000), "no longer knows our cursor")


def case_a_clone_that_ran_weeks_ago_in_a_busy_mailbox(w):
    """An answer, and the last step, are seen pages before the step that was answered."""
    ran_meanwhile(w, [f"busy{i}@one.example" for i in range(4)], away=20, between=250)


def case_a_clone_that_ran_weeks_ago_and_the_owner_tidied_up(w):
    """Who got the last step got the one before it, though its copy in Sent is gone."""
    people = [f"tidy{i}@one.example" for i in range(2)]
    c = w.campaign(*people, steps=THREE)
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == len(people))
    copy = stopped_copy(w)
    w.rig.start()
    w.end(c)
    w.rig.kill()
    for person in people:
        w.ask("google.owner.trash", account="ana@acme.example", id=w.sent(person)[1]["id"], forever=True)
    put_back(w, copy)
    w.ask("clock.jump", by=20 * 24 * HOUR)
    w.rig.start()
    same(w.end(c)["sent"], 6)
    for person in people:
        same((len(w.sent(person)), w.story(person)["status"]), (3, "done"), person)


def case_a_campaign_moves_to_another_mailbox(w):
    """Before its first mail; after that it is refused, since answers come to the sender."""
    people = [f"move{i}@one.example" for i in range(4)]
    text = w.text(steps=THREE, senders=["ana@acme.example"])
    moved = text.replace("ana@acme", "ben@acme")
    c = w.rig.campaign(text, w.people(*people))
    w.api("PUT", f"/v1/campaigns/{c}?file=c.yaml", moved, kind="application/yaml")
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] >= 2)
    holds(w.refused("PUT", f"/v1/campaigns/{c}?file=c.yaml", text, kind="application/yaml"),
          "once mail went out")
    same(w.end(c)["sent"], 12)
    for person in people:
        mails = w.sent(person)
        same((len(mails), len({m["marker"] for m in mails})), (3, 3), person)
        same({m["account"] for m in mails}, {"ben@acme.example"}, "the sender")


def doubtful(w, person, when, **more):
    """A first mail whose answer was lost, before what became of it is asked."""
    fault = w.ask("fault.add", match={"method": "POST", "path": "*/drafts/send"}, when=when,
                  apply="reset", times=1)["fault"]
    text = w.text(steps=THREE, **more)
    c = w.rig.campaign(text, w.people(person))
    before = w.rig.tail(100000).count("in doubt")
    w.begin(c)
    w.until(lambda: w.rig.tail(100000).count("in doubt") > before
            and w.rig.metrics(c)["in_flight"] == 1, what="nothing is in doubt")
    w.ask("fault.clear", fault=fault)
    return c, text


def case_a_step_is_edited_while_in_doubt(w):
    c, text = doubtful(w, "edit@one.example", "after")
    w.api("PUT", f"/v1/campaigns/{c}?file=c.yaml", text.replace("Hello.", "Hello again!"),
          kind="application/yaml")
    metrics = w.end(c)
    same((metrics["sent"], metrics["uncertain"]), (3, 0))
    same(len(w.sent("edit@one.example")), 3)


def case_a_step_is_edited_while_it_waits_as_a_draft(w):
    """It was not sent: what goes is what it says now, once."""
    c, text = doubtful(w, "edit2@one.example", "before")
    w.api("PUT", f"/v1/campaigns/{c}?file=c.yaml",
          text.replace("A word, ", "Another word, "), kind="application/yaml")
    same(w.end(c)["sent"], 3)
    mails = w.sent("edit2@one.example")
    same(len(mails), 3)
    holds(mails[0]["subject"], "Another word")
    same(w.ask("google.drafts.count", account="ana@acme.example")["drafts"], 0, "drafts left")


def parked(w, c, person):
    w.until(lambda: w.rig.metrics(c)["uncertain"] == 1, what=lambda: f"{w.story(person)}")
    w.wait(hours=30)
    metrics = w.rig.metrics(c)
    same((metrics["uncertain"], metrics["in_flight"]), (1, 0), f"{metrics}")
    return w.api("GET", "/v1/messages?state=uncertain")["messages"][0]["message"]


def case_a_sent_copy_is_deleted_while_in_doubt(w):
    """Nothing can be proved any more: it is shown, and not sent again."""
    person = "gone@one.example"
    c, _ = doubtful(w, person, "after")
    w.ask("google.owner.trash", account="ana@acme.example", id=w.sent(person)[0]["id"], forever=True)
    message = parked(w, c, person)
    same(len(w.sent(person)), 1)
    w.api("POST", f"/v1/messages/{message}/settle", {"sent": True})
    same(w.end(c)["sent"], 3)
    same(len(w.sent(person)), 3)


def case_a_sent_copy_is_trashed_while_in_doubt(w):
    person = "trash@one.example"
    c, _ = doubtful(w, person, "after")
    w.ask("google.owner.trash", account="ana@acme.example", id=w.sent(person)[0]["id"])
    metrics = w.end(c)
    same((metrics["sent"], metrics["uncertain"]), (3, 0))
    same(len(w.sent(person)), 3)


def case_a_draft_is_deleted_while_in_doubt(w):
    person = "draft@one.example"
    c, _ = doubtful(w, person, "before")
    drafts = [m for m in w.ask("google.mailbox.dump", account="ana@acme.example")["messages"]
              if "DRAFT" in m["labelIds"]]
    same(len(drafts), 1, "drafts")
    w.ask("google.owner.trash", account="ana@acme.example", id=drafts[0]["id"], forever=True)
    message = parked(w, c, person)
    same(len(w.sent(person)), 0)
    w.api("POST", f"/v1/messages/{message}/settle", {"sent": False})
    same(w.end(c)["sent"], 3)
    same(len(w.sent(person)), 3)


def case_disconnected_and_connected_again_while_in_doubt(w):
    person, box = "again@one.example", "eva@acme.example"
    w.mailbox(box)
    c, _ = doubtful(w, person, "after", senders=[box])
    w.rig.cli("mailbox", "disconnect", box, "--yes")
    w.wait(hours=5)
    same(len(w.sent(person)), 1)
    w.mailbox(box)
    metrics = w.end(c)
    same((metrics["sent"], metrics["uncertain"]), (3, 0), f"{metrics}")
    same(len(w.sent(person)), 3)
    w.drop(box)


CASES = [v for k, v in list(globals().items()) if k.startswith("case_")]
WORLDS = ((Full, [c for c in CASES if "headers" not in c.__name__]),
          (Headers, [c for c in CASES if "headers" in c.__name__]))


def main():
    build, words = sys.argv[1], sys.argv[2:]
    began, failed, count = time.monotonic(), [], 0
    for make, cases in WORLDS:
        chosen = [c for c in cases
                  if not words or any(w in c.__name__.replace("_", " ") for w in words)]
        count += len(chosen)
        if chosen:
            failed += play_world(make, build, chosen)
    print(f"{count} cases, {len(failed)} failed, {time.monotonic() - began:.1f} s")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
