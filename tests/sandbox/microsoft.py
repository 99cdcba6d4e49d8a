"""tests/sandbox/microsoft.py PROGRAM: the sandbox's Microsoft side, vector by vector of the facts."""
import base64
import email
import email.policy
import hashlib
import html
import json
import re
import sys
import threading
import time
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

import contract
from sandbox import Sandbox

PROGRAM = sys.argv.pop(1)
ANA = "ana@acme.example"
BEN = "ben@acme.example"
ZOE = "zoe@outlook.com"
FULL = ["Mail.ReadWrite", "Mail.Send", "MailboxSettings.ReadWrite"]
HEADERS = ["Mail.Send", "Mail.ReadBasic"]
SIGN_IN = ["openid", "email", "profile", "offline_access", "User.Read"]
BACK = "http://127.0.0.1:4711/oauth/cb/graph"
VERIFIER = "verifier-" + "x" * 50
DAY = 24 * 3600 * 1000
MARKER = "String {7d2c1f4e-2b3a-4f5e-8a9b-0c1d2e3f4a5b} Name postrider-id"
IMMUTABLE = 'IdType="ImmutableId"'


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def challenge(verifier=VERIFIER):
    return encoded(hashlib.sha256(verifier.encode()).digest())


def to(*addresses):
    return [{"emailAddress": {"address": address}} for address in addresses]


def message(address="bo@there.example", subject="A question", text="<p>Hello</p>", **more):
    return {"subject": subject, "body": {"contentType": "html", "content": text},
            "toRecipients": to(address), **more}


def mime(address="bo@there.example", subject="A question", text="Hello", **headers):
    lines = [f"From: {headers.pop('from_', 'Ana <ana@acme.example>')}", f"To: {address}",
             f"Subject: {subject}", "Message-ID: <ours-1@acme.example>"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return base64.b64encode(("\r\n".join(lines) + "\r\n\r\n" + text + "\r\n").encode())


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]


