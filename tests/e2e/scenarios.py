"""tests/e2e/scenarios.py: one small case each for what happens to campaigns, people and mailboxes.

usage: scenarios.py BUILD [WORD...]   (only the cases with one of these words in their name)

Each world is a sandbox and a daemon; its cases run one after the other on its clock. A case may leave
mailboxes and campaigns behind, but nothing that hinders the next one.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from rig import PUBLIC, Browser, Refused, Rig

MINUTE, HOUR, DAY = 60_000, 3600_000, 86400_000
ALWAYS = {"days": "mon-sun", "from": "00:00", "to": "24:00", "zone": "mailbox"}
STEPS = ({"subject": "A word, {{first_name | default: there}}", "text": "Hello."},
         {"after": "2 hours", "text": "Once more."})
TOTAL = ("planned", "in_flight", "sent", "stopped", "failed", "uncertain")


def check(truth, what):
    if not truth:
        raise AssertionError(what() if callable(what) else what)


def same(got, wanted, what=""):
    check(got == wanted, f"{what}: {got!r}, not {wanted!r}")


def holds(text, *parts):
    for part in parts:
        check(part in text, f"{part!r} is not in: {text}")


def moment(text):
    """RFC 3339 as Unix ms; None for none."""
    return text and int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def at(ms, zone="UTC"):
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))


class World:
    """A rig and what its cases need of it."""
    options, config, boxes = (), {}, ("ana@acme.example", "ben@acme.example")
    poll, provider, settings = "10 minutes", "gmail", {}

    def __init__(self, build):
        others = {"gmail": False, "providers": lambda rig: {"graph": rig.graph(more=self.settings)}}
        self.rig = Rig(build, self.options, poll=self.poll, config={"public_url": PUBLIC, **self.config},
                       **(others if self.provider == "graph" else {}))
        self.build, self.names = build, 0

    def open(self):
        self.rig.start()
        for box in self.boxes:
            self.mailbox(box)

    def close(self):
        """The last checks: every campaign adds up, the daemon ends well, its store is sound."""
        for campaign in self.api("GET", "/v1/campaigns")["campaigns"]:
            self.adds_up(campaign["metrics"], campaign["name"])
        same(self.rig.stop(), 0, "the daemon's exit status")
        done = self.daemon("--check")
        same(done.returncode, 0, f"--check: {done.stdout}{done.stderr}")

    def daemon(self, *words):
        return subprocess.run([os.path.join(self.build, "bin", "postriderd"), "--config",
                               self.rig.config, *words], capture_output=True, text=True, timeout=60)

    def api(self, *words, **more):
        return self.rig.api(*words, **more)

    def ask(self, what, /, **more):
        if self.provider == "graph" and what.startswith("google."):
            what = "microsoft." + what[len("google."):]  # it does the same there
        return self.rig.sandbox.ask(what, **more)

    def refused(self, method, path, body=None, **more):
        """Why, and what to do next."""
        try:
            self.api(method, path, body, **more)
        except Refused as refused:
            error = json.loads(refused.body)["error"]
            check(all(error[k] for k in ("what", "why", "next")), f"{error}")
            return f"{error['what']}: {error['why']}; {error['next']}"
        raise AssertionError(f"{method} {path} was not refused")

    def now(self):
        return int(self.ask("clock.now")["now"])

    # -- mailboxes ---------------------------------------------------------------------------
    def mailbox(self, address, access="full", aliases=(), zone=None, **more):
        self.rig.account(address, self.provider, name=address.split("@")[0].title(),
                         aliases=list(aliases), **more)
        self.rig.connect(address, access, self.provider, **({"zone": zone} if zone else {}))
        return address

    def drop(self, address):
        self.api("DELETE", f"/v1/mailboxes/{address}")

    # -- campaigns ---------------------------------------------------------------------------
    def text(self, steps=STEPS, senders=None, **more):
        self.names += 1
        whole = {"name": f"c{self.names}", "from": senders or [self.boxes[0]], "window": ALWAYS,
                 "steps": list(steps), **more}
        return json.dumps(whole, indent=1)

    def people(self, *people, **columns):
        """CSV of addresses."""
        head = ["email", *columns]
        return "\n".join([",".join(head)] + [",".join([p, *columns.values()]) for p in people]) + "\n"

    def campaign(self, *people, **more):
        return self.rig.campaign(self.text(**more), self.people(*people))

    def begin(self, campaign):
        self.api("POST", f"/v1/campaigns/{campaign}/start")

    def until(self, truth, seconds=30, what="what was waited for did not come"):
        """Time goes on until it is true; what it gave. It is asked for before each jump of the clock, when
        nobody has anything to do: nothing of later has happened yet, however slow we are."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                now = self.ask("clock.now")
                found = truth()
                if found:
                    return found
                if now["idle"] and now["mode"] == "hold":
                    self.ask("clock.mode", mode="fast", jumps=1)
                else:
                    time.sleep(0.001)
        finally:
            self.rig.hold()
        raise AssertionError(what() if callable(what) else what)

    def play(self, campaign, seconds=30):
        """From the start to the end; the metrics."""
        self.begin(campaign)
        return self.end(campaign, seconds)

    def end(self, campaign, seconds=30):
        self.until(lambda: self.rig.finished(campaign), seconds,
                   lambda: f"the campaign did not end: {self.rig.metrics(campaign)}")
        metrics = self.rig.metrics(campaign)
        self.adds_up(metrics, campaign)
        return metrics

    def adds_up(self, metrics, what):
        same(sum(metrics[k] for k in TOTAL), metrics["messages"], f"the table of {what}: {metrics}")

    def wait(self, **ms):
        """Time flies for so long."""
        end = self.now() + int(timedelta(**ms).total_seconds() * 1000)
        self.until(lambda: self.now() >= end)

    # -- what happened -----------------------------------------------------------------------
    def script(self, person, act, step=1, after=10 * MINUTE):
        self.ask("google.script", person=person, act=act, on_step=step, after_ms=after)

    def sent(self, person):
        return [e for e in self.rig.sandbox.log("receiver")
                if e["kind"] == "accepted" and e["to"].lower() == person]

    def story(self, person, nth=0):
        """What explain says of the person's nth campaign."""
        return self.api("GET", f"/v1/explain/{person}")["campaigns"][nth]

    def answered(self, person, nth=0):
        return self.until(lambda: self.story(person, nth)["replies"],
                          what=lambda: f"no answer of {person}: {self.story(person, nth)}")

    def stopped(self, person, rule, nth=0, got=None):
        story = self.story(person, nth)
        same((story["status"], story["rule"]), ("stopped", rule), person)
        check(story["why"], f"{person}: no why")
        if got is not None:
            same(len(self.sent(person)), got, f"mails to {person}")
        return story


# -- answers ----------------------------------------------------------------------------------------
def case_nobody_answers(w):
    c = w.campaign("quiet@one.example")
    metrics = w.play(c)
    same((metrics["sent"], metrics["stopped"]), (2, 0))
    story = w.story("quiet@one.example")
    same((story["status"], story["rule"], story["next"]), ("done", "finished", None))
    first, second = w.sent("quiet@one.example")
    same(second["thread_id"], first["thread_id"], "the thread")
    same(second["in_reply_to"], first["message_id"], "In-Reply-To")
    check(second["at"] - first["at"] >= 2 * HOUR, "the delay")


def case_company_stops(w):
    w.script("eva@corp.example", "reply")
    c = w.campaign("eva@corp.example", "max@mail.corp.example", "zoe@other.example",
                   stop={"on": ["reply", "bounce", "unsubscribe"], "company": True})
    metrics = w.play(c)
    w.stopped("eva@corp.example", "answered", got=1)
    w.stopped("max@mail.corp.example", "company", got=1)
    same(len(w.sent("zoe@other.example")), 2)
    same((metrics["sent"], metrics["stopped"], metrics["answered"]), (4, 2, 1))


def case_public_mail_domain_is_no_company(w):
    w.script("ada@gmail.com", "reply")
    c = w.campaign("ada@gmail.com", "bob@gmail.com", stop={"on": ["reply", "unsubscribe"], "company": True})
    w.play(c)
    same((len(w.sent("ada@gmail.com")), len(w.sent("bob@gmail.com"))), (1, 2))


