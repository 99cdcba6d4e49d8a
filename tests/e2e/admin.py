"""tests/e2e/admin.py: an organisation whose administrator must consent first, at Microsoft.

usage: admin.py BUILD

Three owners: one signs in while the administrator is waited for and closes the window, one does not, one is of
another organisation. What each is shown, what CLI and API say, and that after the administrator's consent the
first becomes active by itself and sends. Then a claims challenge, a second factor, and a notice by push.
"""
import sys
import time
import urllib.parse

from rig import PUBLIC, Browser, Rig

CAT, DAN, EVE = "cat@corp.example", "dan@corp.example", "eve@other.example"
YAML = """name: Hello
from: %s
window: {days: mon-sun, from: "00:00", to: "24:00"}
steps:
  - subject: Hello
    text: Hi.
""" % CAT


class Faults(list):
    def check(self, good, text):
        if not good:
            print("FAULT", text)
            self.append(text)


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    return None


def shown(rig, address):
    return rig.api("GET", "/v1/mailboxes/" + urllib.parse.quote(address, safe=""))


def follow(browser, url, form=None):
    """Goes there and wherever it leads: (status, page, last address)."""
    for _ in range(8):
        status, page, location = browser.go(url, form)
        if not location:
            return status, page, url
        url, form = urllib.parse.urljoin(url, location), None
    raise RuntimeError("it leads in circles")


def check_waiting(rig, faults, address, page):
    about = shown(rig, address)
    faults.check(about["status"] == "waiting for your admin", about)
    faults.check("Waiting for your admin" in about["why"], about)
    faults.check("adminconsent" in (about["admin_link"] or ""), about)
    faults.check("Your administrator must agree first" in page, page)
    told = rig.cli("mailbox", "show", address).stdout
    faults.check("waiting for your admin" in told and about["admin_link"] in told.replace("\n", ""), told)
    faults.check("waiting for your admin" in rig.cli("mailbox", "list").stdout, "the list does not say it")
    return about["admin_link"]


def play(rig, faults):
    links = {address: rig.link(address, provider="graph") for address in (CAT, DAN, EVE)}
    cat, dan = Browser(rig), Browser(rig)
    status, page, where = follow(cat, links[CAT], {"go": "yes"})
    faults.check(status == 200, page)
    admin_link = check_waiting(rig, faults, CAT, page)
    faults.check("Sign in now" in page, page)
    status, page, where = follow(cat, where, {"go": "early"})
    faults.check("You need do no more" in page and "Sign in now" not in page, page)
    faults.check(shown(rig, CAT)["status"] == "waiting for your admin", "it did not wait")

    status, page, where_dan = follow(dan, links[DAN], {"go": "yes"})
    check_waiting(rig, faults, DAN, page)
    status, page, _ = follow(Browser(rig), links[EVE], {"go": "yes"})
    faults.check("is connected" in page and shown(rig, EVE)["status"] == "active", page)

    status, page, _ = follow(Browser(rig), admin_link)
    faults.check(status == 200 and "consent is given" in page, page)
    active = until(lambda: shown(rig, CAT)["status"] == "active")
    faults.check(active, shown(rig, CAT))
    faults.check(shown(rig, CAT)["admin_link"] is None, "an active mailbox shows a link for the admin")
    about = until(lambda: shown(rig, DAN)["status"] == "pending" and shown(rig, DAN))
    faults.check(about and "has agreed" in about["why"], shown(rig, DAN))
    status, page, _ = follow(dan, where_dan, {"go": "yes"})
    faults.check("is connected" in page, page)
    verbs = [line["verb"] for line in rig.api("GET", "/v1/audit?limit=100")["audit"]]
    for verb in ("mailbox.waiting", "mailbox.signed_in", "provider.admin_consented", "mailbox.connected"):
        faults.check(verb in verbs, f"{verb} is not in the audit: {verbs}")


def check_sends(rig, faults):
    made = rig.campaign(YAML, "email\npat@people.example\n")
    rig.api("POST", f"/v1/campaigns/{made}/start")
    rig.fast()
    sent = until(lambda: rig.metrics(made)["sent"] == 1, 40)
    rig.hold()
    faults.check(sent, rig.metrics(made))


def check_push(rig, faults):
    """A notification of the sandbox's comes in by the public address, and the mailbox is listed at once."""
    def number(name):
        return int(rig.api("GET", "/metrics").split("\n" + name + " ")[1].split("\n")[0])

    watching = until(lambda: number("postrider_push_watches") >= 3)
    faults.check(watching, "not every mailbox is watched")
    faults.check(rig.sandbox.ask("microsoft.subscriptions", account=CAT), "there is no subscription")
    before = number("postrider_push_hints_total")
    rig.sandbox.ask("microsoft.deliver", account=CAT, **{"from": "x@else.example", "subject": "Hello you"})
    rig.fast()
    faults.check(until(lambda: number("postrider_push_hints_total") > before), "no notice came")
    rig.hold()


def check_claims(rig, faults):
    time.sleep(1)  # what the notice brought is over
    before = shown(rig, CAT)["listed_at"]
    rig.sandbox.ask("microsoft.claims", account=CAT)
    rig.fast()
    listed = until(lambda: shown(rig, CAT)["listed_at"] > before)
    rig.hold()
    faults.check(listed and shown(rig, CAT)["status"] == "active", shown(rig, CAT))
    rig.sandbox.ask("microsoft.claims", account=CAT, interactive=True)
    rig.sandbox.ask("microsoft.token.expire", account=CAT)
    rig.fast()
    about = until(lambda: shown(rig, CAT)["status"] == "reconnect needed" and shown(rig, CAT), 30)
    rig.hold()
    faults.check(about, shown(rig, CAT))
    link = rig.api("POST", "/v1/mailboxes/cat%40corp.example/invite")["link"]
    browser = Browser(rig)
    _, _, location = browser.go(link, {"go": "yes"})
    faults.check("claims=" in location, location)
    status, page, _ = follow(browser, location)
    faults.check("is connected" in page, page)
    faults.check(until(lambda: shown(rig, CAT)["status"] == "active"), shown(rig, CAT))


def main():
    faults = Faults()
    with Rig(sys.argv[1], gmail=False, config={"public_url": PUBLIC}, poll="15 minutes",
             providers=lambda rig: {"graph": rig.graph()}) as rig:
        for address in (CAT, DAN, EVE):
            rig.account(address, provider="graph", name=address[:3].title())
        rig.sandbox.ask("microsoft.tenant", domain="corp.example", admin_consent=True)
        rig.start()
        play(rig, faults)
        check_sends(rig, faults)
        check_push(rig, faults)
        check_claims(rig, faults)
        if faults:
            print(rig.tail(40))
        faults.check(rig.stop() == 0, f"the daemon ended with {rig.daemon.returncode}")
        with open(rig.log, errors="replace") as log:
            faults.check("canary" not in log.read(), "the log has a secret")
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