class Case(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox(PROGRAM, "--clock", "hold", "--seed", "1",
                           "--start", "2027-01-04T09:00:00Z")
        self.addCleanup(self.box.end)
        self.box.ask("microsoft.account.add", address=ANA, name="Ana Lee",
                     aliases=["a@acme.example"], send_as=["team@acme.example"],
                     on_behalf=["boss@acme.example"])
        self.box.ask("microsoft.account.add", address=BEN)
        self.box.ask("microsoft.account.add", address=ZOE, mail=None)
        self.box.ask("microsoft.client.add", client_id="cid", client_secret="shh",
                     redirect_uris=["http://127.0.0.1/oauth/cb/graph"])
        self.connection = self.box.connect("http")
        self.addCleanup(self.connection.close)

    def http(self, method, path, body=None, headers=None):
        if isinstance(body, dict) and headers is None:
            body, headers = urllib.parse.urlencode(body, True), {
                "Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    # -- signing in

    def auth_query(self, scopes=FULL, **more):
        asked = {"client_id": "cid", "redirect_uri": BACK, "response_type": "code",
                 "scope": " ".join([*SIGN_IN, *scopes]), "state": "st",
                 "code_challenge": challenge(), "code_challenge_method": "S256",
                 "login_hint": ANA, **more}
        return urllib.parse.urlencode({k: v for k, v in asked.items() if v is not None})

    def redirected(self, answer):
        self.assertEqual(answer.status, 302, answer.body)
        back = urllib.parse.urlsplit(answer.headers["Location"])
        self.assertEqual(f"{back.scheme}://{back.netloc}{back.path}", BACK)
        return {k: v[0] for k, v in urllib.parse.parse_qs(back.query).items()}

    def authorize(self, account=ANA, scopes=FULL, tenant="common", **more):
        self.box.ask("microsoft.consent", account=account)
        return self.http("GET", f"/login/{tenant}/oauth2/v2.0/authorize?"
                         + self.auth_query(scopes, **more))

    def token(self, tenant="common", **form):
        return self.http("POST", f"/login/{tenant}/oauth2/v2.0/token",
                         {"client_id": "cid", "client_secret": "shh", **form})

    def exchange(self, code, **more):
        return self.token(**{"grant_type": "authorization_code", "code": code,
                             "redirect_uri": BACK, "code_verifier": VERIFIER, **more})

    def refresh(self, token, **more):
        return self.token(grant_type="refresh_token", refresh_token=token, **more)

    def sign_in(self, account=ANA, scopes=FULL):
        answer = self.exchange(self.redirected(self.authorize(account, scopes))["code"])
        self.assertEqual(answer.status, 200, answer.body)
        self.tokens = answer.json
        return self.tokens["access_token"]

    # -- Graph

    def call(self, method, path, body=None, status=200, token=None, **headers):
        """One call below /me/, or of a whole path; held to the contract."""
        if path.startswith("http"):
            path = path.split("/v1.0", 1)[1]
        whole = path if path.startswith("/") else "/me/" + path
        headers = {"Authorization": "Bearer " + (token or self.tokens["access_token"]),
                   **{name.replace("_", "-"): value for name, value in headers.items()}}
        headers.setdefault("Prefer", IMMUTABLE)
        if isinstance(body, (dict, list)):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        elif isinstance(body, bytes):
            headers["Content-Type"] = "text/plain"
        answer = self.http(method, "/v1.0" + whole.replace(" ", "%20"), body, headers)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(contract.check(method, whole, answer.status, answer.body, contract.GRAPH),
                         [])
        return answer

    def draft(self, **more):
        return self.call("POST", "messages", message(**more), 201).json

    def sent(self, **more):
        """Drafts, sends, waits; gives the sent item."""
        id = self.draft(**more)["id"]
        self.call("POST", f"messages/{id}/send", status=202)
        self.later(2000)
        return self.call("GET", f"messages/{id}").json

    def delta(self, link="mailFolders/inbox/messages/delta", **headers):
        """All pages of a round: items and the delta link."""
        items = []
        while True:
            page = self.call("GET", link, **headers).json
            items += page["value"]
            if "@odata.deltaLink" in page:
                return items, page["@odata.deltaLink"]
            link = page["@odata.nextLink"]

    def later(self, ms):
        self.box.ask("clock.jump", by=ms)

    def receiver(self, kind):
        return [line for line in self.box.log("receiver") if line["kind"] == kind]


class Campaign(Case):
    """The way of a message, whole."""

    def test_draft_send_answer(self):
        self.sign_in()
        me = self.call("GET", "/me").json
        self.assertEqual((me["mail"], me["userPrincipalName"]), (ANA, ANA))
        self.box.ask("microsoft.script", person="bo@there.example", act="reply", after_ms=60000)
        draft = self.call("POST", "messages", message(
            internetMessageHeaders=[{"name": "x-postrider-id", "value": "m1"}],
            categories=["Outreach/Berlin"]), 201).json
        self.assertTrue(draft["isDraft"])
        answer = self.call("POST", f"messages/{draft['id']}/send", status=202)
        self.assertEqual((answer.body, answer.headers["Content-Type"]), (b"", None))
        self.later(2000)
        sent = self.call("GET", f"messages/{draft['id']}").json
        self.assertFalse(sent["isDraft"])
        self.assertEqual(sent["categories"], ["Outreach/Berlin"])
        self.assertNotEqual(sent["internetMessageId"], draft["internetMessageId"])
        line, = self.receiver("accepted")
        self.assertEqual((line["account"], line["marker"], line["to"], line["via"]),
                         (ANA, "m1", "bo@there.example", "draft"))
        self.assertEqual((line["message_id"], line["id"]), (sent["internetMessageId"], sent["id"]))
        _, link = self.delta()
        self.later(60000)
        items, link = self.delta(link)
        self.assertEqual([item["from"]["emailAddress"]["address"] for item in items],
                         ["bo@there.example"])
        told, = self.receiver("reply")
        self.assertEqual((told["id"], told["of"]), (items[0]["id"], sent["internetMessageId"]))
        self.assertEqual(self.delta(link)[0], [])

    def test_send_mail(self):
        self.sign_in(scopes=HEADERS)
        answer = self.call("POST", "sendMail", {"message": message(), "saveToSentItems": True},
                           202)
        self.assertEqual((answer.body, answer.headers["Content-Type"]), (b"", None))
        listed = "mailFolders/sentitems/messages?$select=subject,toRecipients,sentDateTime"
        self.assertEqual(self.call("GET", listed).json["value"], [])
        self.later(2000)
        item, = self.call("GET", listed).json["value"]
        self.assertEqual(item["toRecipients"][0]["emailAddress"]["address"], "bo@there.example")
        self.assertEqual(self.receiver("accepted")[0]["id"], item["id"])


if __name__ == "__main__":
    unittest.main()