def case_person_stops_everywhere(w):
    w.script("both@one.example", "reply")
    a = w.campaign("both@one.example", senders=["ana@acme.example"])
    b = w.campaign("both@one.example", senders=["ben@acme.example"],
                   steps=({**STEPS[0], "subject": "Another"}, {"after": "5 hours", "text": "More."}))
    w.begin(b)
    w.until(lambda: w.sent("both@one.example"))
    w.play(a)
    w.end(b)
    same(w.stopped("both@one.example", "answered", 0)["campaign"], w.api("GET", f"/v1/campaigns/{a}")["name"])
    w.stopped("both@one.example", "answered", 1)
    # the answer to whichever came first stops both: of four mails two went out at most
    check(len(w.sent("both@one.example")) <= 2, "mailed after the answer")
    holds(json.dumps(w.story("both@one.example", 1)), "answered")


def case_each_campaign_has_its_own_rule(w):
    """An answer to a campaign that goes on stops the one that does not."""
    w.script("news@one.example", "reply")
    news = w.campaign("news@one.example", stop={"on": ["unsubscribe"]})
    w.begin(news)
    w.answered("news@one.example")
    other = w.campaign("news@one.example")
    metrics = w.play(other)
    same((metrics["sent"], metrics["stopped"]), (0, 2))
    w.stopped("news@one.example", "answered", 1)
    same(w.end(news)["sent"], 2)


def answer_case(act, *evidence, other=False):
    def case(w):
        person = f"{act.replace('_', '-')}@one.example"
        w.script(person, act)
        metrics = w.play(w.campaign(person))
        story = w.stopped(person, "answered", got=1)
        reply = story["replies"][0]
        same((reply["kind"], reply["other_address"]), ("reply", other))
        kinds = [e["kind"] for e in reply["evidence"]]
        check(set(evidence) & set(kinds), f"evidence: {kinds}")
        same((metrics["answered"], metrics["sent"], metrics["stopped"]), (1, 1, 1))
    return case


case_reply = answer_case("reply", "message-id")
case_reply_from_another_address = answer_case("reply_other_address", "message-id", other=True)
case_reply_without_references = answer_case("reply_without_references", "sender-and-subject")
case_reply_with_changed_subject = answer_case("reply_changed_subject", "message-id")
case_reply_filed_as_spam = answer_case("reply_filed_as_spam", "message-id")


def case_out_of_office_holds_the_next_step(w):
    c = w.campaign("away@one.example")
    w.begin(c)
    first = w.until(lambda: w.sent("away@one.example"))[0]
    back = at(w.now()) + timedelta(days=2)
    w.ask("google.deliver", account="ana@acme.example", **{"from": "Away <away@one.example>"},
          subject=f"Out of office until {back:%-d %B %Y}: Re: A word, there", thread=first["thread_id"],
          headers={"In-Reply-To": first["message_id"], "References": first["message_id"],
                   "Auto-Submitted": "auto-replied"})
    reply = w.answered("away@one.example")[0]
    same(reply["kind"], "out-of-office")
    returns = moment(reply["returns_at"])
    check(returns and at(returns).date() in (back.date(), back.date() + timedelta(days=1)), str(reply))
    w.wait(hours=4)  # past the delay
    held = w.story("away@one.example")["next"]
    same(held["rule"], "away")
    check(abs(moment(held["not_before"]) - returns) < DAY, f"{held}")
    metrics = w.end(c)
    check(w.sent("away@one.example")[1]["at"] >= returns, "it was sent before they were back")
    same((metrics["sent"], metrics["auto_replied"], metrics["answered"]), (2, 1, 0))


def case_auto_reply_goes_on_unless_asked(w):
    for person in ("desk@one.example", "desk@two.example"):
        w.script(person, "auto_reply")
    w.play(w.campaign("desk@one.example"))
    same(len(w.sent("desk@one.example")), 2)
    w.play(w.campaign("desk@two.example", stop={"on": ["reply", "unsubscribe", "auto_reply"]}))
    w.stopped("desk@two.example", "auto_replied", got=1)


def case_soft_bounce_goes_on(w):
    w.script("full@one.example", "bounce_soft")
    metrics = w.play(w.campaign("full@one.example"))
    same((metrics["sent"], metrics["bounced"], metrics["bounced_soft"]), (2, 1, 1))
    same(w.api("GET", "/v1/people/full@one.example")["suppressed"], False)


def case_hard_bounce_suppresses(w):
    w.script("gone@one.example", "bounce_hard")
    metrics = w.play(w.campaign("gone@one.example"))
    w.stopped("gone@one.example", "bounced", got=1)
    same((metrics["bounced_hard"], metrics["stopped"]), (1, 1))
    same(w.api("GET", "/v1/people/gone@one.example")["suppressed"], True)
    again = w.campaign("gone@one.example")
    same(w.rig.metrics(again)["stopped"], 2, "a bounced address imported again")


def opted_out(w, person, metrics):
    w.stopped(person, "unsubscribed", got=1)
    same((metrics["unsubscribed"], metrics["answered"], metrics["stopped"]), (1, 0, 1))
    same(w.api("GET", f"/v1/people/{person}")["suppressed"], True)


def case_opt_out_by_one_click(w):
    w.script("click@one.example", "unsubscribe")
    c = w.campaign("click@one.example")
    opted_out(w, "click@one.example", w.play(c))


def case_opt_out_by_mail(w):
    c = w.campaign("write@one.example")
    w.begin(c)
    first = w.until(lambda: w.sent("write@one.example"))[0]
    box = w.ask("google.mailbox.dump", account="ana@acme.example")["messages"]
    headers = {n.lower(): v for m in box if m["id"] == first["id"] for n, v in m["headers"]}
    holds(headers["list-unsubscribe"], "mailto:ana@acme.example?subject=")
    subject = headers["list-unsubscribe"].split("?subject=")[1].split(">")[0]
    w.ask("google.deliver", account="ana@acme.example", **{"from": "write@one.example"},
          subject=subject, text="")
    w.answered("write@one.example")
    opted_out(w, "write@one.example", w.end(c))


def link_of(w, entry):
    box = w.ask("google.mailbox.dump", account=entry["account"])["messages"]
    headers = {n.lower(): v for m in box if m["id"] == entry["id"] for n, v in m["headers"]}
    return re.search(r"<(https://[^>]+)>", headers["list-unsubscribe"]).group(1)


