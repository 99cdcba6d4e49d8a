"""tests/contract/match.py: whole campaigns with prism between daemon and sandbox, whoever the provider is.

What a provider adds (gmail, graph): which requests the contract covers, how a campaign is made hard,
how one is spoiled on purpose, and what must have been seen.
"""
import argparse
import base64
import hashlib
import http.client
import json
import os
import sys
import time
import urllib.parse
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]
from campaign import build  # noqa: E402
from oracle import Oracle  # noqa: E402
from referee import Referee  # noqa: E402
from relay import Relay  # noqa: E402
from rig import PUBLIC, Rig  # noqa: E402

BEHAVIOUR = dict(reply=0.25, other_address=0.05, auto_reply=0.05, out_of_office=0.05,
                 bounce_hard=0.05, bounce_soft=0.05, unsubscribe=0.05, unrelated=0.2,
                 delay_min_ms=60_000, delay_max_ms=36 * 3600_000)


class Match:
    """A daemon, a sandbox, and prism between the two. The daemon's provider is a relay: it sends what
    the contract covers through prism, and the rest to the sandbox."""

    SPOILED = {}  # what prism must name, by what is spoiled
    REPLAYED = 100_000  # no more parts of batches are sent again than this, evenly chosen

    def __init__(self, args):
        self.args, self.faults, self.referee, self.back = args, [], None, None
        self.front = Relay(change_request=self.change_request)
        self.rig = Rig(args.build, ("--seed", str(args.seed)), which="http", poll="1 hour",
                       config={"public_url": PUBLIC}, **self.provider())
        try:
            self.connect_prism()
        except BaseException:
            self.end()
            raise

    def connect_prism(self):
        sandbox = upstream = self.rig.sandbox.about["http"]
        if self.args.spoil == "answer":
            self.back = Relay([("/", sandbox)], change_answer=self.spoil_answer)
            upstream = self.back.url
        self.referee = Referee(self.args.prism, self.args.spec, upstream + self.BASE,
                               os.path.join(self.rig.dir, "prism.log"))
        self.front.upstreams = [(start, self.referee.url) for start in self.COVERED] + [
            (start, sandbox) for start in self.BESIDE]

    def change_request(self, method, target, body):
        return self.spoil_request(method, target, body) if self.args.spoil == "request" else (
            target, body)

    def end(self):
        try:
            self.rig.end()
        finally:
            for what in (self.referee, self.front, self.back):
                if what:
                    what.end()

    # -- the campaign ----------------------------------------------------------------------------
    def play(self):
        args, rig = self.args, self.rig
        rig.start()
        behaviour = dict(BEHAVIOUR)
        if args.access == "headers":  # a report's headers alone do not tell soft from hard
            behaviour["bounce_soft"] = 0
        senders, campaign = build(rig, args, behaviour)
        rig.api("POST", f"/v1/campaigns/{campaign}/start")
        rig.fast()
        self.provoke(senders)
        rig.run(campaign, args.seconds)
        rig.sandbox.ask("clock.jump", by=72 * 3600_000)  # the last answers come in
        time.sleep(2)
        people = [f"p{i}@people{i % 97}.example" for i in range(args.people)]
        oracle = Oracle(rig.sandbox.about["receiver_log"], people, 3, senders)
        oracle.check_once()
        oracle.check_missed()
        self.faults += oracle.faults
        troubled = [p for p in people if any(p in fault for fault in oracle.faults)]
        for person in troubled if not args.spoil else ():
            print(json.dumps(rig.api("GET", f"/v1/explain/{person}"), indent=1))
        print(oracle.summary())
        if not args.spoil:
            self.play_more(senders[0])

    def play_more(self, sender):
        """What a campaign of short mails does not bring about."""

    def provoke(self, senders):
        """Refusals on the way, as answers are held to the contract too."""

    # -- batches, part by part -------------------------------------------------------------------
    def sign_in(self, side, authorize, token, scopes, account):
        """An access token of a grant that the referee itself was given."""
        rig, verifier = self.rig, "v" * 50
        back = "http://127.0.0.1/referee"
        rig.sandbox.ask(side + ".client.add", client_id="referee", client_secret="referee",
                        redirect_uris=[back])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query = urllib.parse.urlencode({
            "client_id": "referee", "redirect_uri": back, "response_type": "code", "state": "s",
            "scope": " ".join(scopes), "login_hint": account,
            "code_challenge": challenge.decode().rstrip("="), "code_challenge_method": "S256"})
        connection = rig.sandbox.connect("http")
        connection.request("GET", authorize + "?" + query)
        where = connection.getresponse().getheader("Location")
        connection.close()
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(where).query)["code"][0]
        status, body = rig.sandbox.get(token, "POST", urllib.parse.urlencode({
            "grant_type": "authorization_code", "code": code, "client_id": "referee",
            "client_secret": "referee", "redirect_uri": back, "code_verifier": verifier}),
            {"Content-Type": "application/x-www-form-urlencoded"})
        if status != 200:
            raise RuntimeError(f"the referee got no token for {account}: {status} {body}")
        return json.loads(body)["access_token"]

    def replay(self, requests):
        """Sends each part of each batch through prism; it must be answered as it was in its batch."""
        self.rig.hold()
        self.calm()
        parts = [r for r in requests if "batch" in r and r["method"] == "GET" and r.get("note")]
        parts = parts[::1 + len(parts) // self.REPLAYED]
        tokens = {a: self.token(a) for a in {p["note"].split()[0] for p in parts}}
        counts = Counter()
        for part in parts:
            target = part["path"] + ("?" + part["query"] if part.get("query") else "")
            connection = http.client.HTTPConnection(self.front.url.split("//")[1], timeout=60)
            connection.request(part["method"], target, headers={
                "Authorization": "Bearer " + tokens[part["note"].split()[0]], **self.HEADERS})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            counts[f"part {self.operation(part['method'], target)} {answer.status}"] += 1
            if answer.status != part["status"] and part["status"] in self.SAME:
                self.faults.append(f"{part['method']} {target} of a batch was {part['status']} "
                                   f"there, and {answer.status} by itself")
        return counts

    # -- the verdict -----------------------------------------------------------------------------
    def violations(self):
        found = [f"{self.operation(s.method, s.target)}: {v}"
                 for s in self.front.seen for v in s.violations]
        return found + [f"prism's log: {line}" for line in self.referee.complaints()]

    def bypassed(self, requests):
        """Whether all that the contract covers went through prism: both ends count it, when the daemon
        has ended."""
        theirs = sum(1 for r in requests if "batch" not in r and "post" not in r
                     and r["path"].startswith(self.AT_SANDBOX))
        ours = sum(1 for s in self.front.seen if not s.target.startswith(self.BESIDE or ("\0",)))
        if theirs != ours:
            self.faults.append(f"{ours} requests went to prism, the sandbox got {theirs}")


def judge(match):
    """Plays, replays, and prints what was seen; the status."""
    args = match.args
    match.play()
    code = match.rig.stop()
    if code:
        match.faults.append(f"the daemon ended with {code}")
    match.front.wait_idle()
    requests = match.rig.sandbox.log("requests")
    match.bypassed(requests)
    counts = Counter(f"{match.operation(s.method, s.target)} {s.status}" for s in match.front.seen)
    counts += match.replay(requests)
    for what, count in sorted(counts.items()):
        print(f"{count:6} {what}")
    unseen = match.NEEDED[args.access] - set(counts)
    if unseen:
        match.faults.append(f"not seen, so not judged: {sorted(unseen)}")
    match.faults += match.front.broken
    violations = match.violations()
    for text in (match.faults + violations)[:30]:
        print("FAULT", text)
    print(f"contract, {args.access} access: {len(match.front.seen)} requests, "
          f"{sum(c for w, c in counts.items() if w.startswith('part'))} parts of batches, "
          f"{len(violations)} violations, {len(match.faults)} other faults")
    return 1 if match.faults or violations else 0


def judge_broken(match):
    """The same with something spoiled: the campaign may end as it can, prism must name the fault."""
    try:
        match.args.seconds = 10
        match.play()
    except RuntimeError:
        pass  # what is spoiled may well stop mailboxes or mails
    needle = match.SPOILED[match.args.spoil]
    named = [v for v in match.violations() if needle in v]
    print(f"a broken {match.args.spoil}: " + (f"found: {named[0]}" if named else "NOT FOUND"))
    return 0 if named else 1


def run(kind):
    """The program around a kind of match; the status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--prism", required=True)
    parser.add_argument("--spec", required=True)
    parser.add_argument("--access", choices=("full", "headers"), default="full")
    parser.add_argument("--break", dest="spoil", choices=("request", "answer"))
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--mailboxes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--gap", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=300)
    args = parser.parse_args()
    args.build, args.provider = os.path.abspath(args.build), kind.NAME
    match = kind(args)
    try:
        return judge_broken(match) if match.args.spoil else judge(match)
    except BaseException:
        print(match.rig.tail(60), file=sys.stderr)
        print("\n".join(match.front.broken[:10] + match.violations()[:10]), file=sys.stderr)
        raise
    finally:
        match.end()