def case_opt_out_by_the_pages_button(w):
    c = w.campaign("page@one.example")
    w.begin(c)
    browser = Browser(w.rig)
    link = link_of(w, w.until(lambda: w.sent("page@one.example"))[0])
    status, page0, _ = browser.go(link)
    same(status, 200)
    holds(page0, "<form", "post")
    check(w.story("page@one.example")["status"] == "active", "GET changed something")
    status, page, _ = browser.go(link[:-4] + "AAAA", {"List-Unsubscribe": "One-Click"})
    same(status, 404, "a forged link")
    check(w.story("page@one.example")["status"] == "active", "a forged link changed something")
    fields = dict(re.findall(r'<(?:input|button)[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page0))
    status, page, _ = browser.go(link, fields)
    same(status, 200, f"the button {fields}: {page}")
    opted_out(w, "page@one.example", w.end(c))
    same(browser.go(link, {"List-Unsubscribe": "One-Click"})[0], 200, "once more")
    same(w.rig.metrics(c)["unsubscribed"], 1)


def case_complaint(w):
    w.script("angry@one.example", "complaint")
    metrics = w.play(w.campaign("angry@one.example"))
    w.stopped("angry@one.example", "complained", got=1)
    same((metrics["complained"], metrics["answered"]), (1, 0))
    same(w.api("GET", "/v1/people/angry@one.example")["suppressed"], True)


def case_interested_by_hand(w):
    w.script("keen@one.example", "reply")
    c = w.campaign("keen@one.example")
    w.play(c)
    reply = w.story("keen@one.example")["replies"][0]["id"]
    w.rig.cli("reply", "mark", str(reply))
    same(w.rig.metrics(c)["interested"], 1)
    w.rig.cli("reply", "mark", str(reply), "interested")
    same(w.rig.metrics(c)["interested"], 1, "marked twice")
    w.rig.cli("reply", "mark", str(reply), "not-interested")
    same(w.rig.metrics(c)["interested"], 0)
    check(w.rig.cli("reply", "mark", "99999", check=False).returncode, "a reply that is not there")


def case_interested_by_the_owners_label(w):
    w.script("glad@one.example", "reply")
    c = w.campaign("glad@one.example")
    w.play(c)
    entry = [e for e in w.rig.sandbox.log("receiver") if e.get("person") == "glad@one.example"][0]
    w.ask("google.owner.label", account="ana@acme.example", id=entry["id"], label="Outreach/Interested")
    w.until(lambda: w.rig.metrics(c)["interested"] == 1, what="the owner's label was not seen")
    check(w.story("glad@one.example")["replies"][0]["interested"], "not on the reply")


def case_unrelated_mail_leaves_nothing(w):
    w.ask("google.fill", account="ana@acme.example", count=30)
    c = w.campaign("calm@one.example")
    w.play(c)
    for replies in (w.api("GET", f"/v1/replies?campaign={c}")["replies"],):
        same(replies, [])
    same(canaries(w), [], "unrelated mail in the store")


def canaries(w, word=b"canary-(from|subject|header|id|body)"):
    found = []
    for folder, _, names in os.walk(w.rig.data):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                if re.search(word, file.read()):
                    found.append(name)
    with open(w.rig.log, "rb") as file:
        if re.search(word, file.read()):
            found.append("log")
    return found


# -- people ----------------------------------------------------------------------------------------
def case_suppressed_before(w):
    w.rig.cli("person", "suppress", "no@one.example", "--why", "asked by phone")
    w.rig.cli("person", "suppress", "@never.example")
    c = w.campaign("no@one.example", "any@never.example", "yes@one.example")
    metrics = w.play(c)
    same((metrics["sent"], metrics["stopped"]), (2, 4))
    for person in ("no@one.example", "any@never.example"):
        w.stopped(person, "suppressed", got=0)
        about = w.api("GET", f"/v1/explain/{person}")
        check(about["suppressed"] and about["suppressed_why"], f"{person}: {about}")
        person = w.api("GET", f"/v1/people/{person}")
        check(person["suppressed"] and person["suppressed_why"], f"{person}")
    holds(w.rig.cli("suppression", "list").stdout, "no@one.example", "@never.example", "asked by phone")
    w.rig.cli("person", "unsuppress", "@never.example")
    same(w.rig.metrics(w.campaign("any@never.example"))["stopped"], 0)
    check(w.rig.cli("person", "suppress", "nonsense", check=False).returncode, "nonsense suppressed")


def case_suppressed_during(w):
    c = w.campaign("later@one.example", "some@soon.example", "fine@one.example")
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 3)
    w.rig.cli("person", "suppress", "later@one.example")
    w.stopped("later@one.example", "suppressed")
    w.rig.cli("person", "suppress", "@soon.example")
    metrics = w.end(c)
    same((metrics["sent"], metrics["stopped"]), (4, 2))
    w.stopped("some@soon.example", "suppressed", got=1)


def stored(w, *words):
    """Which words are found in a compact copy of the store, or in anything else that is kept."""
    with tempfile.TemporaryDirectory(dir=w.rig.dir) as copy:
        subprocess.run(["mdb_copy", "-c", w.rig.data, copy], check=True)
        with open(os.path.join(copy, "data.mdb"), "rb") as file, open(w.rig.log, "rb") as log:
            texts = [file.read(), log.read()]
    return [word for word in words if any(word.encode() in text for text in texts)]


def case_erase_a_person(w):
    w.script("forget.me@private.example", "reply_other_address")
    c = w.rig.campaign(w.text(steps=({"subject": "For {{nickname}}", "text": "Hi {{nickname}}"},
                                     STEPS[1]), stop={"on": ["reply", "unsubscribe"], "company": True}),
                       "email,nickname\nforget.me@private.example,Snugglewort\nkeep@one.example,Kim\n")
    before = w.play(c)
    same(w.rig.cli("person", "erase", "forget.me@private.example", "--yes").returncode, 0)
    same(stored(w, "forget.me", "private.example", "Snugglewort"), [], "in the store after erasing")
    same(w.rig.metrics(c), before, "the metrics after erasing")
    again = w.campaign("Forget.Me@private.example", "keep@one.example")
    same(w.rig.metrics(again)["stopped"], 2, "imported again")
    w.play(again)
    same(len(w.sent("forget.me@private.example")), 1)
    check("erased" in json.dumps(w.api("GET", "/v1/audit?limit=1000")), "no audit")
    error = w.refused("DELETE", "/v1/people/nobody@one.example")
    holds(error, "nobody")


def case_erase_someone_mid_series(w):
    c = w.campaign("midway@private2.example", "other@one.example")
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 2)
    w.rig.cli("person", "erase", "midway@private2.example", "--yes")
    metrics = w.end(c)
    same((metrics["sent"], metrics["stopped"]), (3, 1))
    same(stored(w, "private2.example"), [])


def case_erased_people_answer(w):
    """What comes from them later is nobody's: nothing of it is kept."""
    w.script("gone.by@private3.example", "reply", after=3 * HOUR)
    c = w.campaign("gone.by@private3.example")
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 1)
    w.rig.cli("person", "erase", "gone.by@private3.example", "--yes")
    w.wait(hours=6)
    same(w.api("GET", f"/v1/replies?campaign={c}")["replies"], [])
    same(stored(w, "private3.example"), [])
    same(w.end(c)["answered"], 0)


def case_erase_someone_whose_mail_is_on_its_way(w):
    fault = w.ask("fault.add", match={"method": "POST", "path": "*/drafts/send"}, when="after",
                  apply="rst_stream", times=1)["fault"]
    c = w.campaign("flying@private4.example")
    w.begin(c)
    w.rig.sandbox.wait_for(lambda: w.sent("flying@private4.example"))
    w.rig.cli("person", "erase", "flying@private4.example", "--yes")
    metrics = w.end(c)
    w.ask("fault.clear", fault=fault)
    same((metrics["sent"], metrics["stopped"], metrics["in_flight"]), (1, 1, 0))
    same(stored(w, "private4.example"), [])


def case_two_answers_count_once(w):
    w.script("chatty@one.example", "reply")
    c = w.campaign("chatty@one.example")
    w.play(c)
    first = w.sent("chatty@one.example")[0]
    w.ask("google.deliver", account="ana@acme.example", **{"from": "chatty@one.example"},
          subject="Re: A word, there", thread=first["thread_id"], headers={"In-Reply-To": first["message_id"]})
    w.until(lambda: len(w.story("chatty@one.example")["replies"]) == 2)
    same(w.rig.metrics(c)["answered"], 1)


def case_our_own_people_are_no_answer(w):
    """A colleague with a mailbox here writes into the thread."""
    c = w.campaign("intro@one.example")
    w.begin(c)
    first = w.until(lambda: w.sent("intro@one.example"))[0]
    w.ask("google.deliver", account="ana@acme.example", **{"from": "Ben <ben@acme.example>"},
          subject="Re: A word, there", thread=first["thread_id"], headers={"In-Reply-To": first["message_id"]})
    same(w.end(c)["answered"], 0)
    same(len(w.sent("intro@one.example")), 2)


def case_names_of_campaigns(w):
    """Names as people choose them: with signs, like a number, taken."""
    odd = w.api("POST", "/v1/campaigns", w.text(name="Berlin / Fr\u00fchling 50% #1?"), kind="application/yaml")
    holds(w.rig.cli("campaign", "show", "Berlin / Fr\u00fchling 50% #1?").stdout, "Fr\u00fchling")
    same(w.api("GET", f"/v1/campaigns/{odd['id']}")["name"], "Berlin / Fr\u00fchling 50% #1?")
    other = w.api("POST", "/v1/campaigns", w.text(name="Taken"), kind="application/yaml")["id"]
    holds(w.refused("POST", "/v1/campaigns", w.text(name="Taken"), kind="application/yaml"), "Taken")
    holds(w.refused("PUT", f"/v1/campaigns/{odd['id']}", w.text(name="Taken"), kind="application/yaml"), "Taken")
    w.api("PUT", f"/v1/campaigns/{other}", w.text(name="Renamed"), kind="application/yaml")
    w.api("POST", "/v1/campaigns", w.text(name="Taken"), kind="application/yaml")
    number = w.api("POST", "/v1/campaigns", w.text(name=str(odd["id"])), kind="application/yaml")["id"]
    shown = json.loads(w.rig.cli("campaign", "show", str(odd["id"]), "--json").stdout)
    check(shown["id"] in (odd["id"], number), "neither")


def case_erased_people_do_not_hinder_a_resume(w):
    c = w.campaign("first@private5.example", "second@one.example")
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 2)
    w.rig.cli("person", "erase", "first@private5.example", "--yes")
    w.api("POST", f"/v1/campaigns/{c}/pause")
    w.api("POST", f"/v1/campaigns/{c}/start")
    w.rig.sandbox.wait_for(lambda: w.api("GET", f"/v1/campaigns/{c}")["status"] == "running")
    metrics = w.end(c)
    same((metrics["sent"], metrics["stopped"]), (3, 1))


def case_answers_go_to_another_mailbox(w):
    """Reply-To names a colleague's mailbox, which is connected here too."""
    w.script("cc@one.example", "reply")
    metrics = w.play(w.campaign("cc@one.example", reply_to="ben@acme.example"))
    story = w.stopped("cc@one.example", "answered", got=1)
    same([e["kind"] for e in story["replies"][0]["evidence"]][:1], ["message-id"])
    same(metrics["answered"], 1)


def case_interested_before_it_was_listed(w):
    c = w.campaign("swift@one.example")
    w.begin(c)
    first = w.until(lambda: w.sent("swift@one.example"))[0]
    entry = w.ask("google.deliver", account="ana@acme.example", **{"from": "swift@one.example"},
                  subject="Re: A word, there", thread=first["thread_id"],
                  headers={"In-Reply-To": first["message_id"]})
    w.ask("google.owner.label", account="ana@acme.example", id=entry["id"], label="Interested")
    w.answered("swift@one.example")
    w.wait(hours=1)
    same(w.rig.metrics(c)["interested"], 1)


def case_addresses_of_the_world(w):
    c = w.campaign("info@b\u00fccher.example", "o'hara+jobs@one.example", "ann@one.example")
    metrics = w.play(c)
    same((metrics["sent"], metrics["failed"]), (6, 0))
    check(w.sent("info@xn--bcher-kva.example") or w.sent("info@b\u00fccher.example"), "not sent to the IDN")


def case_preview_of_a_running_campaign(w):
    """What is still to come, not what went out."""
    c = w.campaign("half@one.example", steps=(STEPS[0], {"after": "2 hours", "text": "U"}))
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 1)
    first = w.sent("half@one.example")[0]
    shown = w.api("GET", f"/v1/campaigns/{c}/preview")["messages"]
    same([m["step"] for m in shown], [2], f"{shown}")
    check(abs(moment(shown[0]["planned_at"]) - first["at"] - 2 * HOUR) < 2 * MINUTE, f"{shown}")
    w.end(c)
    same(w.api("GET", f"/v1/campaigns/{c}/preview")["messages"], [])


# -- campaigns ----------------------------------------------------------------------------------------
def case_pause_and_resume(w):
    c = w.campaign("wait@one.example")
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 1)
    name = w.api("GET", f"/v1/campaigns/{c}")["name"]
    w.rig.cli("campaign", "pause", name)
    w.wait(hours=5)
    same(w.rig.metrics(c)["sent"], 1, "sent while paused")
    same(w.story("wait@one.example")["next"]["rule"], "paused")
    holds(w.refused("POST", f"/v1/campaigns/{c}/pause"), "not running")
    w.rig.cli("campaign", "start", name)
    same(w.end(c)["sent"], 2)


def case_edit_what_is_not_sent(w):
    steps = [{"subject": "First", "text": "one"}, {"after": "3 hours", "text": "two"}]
    text = json.loads(w.text(steps=steps))
    c = w.rig.campaign(json.dumps(text), w.people("edit@one.example"))
    w.begin(c)
    first = w.until(lambda: w.sent("edit@one.example"))[0]
    text["steps"] = [steps[0], {"after": "1 hour", "text": "two, edited"}, {"after": "1 hour", "text": "3"}]
    w.api("PUT", f"/v1/campaigns/{c}?file=edit.yaml", json.dumps(text), kind="application/yaml")
    w.adds_up(w.rig.metrics(c), "the edited campaign")
    w.rig.sandbox.wait_for(lambda: w.rig.metrics(c)["messages"] == 3)
    w.adds_up(w.rig.metrics(c), "the edited campaign")
    metrics = w.end(c)
    same(metrics["sent"], 3)
    mails = w.sent("edit@one.example")
    check(HOUR <= mails[1]["at"] - first["at"] < 2 * HOUR, "the new delay")
    # a step for who is done already
    text["steps"].append({"after": "1 hour", "text": "four"})
    w.api("PUT", f"/v1/campaigns/{c}", json.dumps(text), kind="application/yaml")
    w.rig.sandbox.wait_for(lambda: w.rig.metrics(c)["messages"] == 4)
    same(w.end(c)["sent"], 4)
    text["steps"] = text["steps"][:2]
    error = w.refused("PUT", f"/v1/campaigns/{c}", json.dumps(text), kind="application/yaml")
    holds(error, "went out")


def case_a_sent_step_stays_as_it_was(w):
    """Its new text is for who has not got it; follow-ups stay in the thread that was opened."""
    text = json.loads(w.text())
    c = w.rig.campaign(json.dumps(text), w.people("fixed@one.example"))
    w.begin(c)
    w.until(lambda: w.sent("fixed@one.example"))
    text["steps"][0] = {"subject": "A better subject", "text": "Hello."}
    w.api("PUT", f"/v1/campaigns/{c}?file=x.yaml", json.dumps(text), kind="application/yaml")
    w.api("POST", f"/v1/campaigns/{c}/people", w.people("fresh@one.example"), kind="text/csv")
    w.end(c)
    for person, subject in (("fixed@one.example", "A word, there"), ("fresh@one.example", "A better subject")):
        first, second = w.sent(person)
        same((first["subject"], second["subject"]), (subject, "Re: " + subject))
        same(second["thread_id"], first["thread_id"])
    text["steps"][1] = {**STEPS[1], "subject": "A thread of its own"}
    holds(w.refused("PUT", f"/v1/campaigns/{c}?file=x.yaml", json.dumps(text), kind="application/yaml"),
          "went out already")
    text["steps"][1] = STEPS[1]
    text["from"] = ["ben@acme.example"]
    holds(w.refused("PUT", f"/v1/campaigns/{c}?file=x.yaml", json.dumps(text), kind="application/yaml"),
          "mailboxes can't change")


def case_edit_with_a_variable_nobody_has(w):
    text = json.loads(w.text())
    c = w.rig.campaign(json.dumps(text), w.people("vary@one.example"))
    text["steps"][1] = {"after": "1 hour", "text": "Hi {{nickname}}"}
    error = w.refused("PUT", f"/v1/campaigns/{c}?file=x.yaml", json.dumps(text), kind="application/yaml")
    holds(error, "nickname")


def case_remove_a_campaign(w):
    c = w.campaign("bye@one.example")
    w.begin(c)
    w.until(lambda: w.sent("bye@one.example"))
    name = w.api("GET", f"/v1/campaigns/{c}")["name"]
    w.rig.cli("campaign", "remove", name, "--yes")
    w.wait(hours=5)
    same(len(w.sent("bye@one.example")), 1, "sent after removing")
    w.refused("POST", f"/v1/campaigns/{c}/start")
    check(name not in w.rig.cli("campaign", "list").stdout, "it is listed")
    story = w.api("GET", "/v1/explain/bye@one.example")["campaigns"]
    check(story and story[0]["status"] == "stopped" and story[0]["rule"] == "removed", f"{story}")
    # the name is free again
    w.api("POST", "/v1/campaigns", w.text(name=name), kind="application/yaml")


def case_people_join_a_running_campaign(w):
    c = w.campaign("early@one.example")
    w.play(c)
    w.api("POST", f"/v1/campaigns/{c}/people", w.people("late@one.example", "early@one.example"),
          kind="text/csv")
    metrics = w.end(c)
    same((metrics["people"], metrics["sent"]), (2, 4))


def case_refused_at_the_start(w):
    w.mailbox("only@acme.example", "send")
    w.mailbox("heads@acme.example", "headers")
    w.rig.account("soon@acme.example")
    w.rig.link("soon@acme.example")
    c = w.campaign("x@one.example", senders=["only@acme.example"])
    holds(w.refused("POST", f"/v1/campaigns/{c}/start"), "only@acme.example", "sending only", "headers")
    c = w.campaign("x@one.example", senders=["heads@acme.example"], label="Outreach/X")
    holds(w.refused("POST", f"/v1/campaigns/{c}/start"), "heads@acme.example", "label", "full")
    c = w.campaign("x@one.example", senders=["soon@acme.example"])
    holds(w.refused("POST", f"/v1/campaigns/{c}/start"), "soon@acme.example", "not connected")
    holds(w.refused("POST", "/v1/campaigns", w.text(senders=["who@acme.example"]),
                    kind="application/yaml"), "who@acme.example", "mailbox add")
    empty = w.api("POST", "/v1/campaigns", w.text(), kind="application/yaml")["id"]
    holds(w.refused("POST", f"/v1/campaigns/{empty}/start"), "no people")
    for box in ("only@acme.example", "heads@acme.example", "soon@acme.example"):
        w.drop(box)


def case_every_mistake_of_a_file_at_once(w):
    bad = ("name: bad\nfrom: [ana@acme.example]\nwindow: {days: mon-fry, from: \"25:00\", zone: Mars/Base}\n"
           "limits: {gap: soon, per_dy: 3}\nstop: {on: [reply]}\nsteps:\n  - text: no subject\n"
           "  - after: a while\n    text: \"Hi {{first_name\"\n  - after: 2 days\n    txt: typo\n")
    error = w.refused("POST", "/v1/campaigns?file=bad.yaml", bad, kind="application/yaml")
    lines = error.strip().splitlines()
    check(len(lines) >= 9, error)
    found = {int(n) for n in re.findall(r"bad\.yaml:(\d+)", error)}
    check({3, 4, 5, 7, 8, 9, 11} <= found | {10}, f"lines {found}: {error}")
    holds(error, "mon-fry", "25:00", "Mars/Base", "soon", "per_day", "unsubscribe", "subject", "a while")


# -- CSV ----------------------------------------------------------------------------------------------
def put_people(w, data, steps=STEPS):
    c = w.api("POST", "/v1/campaigns", w.text(steps=steps), kind="application/yaml")["id"]
    return c, w.api("POST", f"/v1/campaigns/{c}/people", data, kind="text/csv")


def case_csv_as_people_have_it(w):
    text = ('\ufeffE-Mail;First Name;Note\r\n'
            'a@csv.example;"Renée";"two\r\nlines; and ""quotes"""\r\n'
            'A@CSV.example;Twice;x\r\n'
            'not an address;Nobody;x\r\n'
            ';Empty;x\r\n'
            '<b@csv.example>;;\r\n')
    c, told = put_people(w, text.encode(), steps=({"subject": "For {{first_name | default: you}}",
                                                  "text": "{{note | default: none}}"},))
    same((told["enrolled"], told["known"], told["rejected"]), (2, 1, 2), f"{told}")
    same([r["row"] for r in told["reasons"]], [5, 6], f"{told}")
    texts = w.api("GET", f"/v1/campaigns/{c}/preview")["messages"]
    same(texts[0]["subject"], "For Renée")
    holds(texts[0]["text"], "two", 'lines; and "quotes"')
    same(texts[1]["subject"], "For you")


def case_csv_in_latin_1(w):
    c, told = put_people(w, "email,first_name\nj@csv.example,Jürgen\n".encode("latin-1"))
    same(told["enrolled"], 1)
    same(w.api("GET", f"/v1/campaigns/{c}/preview")["messages"][0]["subject"], "A word, Jürgen")


def case_csv_with_a_near_miss(w):
    steps = ({"subject": "For {{first_name}}", "text": "x"},)
    c = w.api("POST", "/v1/campaigns", w.text(steps=steps), kind="application/yaml")["id"]
    why = w.refused("POST", f"/v1/campaigns/{c}/people", "email,frist_name\na@csv.example,A\n",
                    kind="text/csv")
    holds(why, "first_name", "frist_name")
    why = w.refused("POST", f"/v1/campaigns/{c}/people", "emial,first_name\na@csv.example,A\n",
                    kind="text/csv")
    holds(why, "email", "emial")
    told = w.api("POST", f"/v1/campaigns/{c}/people", "email,first_name\na@csv.example,\nb@csv.example,B\n",
                 kind="text/csv")
    same((told["enrolled"], told["rejected"]), (1, 1))
    holds(told["reasons"][0]["why"], "first_name", "default")
    same(w.rig.metrics(c)["people"], 1)


# -- senders ----------------------------------------------------------------------------------------
def case_send_as_an_alias(w):
    w.mailbox("team@acme.example", aliases=[
        {"address": "talent@acme.example", "name": "Talent", "verification": "accepted"},
        {"address": "fresh@acme.example", "name": "Fresh", "verification": "pending"}])
    c = w.campaign("alias@one.example", senders=["team@acme.example"],
                   **{"as": {"address": "fresh@acme.example"}})
    holds(w.refused("POST", f"/v1/campaigns/{c}/start"), "fresh@acme.example", "verif")
    w.script("alias@one.example", "reply")
    c = w.campaign("alias@one.example", senders=["team@acme.example"],
                   **{"as": {"address": "talent@acme.example", "name": "The Talent Team"}})
    w.play(c)
    holds(w.sent("alias@one.example")[0]["from"], "talent@acme.example")
    w.stopped("alias@one.example", "answered", got=1)
    w.drop("team@acme.example")


def case_labels_under_two_mailboxes(w):
    w.script("lab0@one.example", "reply")
    c = w.campaign(*(f"lab{i}@one.example" for i in range(6)), label="Outreach/Berlin/Spring",
                   senders=list(w.boxes))
    w.play(c)
    for box in w.boxes:
        mails = {e["id"] for i in range(6) for e in w.sent(f"lab{i}@one.example") if e["account"] == box}

        def labelled():
            labels = w.ask("google.labels.dump", account=box)["labels"]
            ours = [l for l in labels if l["name"] == "Outreach/Berlin/Spring"]
            return ours and set(ours[0]["messages"]) >= mails and labels
        labels = w.until(labelled, what=f"{box}: not labelled")
        names = [l["name"] for l in labels]
        same(len(names), len(set(n.lower() for n in names)), f"labels twice: {names}")
        check("Outreach" in names and "Outreach/Berlin" in names, f"parents: {names}")
    replied = w.until(lambda: [l for l in w.ask("google.labels.dump", account="ana@acme.example")["labels"]
                               if l["name"] == "Outreach/Berlin/Spring/Replied" and l["messages"]])
    same(len(replied[0]["messages"]), 1)


# -- trouble ----------------------------------------------------------------------------------------
def lonely(w, address, access="full", person=None, **more):
    """A mailbox of its own, and a campaign whose first mail went out."""
    w.mailbox(address, access)
    person = person or address.replace("@acme", "@lonely")
    c = w.campaign(person, senders=[address], **more)
    w.begin(c)
    w.until(lambda: w.sent(person))
    return c, person


def status_of(w, address):
    return w.api("GET", f"/v1/mailboxes/{address}")


def reconnect(w, c, person, address):
    """The mailbox says what to do, the campaign waits, consent makes it go on."""
    about = w.until(lambda: status_of(w, address)["status"] == "reconnect needed" and status_of(w, address),
                    what=lambda: f"{status_of(w, address)}")
    check(about["why"], "no why")
    w.wait(hours=6)
    same(len(w.sent(person)), 1, "sent without a grant")
    same(w.story(person)["next"]["rule"], "mailbox")
    holds(w.story(person)["next"]["why"], address, "connected again")
    same(w.rig.metrics(c)["failed"], 0)
    checked = w.api("POST", f"/v1/mailboxes/{address}/check")
    check(not checked["ok"] and checked["problems"][0]["next"], f"{checked}")
    link = w.api("POST", f"/v1/mailboxes/{address}/invite")["link"]
    status, page = w.rig.consent(link)
    same(status, 200, page)
    same(status_of(w, address)["status"], "active")
    same(w.end(c)["sent"], 2)
    w.drop(address)
    return about


def case_revoked_grant(w):
    c, person = lonely(w, "revoked@acme.example")
    w.ask("google.grant.revoke", account="revoked@acme.example")
    reconnect(w, c, person, "revoked@acme.example")


def case_changed_password(w):
    c, person = lonely(w, "password@acme.example")
    w.ask("google.account.password_changed", account="password@acme.example")
    reconnect(w, c, person, "password@acme.example")


def case_an_access_token_runs_out_early(w):
    c, person = lonely(w, "expired@acme.example")
    w.ask("google.token.expire", account="expired@acme.example")
    same(w.end(c)["sent"], 2)
    same(status_of(w, "expired@acme.example")["status"], "active")
    w.drop("expired@acme.example")


def case_token_endpoint_away(w):
    c, person = lonely(w, "tokens@acme.example")
    w.ask("google.token.expire", account="tokens@acme.example")
    w.ask("google.token", unavailable=5)
    try:
        same(w.end(c)["sent"], 2)
    finally:
        w.ask("google.token", unavailable=0)
    same(status_of(w, "tokens@acme.example")["status"], "active")
    w.drop("tokens@acme.example")


def quota_case(answer, retry_after):
    def case(w):
        w.ask("google.quota", project="new", per_minute=260, answer=answer, retry_after=retry_after)
        try:
            c = w.campaign(*(f"q{i}.{answer}.{retry_after}@one.example".lower() for i in range(8)))
            metrics = w.play(c, 60)
            same((metrics["sent"], metrics["failed"], metrics["uncertain"]), (16, 0, 0))
        finally:
            w.ask("google.quota", project="off")
    return case


case_quota_403 = quota_case(403, False)
case_quota_429_with_retry_after = quota_case(429, True)


def case_daily_sending_limit(w):
    w.mailbox("limit@acme.example", send_limit=3)
    c = w.campaign(*(f"d{i}@one.example" for i in range(5)), senders=["limit@acme.example"],
                   steps=STEPS[:1])
    begun = w.now()
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 3)
    held = w.until(lambda: status_of(w, "limit@acme.example")["held_until"], what="nothing is held")
    check(moment(held) > begun + 20 * HOUR, held)

    def held_one():
        return [s["next"] for s in (w.story(f"d{i}@one.example") for i in range(5)) if s["next"]][0]
    w.until(lambda: held_one()["rule"] == "held", what=lambda: f"{held_one()}")
    holds(held_one()["why"], "sending limit")
    same(held_one()["not_before"], held)
    problems = w.api("POST", "/v1/mailboxes/limit@acme.example/check")["problems"]
    holds(problems[0]["what"], "sending limit")
    w.rig.stop()
    w.rig.start()
    same(status_of(w, "limit@acme.example")["held_until"], held, "after a restart")
    metrics = w.end(c)
    same((metrics["sent"], metrics["failed"]), (5, 0))
    times = sorted(e["at"] for i in range(5) for e in w.sent(f"d{i}@one.example"))
    check(times[3] - times[0] >= DAY - 1000, "sent beyond the limit")
    # told to wait for a day, it asks once, not all the time
    tries = [e for e in w.rig.sandbox.log("requests") if e["status"] == 429
             and e.get("note", "").startswith("limit@")]
    check(len(tries) <= 6, f"{len(tries)} requests against the limit")
    w.drop("limit@acme.example")


def case_suspended_account(w):
    c, person = lonely(w, "suspended@acme.example")
    w.ask("google.account.suspend", account="suspended@acme.example", mode="mail_service")
    w.wait(hours=6)
    same(len(w.sent(person)), 1)
    same(w.rig.metrics(c)["failed"], 0, "failed for good")
    check(status_of(w, "suspended@acme.example")["why"] or w.story(person)["next"], "no why")
    w.ask("google.account.suspend", account="suspended@acme.example", mode="none")
    if status_of(w, "suspended@acme.example")["status"] != "active":
        w.rig.consent(w.api("POST", "/v1/mailboxes/suspended@acme.example/invite")["link"])
    same(w.end(c, 60)["sent"], 2)
    w.drop("suspended@acme.example")


def case_listing_fails_for_hours(w):
    """Answers can't be seen, so nothing goes: it says so, and asks in decent intervals."""
    w.ask("google.token", seconds=86400)  # the fault below knows the account by its token
    w.mailbox("deaf@acme.example")
    w.ask("google.token", seconds=3600)
    a = w.campaign("shared@one.example", "alone@one.example", senders=["deaf@acme.example"])
    b = w.campaign("shared@one.example", senders=["ben@acme.example"],
                   steps=(STEPS[0], {"after": "4 hours", "text": "Still there?"}))
    w.begin(a)
    w.begin(b)
    w.until(lambda: w.rig.metrics(a)["sent"] == 2 and w.rig.metrics(b)["sent"] == 1)
    before = len(w.rig.sandbox.log("requests"))
    fault = w.ask("fault.add", match={"path": "/gmail/*/history*", "account": "deaf@acme.example"},
                  when="before", apply={"status": 503})["fault"]
    w.wait(hours=10)
    tries = [r for r in w.rig.sandbox.log("requests")[before:] if r.get("fault")]
    check(len(tries) < 60, f"{len(tries)} requests in ten hours: {[r['at'] for r in tries]}")
    same((w.rig.metrics(a)["sent"], w.rig.metrics(b)["sent"]), (2, 1), "sent blind")
    held = w.story("alone@one.example")["next"]
    same(held["rule"], "held", f"{held}")
    holds(held["why"], "held until", "503")
    check(held["not_before"], f"{held}")
    other = w.story("shared@one.example", 1)["next"]
    same(other["rule"], "stale", f"{other}")
    holds(other["why"], "listed first")
    w.ask("fault.clear", fault=fault)
    w.end(a)
    w.end(b)
    same(len(w.sent("shared@one.example")), 4)
    w.drop("deaf@acme.example")


def case_client_secret_no_longer_good(w):
    """The operator's mistake: owners need not consent again, and it is said what is wrong."""
    c, person = lonely(w, "secret@acme.example")
    w.ask("google.token.expire", account="secret@acme.example")
    fault = w.ask("fault.add", match={"path": "/token"}, when="before", apply={
        "status": 401, "headers": {"Content-Type": "application/json"},
        "body": '{"error": "invalid_client", "error_description": "Unauthorized"}'})["fault"]
    try:
        w.wait(hours=5)
        same(len(w.sent(person)), 1)
        same(status_of(w, "secret@acme.example")["status"], "active")
        holds(w.story(person)["next"]["why"], "client_id")
    finally:
        w.ask("fault.clear", fault=fault)
    same(w.end(c)["sent"], 2)
    w.drop("secret@acme.example")


def case_reconnected_with_less_access(w):
    """From full to headers mid-campaign: it goes on, without labels."""
    c, person = lonely(w, "less@acme.example", label="Outreach/Less")
    w.ask("google.grant.revoke", account="less@acme.example")
    w.until(lambda: status_of(w, "less@acme.example")["status"] == "reconnect needed")
    w.drop("less@acme.example")
    w.mailbox("less@acme.example", "headers")
    metrics = w.end(c)
    same((metrics["sent"], metrics["failed"], metrics["uncertain"]), (2, 0, 0), f"{w.story(person)}")
    w.drop("less@acme.example")


def case_answer_while_the_campaign_is_paused(w):
    w.script("pausing@one.example", "reply", after=HOUR)
    c = w.campaign("pausing@one.example")
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 1)
    w.api("POST", f"/v1/campaigns/{c}/pause")
    w.answered("pausing@one.example")
    w.api("POST", f"/v1/campaigns/{c}/start")
    w.end(c)
    w.stopped("pausing@one.example", "answered", got=1)


def case_answer_while_the_daemon_was_down(w):
    w.script("night@one.example", "reply", after=HOUR)
    c = w.campaign("night@one.example")
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 1)
    w.rig.kill()
    w.ask("clock.jump", by=5 * HOUR)
    w.rig.start()
    w.end(c)
    w.stopped("night@one.example", "answered", got=1)


def case_opt_out_long_after(w):
    """The link of an old mail still counts, also when its campaign is gone."""
    c = w.campaign("years@one.example", steps=STEPS[:1])
    w.play(c)
    link = link_of(w, w.sent("years@one.example")[0])
    w.api("DELETE", f"/v1/campaigns/{c}")
    w.ask("clock.jump", by=60 * DAY)
    same(Browser(w.rig).go(link, {"List-Unsubscribe": "One-Click"})[0], 200)
    same(w.api("GET", "/v1/people/years@one.example")["suppressed"], True)
    same(w.rig.metrics(w.campaign("years@one.example"))["stopped"], 2)


def case_server_errors(w):
    faults = [w.ask("fault.add", match={"path": "/gmail/*", "nth": n}, when="before", apply=a)["fault"]
              for n, a in ((2, {"status": 503}), (5, "reset"), (7, "goaway"), (9, "garbage"),
                           (12, {"status": 500}))]
    c = w.campaign(*(f"err{i}@one.example" for i in range(4)))
    try:
        metrics = w.play(c, 60)
    finally:
        for fault in faults:
            w.ask("fault.clear", fault=fault)
    same((metrics["sent"], metrics["uncertain"], metrics["failed"]), (8, 0, 0))
    for i in range(4):
        same(len(w.sent(f"err{i}@one.example")), 2)


def case_settle_an_uncertain_message(w):
    w.mailbox("blind@acme.example", "send")
    c = w.campaign("unsure@one.example", "doubt@one.example", senders=["blind@acme.example"],
                   stop={"on": ["unsubscribe"]})
    fault = w.ask("fault.add", match={"method": "POST", "path": "*/messages/send"}, when="after",
                  apply="rst_stream", times=2)["fault"]
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["uncertain"] == 2, what=lambda: f"{w.rig.metrics(c)}")
    w.ask("fault.clear", fault=fault)
    w.wait(hours=6)
    for person in ("unsure@one.example", "doubt@one.example"):
        same(len(w.sent(person)), 1, "sent again by itself")
        same((w.story(person)["status"], w.story(person)["rule"]), ("uncertain", "uncertain"))
    w.adds_up(w.rig.metrics(c), "uncertain")
    rows = w.api("GET", "/v1/messages?state=uncertain")["messages"]
    ids = {r["to"]: r["message"] for r in rows}
    holds(w.rig.cli("message", "uncertain").stdout, "unsure@one.example", "message settle")
    w.rig.cli("message", "settle", ids["unsure@one.example"], "sent")
    w.rig.cli("message", "settle", ids["doubt@one.example"], "not-sent")
    metrics = w.end(c)
    same((metrics["sent"], metrics["uncertain"], metrics["messages"]), (4, 0, 4))
    same((len(w.sent("unsure@one.example")), len(w.sent("doubt@one.example"))), (2, 3))
    holds(w.refused("POST", f"/v1/messages/{ids['doubt@one.example']}/settle", {"sent": True}),
          "not uncertain")
    w.drop("blind@acme.example")


def case_stopped_while_in_doubt(w):
    """Who opted out while their message was uncertain gets nothing more, however it is settled."""
    w.mailbox("dim@acme.example", "send")
    people = ["fog0@one.example", "fog1@one.example"]
    c = w.campaign(*people, senders=["dim@acme.example"], stop={"on": ["unsubscribe"]})
    fault = w.ask("fault.add", match={"method": "POST", "path": "*/messages/send"}, when="after",
                  apply="rst_stream", times=2)["fault"]
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["uncertain"] == 2)
    w.ask("fault.clear", fault=fault)
    for person in people:
        w.rig.cli("person", "suppress", person)
    w.adds_up(w.rig.metrics(c), c)
    ids = {r["to"]: r["message"] for r in w.api("GET", "/v1/messages?state=uncertain")["messages"]}
    w.rig.cli("message", "settle", ids[people[0]], "sent")
    w.rig.cli("message", "settle", ids[people[1]], "not-sent")
    metrics = w.end(c)
    same((metrics["sent"], metrics["stopped"], metrics["uncertain"]), (1, 3, 0))
    w.wait(hours=4)
    for person in people:
        w.stopped(person, "suppressed", got=1)
    w.drop("dim@acme.example")


def case_steps_added_while_in_doubt(w):
    w.mailbox("haze@acme.example", "send")
    text = json.loads(w.text(senders=["haze@acme.example"], stop={"on": ["unsubscribe"]}, steps=STEPS[:1]))
    c = w.rig.campaign(json.dumps(text), w.people("mist@one.example"))
    w.ask("fault.add", match={"method": "POST", "path": "*/messages/send"}, when="after",
          apply="rst_stream", times=1)
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["uncertain"] == 1)
    text["steps"].append(STEPS[1])
    w.api("PUT", f"/v1/campaigns/{c}", json.dumps(text), kind="application/yaml")
    w.rig.sandbox.wait_for(lambda: w.rig.metrics(c)["messages"] == 2)
    w.adds_up(w.rig.metrics(c), c)
    same(w.rig.metrics(c)["planned"], 1)
    text["steps"] = [STEPS[0]]
    message = w.api("GET", "/v1/messages?state=uncertain")["messages"][0]["message"]
    w.rig.cli("message", "settle", message, "sent")
    same(w.end(c)["sent"], 2)
    w.drop("haze@acme.example")


def case_answer_lost_after_acceptance(w):
    """With full access nothing is uncertain: what became of it is found out."""
    fault = w.ask("fault.add", match={"method": "POST", "path": "*/drafts/send"}, when="after",
                  apply="reset", times=2)["fault"]
    c = w.campaign("lost0@one.example", "lost1@one.example", "lost2@one.example")
    metrics = w.play(c)
    w.ask("fault.clear", fault=fault)
    same((metrics["sent"], metrics["uncertain"]), (6, 0))
    for i in range(3):
        same(len(w.sent(f"lost{i}@one.example")), 2)


def case_history_cursor_lost(w):
    c = w.campaign("slow@one.example", steps=(STEPS[0], {"after": "12 days", "text": "Later."}))
    w.begin(c)
    w.until(lambda: w.sent("slow@one.example"))
    w.rig.stop()  # long enough away that Google forgets where we were
    w.ask("clock.jump", by=9 * DAY)
    first = w.sent("slow@one.example")[0]
    w.ask("google.deliver", account="ana@acme.example", **{"from": "slow@one.example"},
          subject="Re: A word, there", thread=first["thread_id"],
          headers={"In-Reply-To": first["message_id"], "References": first["message_id"]})
    w.rig.start()
    w.answered("slow@one.example")
    w.end(c)
    w.stopped("slow@one.example", "answered", got=1)
    holds(w.rig.tail(4000), "no longer knows our cursor")


def case_messages_vanish(w):
    w.ask("google.history.traps", vanished=True, duplicates=True, empty_pages=True)
    try:
        w.script("ghost@one.example", "reply")
        c = w.campaign("ghost@one.example", "solid@one.example")
        w.begin(c)
        w.until(lambda: w.rig.metrics(c)["sent"] >= 2)
        entry = w.ask("google.deliver", account="ana@acme.example", subject="spam")
        w.ask("google.owner.trash", account="ana@acme.example", id=entry["id"], forever=True)
        w.end(c)
        w.stopped("ghost@one.example", "answered", got=1)
        same(len(w.sent("solid@one.example")), 2)
    finally:
        w.ask("google.history.traps", vanished=False, duplicates=False, empty_pages=False)


def case_owner_throws_our_mail_away(w):
    """The next step still goes, as a thread of its own where it must."""
    c = w.campaign("trash@one.example")
    w.begin(c)
    first = w.until(lambda: w.sent("trash@one.example"))[0]
    w.ask("google.owner.trash", account="ana@acme.example", id=first["id"], forever=True)
    metrics = w.end(c)
    same((metrics["sent"], metrics["failed"], metrics["uncertain"]), (2, 0, 0),
         f"{w.story('trash@one.example')}")


def case_paused_mailbox(w):
    c, person = lonely(w, "rest@acme.example")
    w.rig.cli("mailbox", "pause", "rest@acme.example")
    w.wait(hours=5)
    same(len(w.sent(person)), 1)
    held = w.story(person)["next"]
    same(held["rule"], "mailbox")
    holds(held["why"], "paused")
    w.rig.cli("mailbox", "resume", "rest@acme.example")
    same(w.end(c)["sent"], 2)
    w.drop("rest@acme.example")


def case_disconnected_mailbox(w):
    c, person = lonely(w, "leave@acme.example")
    w.rig.cli("mailbox", "disconnect", "leave@acme.example", "--yes")
    w.wait(hours=5)
    same(len(w.sent(person)), 1)
    holds(w.story(person)["next"]["why"], "disconnected")
    same(stored(w, "canary"), [])
    w.mailbox("leave@acme.example")
    same(w.end(c)["sent"], 2)
    w.drop("leave@acme.example")


# -- the daemon ----------------------------------------------------------------------------------------
def case_second_daemon_is_refused(w):
    done = w.daemon()
    check(done.returncode != 0, "a second daemon runs on the same data")
    check(w.rig.data in done.stderr + done.stdout or "already" in done.stderr + done.stdout,
          done.stdout + done.stderr)
    check(w.api("GET", "/v1/status")["pid"] == w.rig.daemon.pid, "the first one suffered")


def case_sighup(w):
    import signal
    c = w.campaign("hup@one.example")
    w.begin(c)
    w.until(lambda: w.sent("hup@one.example"))
    before = w.api("GET", "/v1/providers/gmail")["generation"]
    w.rig.daemon.send_signal(signal.SIGHUP)
    w.until(lambda: w.api("GET", "/v1/providers/gmail")["generation"] > before, what="no new generation")
    same(w.end(c)["sent"], 2)
    good = open(w.rig.config).read()
    try:
        with open(w.rig.config, "w") as file:
            file.write("data: [")
        w.rig.daemon.send_signal(signal.SIGHUP)
        w.until(lambda: "postrider.yaml" in w.rig.tail(10), what="a broken config is not told")
        check(w.api("GET", "/v1/status")["pid"], "a broken config ended it")
    finally:
        with open(w.rig.config, "w") as file:
            file.write(good)


def case_sigterm_drains(w):
    people = [f"term{i}@one.example" for i in range(40)]
    c = w.campaign(*people, senders=list(w.boxes))
    w.begin(c)
    w.rig.fast()
    w.rig.sandbox.wait_for(lambda: w.rig.metrics(c)["sent"] >= 5)
    began = time.monotonic()
    same(w.rig.stop(), 0, "SIGTERM")
    check(time.monotonic() - began < 15, "it took long to end")
    same(w.daemon("--check").returncode, 0, "--check between")
    w.rig.hold()
    w.rig.start()
    same(w.end(c)["sent"], 80)
    for person in people:
        same(len(w.sent(person)), 2, person)


def case_preview_tells_the_truth(w):
    c = w.campaign("pre0@one.example", "pre1@one.example",
                   steps=({"subject": "S {{email}}", "text": "T"}, {"after": "1 hour", "text": "U"}))
    shown = w.api("GET", f"/v1/campaigns/{c}/preview")["messages"]
    same(sorted((m["to"], m["step"]) for m in shown),
         [(f"pre{i}@one.example", s) for i in (0, 1) for s in (1, 2)])
    w.play(c)
    for i in (0, 1):
        person = f"pre{i}@one.example"
        for mail, said in zip(w.sent(person), [m for m in shown if m["to"] == person]):
            same(mail["subject"], said["subject"])
            check(abs(mail["at"] - moment(said["planned_at"])) < 5 * MINUTE,
                  f"{said['planned_at']} and {at(mail['at'])}")


# -- the calendar ------------------------------------------------------------------------------------
ICS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//acme.example//test//EN\r
BEGIN:VEVENT\r
UID:1@acme.example\r
DTSTART;VALUE=DATE:20270326\r
SUMMARY:Good Friday\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:2@acme.example\r
DTSTART;VALUE=DATE:20270329\r
SUMMARY:Easter Monday\r
END:VEVENT\r
END:VCALENDAR\r
"""


class Calendar(World):
    """Thursday before Easter 2027; on Sunday Europe's clocks go forward."""
    options = ("--start", "2027-03-25T06:00:00Z")
    boxes = ("ana@acme.example",)
    poll = "30 minutes"

    def __init__(self, build):
        super().__init__(build)
        path = os.path.join(self.rig.dir, "de.ics")
        with open(path, "w") as file:
            file.write(ICS)
        with open(self.rig.config) as file:
            config = json.load(file)
        config["holidays"] = {"de": path}
        with open(self.rig.config, "w") as file:
            json.dump(config, file)


def case_hours_of_a_person_over_dst(w):
    """Working hours of each person's own zone, no holidays asked for: both sides of the change."""
    zones = {"b@cal.example": "Europe/Berlin", "n@cal.example": "America/New_York",
             "t@cal.example": "Asia/Tokyo"}
    c = w.rig.campaign(
        w.text(window={"days": "mon-sun", "from": "09:00", "to": "10:00", "zone": "person"},
               steps=(STEPS[0], *({"after": "1 day", "text": f"{i}"} for i in range(5)))),
        "email,zone\n" + "".join(f"{p},{z}\n" for p, z in zones.items()))
    metrics = w.play(c, 60)
    same(metrics["sent"], 18)
    for person, zone in zones.items():
        for entry in w.sent(person):
            check(at(entry["at"], zone).hour == 9, f"{person}: {at(entry['at'], zone)}")
    berlin = [at(e["at"], "Europe/Berlin").utcoffset() for e in w.sent("b@cal.example")]
    check(len(set(berlin)) == 2, "the change was not passed")


class Holidays(Calendar):
    pass


def case_holidays_and_business_days(w):
    """Thursday's mail; one business day later is not Good Friday, not the weekend, not Easter Monday."""
    c = w.campaign("biz@cal.example", holidays=["de"],
                   window={"days": "mon-fri", "from": "09:00", "to": "17:00", "zone": "Europe/Berlin"},
                   steps=(STEPS[0], {"after": "1 business day", "text": "again"}))
    w.begin(c)
    w.until(lambda: w.sent("biz@cal.example"))
    w.wait(days=2)
    held = w.story("biz@cal.example")["next"]
    check(held["rule"] in ("delay", "holiday", "window") and held["not_before"], f"{held}")
    same(at(moment(held["not_before"]), "Europe/Berlin").date().isoformat(), "2027-03-30", f"{held}")
    w.end(c)
    first, second = [at(e["at"], "Europe/Berlin") for e in w.sent("biz@cal.example")]
    same((first.date().isoformat(), second.date().isoformat()), ("2027-03-25", "2027-03-30"))
    check(9 <= second.hour < 17, str(second))
    holds(w.refused("POST", "/v1/campaigns", w.text(holidays=["fr"]), kind="application/yaml"),
          "fr", "de")


def case_per_day_ramp_up_and_gap(w):
    people = [f"cap{i}@cal.example" for i in range(9)]
    c = w.campaign(*people, steps=STEPS[:1], limits={"per_day": 4, "gap": "90s..150s",
                                                     "ramp_up": {"start": 2, "add": 1}})
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 2)
    w.wait(hours=1)
    rules = {w.story(p)["next"]["rule"] for p in people if w.story(p)["next"]}
    same(rules, {"ramp_up"})
    w.end(c)
    times = sorted(e["at"] for p in people for e in w.sent(p))
    days = {}
    for moment_ in times:
        days[at(moment_).date()] = days.get(at(moment_).date(), 0) + 1
    same([days[d] for d in sorted(days)], [2, 3, 4], "a day")
    for a, b in zip(times, times[1:]):
        check(b - a >= 90_000 - 50, f"{b - a} ms between two")
    check(len({(b - a) // 1000 for a, b in zip(times, times[1:]) if b - a < HOUR}) > 1, "no jitter")


WORLDS = (
    (World, [v for k, v in list(globals().items()) if k.startswith("case_")
             and k not in ("case_hours_of_a_person_over_dst", "case_holidays_and_business_days",
                           "case_per_day_ramp_up_and_gap")]),
    (Calendar, [case_hours_of_a_person_over_dst]),
    (Holidays, [case_holidays_and_business_days, case_per_day_ramp_up_and_gap]),
)


def name_of(case):
    return next(k for k, v in globals().items() if v is case)[5:].replace("_", " ")


def play_world(make, build, cases):
    """Runs them; the names of those that failed."""
    failed = []
    world = make(build)
    try:
        world.open()
        for case in cases:
            began = time.monotonic()
            try:
                case(world)
                verdict = "ok"
            except Exception as error:  # one case's fault is not the next one's
                failed.append(name_of(case))
                verdict = f"FAILED: {error}"
                if os.environ.get("SCENARIO_TRACE"):
                    traceback.print_exc()
                if world.rig.daemon.poll() is not None:
                    print(f"the daemon ended:\n{world.rig.tail()}", flush=True)
                    world.rig.start()
            world.rig.hold()
            print(f"{name_of(case)}: {verdict} ({time.monotonic() - began:.1f} s)", flush=True)
        try:
            world.close()
            print(f"{make.__name__}: sound at the end", flush=True)
        except Exception as error:
            failed.append(make.__name__)
            print(f"{make.__name__}: FAILED: {error}", flush=True)
    finally:
        world.rig.end()
    return failed


def main():
    build, words = sys.argv[1], sys.argv[2:]
    began, failed, count = time.monotonic(), [], 0
    for make, cases in WORLDS:
        chosen = [c for c in cases if not words or any(w in name_of(c) for w in words)]
        count += len(chosen)
        if chosen:
            failed += play_world(make, build, chosen)
    print(f"{count} cases, {len(failed)} failed, {time.monotonic() - began:.1f} s")
    for name in failed:
        print(f"  failed: {name}")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
