"""tests/sandbox/google.py PROGRAM: the sandbox's Google side, vector by vector of the facts."""
import base64
import email
import email.policy
import hashlib
import html
import json
import re
import sys
import threading
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer
from random import Random

import contract
from sandbox import Sandbox

PROGRAM = sys.argv.pop(1)
ANA = "ana@acme.example"
BEN = "ben@acme.example"
AUTH = "https://www.googleapis.com/auth/"
FULL = [AUTH + "gmail.modify"]
HEADERS = [AUTH + "gmail.send", AUTH + "gmail.metadata", AUTH + "gmail.labels"]
BACK = "http://127.0.0.1:4711/oauth/cb/gmail"
VERIFIER = "verifier-" + "x" * 50
DAY = 24 * 3600 * 1000
USER = "/gmail/v1/users/me/"


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def challenge(verifier=VERIFIER):
    return encoded(hashlib.sha256(verifier.encode()).digest())


def mail(to="bo@there.example", subject="A question", text="Hello", **headers):
    lines = [f"From: Ana <{headers.pop('from_', ANA)}>", f"To: {to}", f"Subject: {subject}",
             "Message-ID: <ours-1@acme.example>"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + text + "\r\n").encode()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def reason(self):
        return self.json["error"]["errors"][0]["reason"]


class Case(unittest.TestCase):
    def setUp(self):
        self.box = Sandbox(PROGRAM, "--clock", "hold", "--seed", "1")
        self.addCleanup(self.box.end)
        self.box.ask("google.account.add", address=ANA, name="Ana",
                     aliases=[{"address": "a@acme.example", "verification": "accepted"},
                              {"address": "new@acme.example", "verification": "pending"}])
        self.box.ask("google.account.add", address=BEN)
        self.box.ask("google.client.add", client_id="cid", client_secret="shh",
                     redirect_uris=["http://127.0.0.1/oauth/cb/gmail"])
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
                 "scope": " ".join(["openid", "email", *scopes]), "state": "st",
                 "access_type": "offline", "prompt": "consent", "code_challenge": challenge(),
                 "code_challenge_method": "S256", "login_hint": ANA, **more}
        return urllib.parse.urlencode({k: v for k, v in asked.items() if v is not None})

    def code(self, account=ANA, scopes=FULL, **more):
        self.box.ask("google.consent", account=account)
        answer = self.http("GET", "/o/oauth2/v2/auth?" + self.auth_query(scopes, **more))
        self.assertEqual(answer.status, 303, answer.body)
        back = urllib.parse.urlsplit(answer.headers["Location"])
        self.assertEqual(f"{back.scheme}://{back.netloc}{back.path}", BACK)
        return urllib.parse.parse_qs(back.query)

    def exchange(self, code, **more):
        return self.http("POST", "/token", {
            "grant_type": "authorization_code", "code": code, "client_id": "cid",
            "client_secret": "shh", "redirect_uri": BACK, "code_verifier": VERIFIER, **more})

    def refresh(self, token):
        return self.http("POST", "/token", {
            "grant_type": "refresh_token", "refresh_token": token, "client_id": "cid",
            "client_secret": "shh"})

    def sign_in(self, account=ANA, scopes=FULL):
        """Without an id_token: each sandbox would make a key of its own for that."""
        asked = " ".join(["email", *scopes])
        answer = self.exchange(self.code(account, scopes, scope=asked)["code"][0])
        self.assertEqual(answer.status, 200, answer.body)
        self.tokens = answer.json
        return self.tokens["access_token"]

    # -- the API

    def call(self, method, path, body=None, token=None, status=200, headers=None):
        """One call under users/me/, or of a whole path; held to the contract."""
        whole = path if path.startswith("/") else USER + path
        headers = {"Authorization": "Bearer " + (token or self.tokens["access_token"]),
                   **(headers or {})}
        if isinstance(body, dict):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        answer = self.http(method, whole, body, headers)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(contract.check(method, whole, answer.status, answer.body), [])
        return answer

    def send(self, raw=None, thread=None, status=200, **headers):
        body = {"raw": encoded(raw or mail(**headers))}
        if thread:
            body["threadId"] = thread
        return self.call("POST", "messages/send", body, status=status)

    def sent(self, **headers):
        """Sends, and gives id, threadId and the final Message-ID."""
        answer = self.send(**headers).json
        return answer["id"], answer["threadId"], self.header(answer["id"], "Message-ID")

    def header(self, id, name):
        found = self.call("GET", f"messages/{id}?format=metadata&metadataHeaders={name}").json
        values = [h["value"] for h in found["payload"]["headers"]]
        return values[0] if values else None

    def history_id(self):
        return int(self.call("GET", "profile").json["historyId"])

    def later(self, ms):
        self.box.ask("clock.jump", by=ms)

    def receiver(self, kind):
        return [line for line in self.box.log("receiver") if line["kind"] == kind]

    def wait_for(self, kind, count=1):
        def there():
            found = self.receiver(kind)
            return found if len(found) >= count else None
        return self.box.wait_for(there)


class SignIn(Case):
    def test_code_with_pkce(self):
        back = self.code()
        self.assertEqual(back["state"], ["st"])
        tokens = self.exchange(back["code"][0]).json
        self.assertTrue(tokens["access_token"].startswith("ya29.canary-"))
        self.assertTrue(tokens["refresh_token"].startswith("1//canary-"))
        self.assertEqual(set(tokens["scope"].split()),
                         {"openid", AUTH + "userinfo.email", AUTH + "gmail.modify"})
        claims = json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[1] + "=="))
        self.assertEqual(claims["email"], ANA)
        self.assertEqual(claims["aud"], "cid")
        info = self.http("GET", "/v1/userinfo", headers={
            "Authorization": "Bearer " + tokens["access_token"]}).json
        self.assertEqual((info["email"], info["sub"]), (ANA, claims["sub"]))
        keys = self.http("GET", "/oauth2/v3/certs").json["keys"]
        self.assertEqual(keys[0]["kty"], "RSA")

    def test_code_works_once(self):
        code = self.code()["code"][0]
        self.assertEqual(self.exchange(code).status, 200)
        again = self.exchange(code)
        self.assertEqual((again.status, again.json["error"]), (400, "invalid_grant"))

    def test_wrong_verifier(self):
        for verifier, said in (("wrong" * 10, "Invalid code verifier."),
                               ("", "Missing code verifier.")):
            answer = self.exchange(self.code()["code"][0], code_verifier=verifier)
            self.assertEqual(answer.status, 400)
            self.assertEqual(answer.json["error_description"], said)

    def test_wrong_client_secret_and_redirect(self):
        code = self.code()["code"][0]
        self.assertEqual(self.exchange(code, client_secret="no").status, 401)
        self.assertEqual(self.exchange(code, client_id="who").json["error"], "invalid_client")
        self.assertEqual(self.exchange(code, redirect_uri=BACK + "x").json["error"],
                         "redirect_uri_mismatch")

    def test_redirect_is_exact_but_for_the_port(self):
        for uri, status in ((BACK, 303), ("http://127.0.0.1:9/oauth/cb/gmail", 303),
                            ("http://127.0.0.1:9/oauth/cb", 400),
                            ("http://localhost:4711/oauth/cb/gmail", 400),
                            ("https://evil.example/oauth/cb/gmail", 400)):
            self.box.ask("google.consent", account=ANA)
            answer = self.http("GET", "/o/oauth2/v2/auth?" + self.auth_query(redirect_uri=uri))
            self.assertEqual(answer.status, status, uri)

    def test_consent_page_can_be_clicked(self):
        self.box.ask("google.consent", mode="page")
        page = self.http("GET", "/o/oauth2/v2/auth?" + self.auth_query(HEADERS)).body.decode()
        fields = [(k, html.unescape(v)) for k, v in
                  re.findall(r'<input type=hidden name=(\w+) value="([^"]*)"', page)]
        boxes = re.findall(r'name=grant value="([^"]+)"', page)
        self.assertEqual(sorted(boxes), sorted(HEADERS))
        self.assertIn(f'value="{ANA}" checked', page)
        form = fields + [("account", BEN), ("grant", HEADERS[0]), ("decision", "allow")]
        answer = self.http("POST", "/o/oauth2/v2/auth/consent", urllib.parse.urlencode(form))
        self.assertEqual(answer.status, 303)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)
        self.assertNotIn(AUTH + "gmail.metadata", query["scope"][0])
        tokens = self.exchange(query["code"][0]).json
        self.assertNotIn(AUTH + "gmail.metadata", tokens["scope"])
        claims = json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[1] + "=="))
        self.assertEqual(claims["email"], BEN)
        form[-1] = ("decision", "deny")
        answer = self.http("POST", "/o/oauth2/v2/auth/consent", urllib.parse.urlencode(form))
        self.assertIn("error=access_denied", answer.headers["Location"])
        self.assertNotIn("code=", answer.headers["Location"])

    def test_hint_of_an_alias_leads_to_its_owner(self):
        self.box.ask("google.consent")
        answer = self.http("GET", "/o/oauth2/v2/auth?" + self.auth_query(
            login_hint="a@acme.example"))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)
        self.tokens = self.exchange(query["code"][0]).json
        self.assertEqual(self.call("GET", "profile").json["emailAddress"], ANA)
        answer = self.http("GET", "/o/oauth2/v2/auth?" + self.auth_query(
            login_hint="nobody@acme.example"))
        self.assertEqual(answer.status, 400)

    def test_partial_scope_grant(self):
        self.box.ask("google.consent", account=ANA, scopes=[HEADERS[0], HEADERS[2]])
        answer = self.http("GET", "/o/oauth2/v2/auth?" + self.auth_query(HEADERS))
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)
        self.tokens = self.exchange(query["code"][0]).json
        self.assertNotIn(AUTH + "gmail.metadata", self.tokens["scope"].split())
        self.assertIn(AUTH + "gmail.send", self.tokens["scope"].split())
        self.assertEqual(self.call("GET", "profile", status=403).reason, "insufficientPermissions")

    def test_refresh_token_only_offline_and_asked_for(self):
        self.assertNotIn("refresh_token",
                         self.exchange(self.code(access_type="online")["code"][0]).json)
        self.assertNotIn("refresh_token", self.exchange(self.code(prompt=None)["code"][0]).json)
        self.assertIn("refresh_token", self.exchange(self.code()["code"][0]).json)

    def test_refresh(self):
        first = self.sign_in()
        answer = self.refresh(self.tokens["refresh_token"]).json
        self.assertNotEqual(answer["access_token"], first)
        self.assertNotIn("refresh_token", answer)
        self.box.ask("google.token", rotate=True, expires_in=7)
        answer = self.refresh(self.tokens["refresh_token"]).json
        self.assertEqual(answer["expires_in"], 7)
        self.assertEqual(self.refresh(self.tokens["refresh_token"]).status, 400)
        self.assertEqual(self.refresh(answer["refresh_token"]).status, 200)
        self.box.ask("google.token", unavailable=1)
        answer = self.refresh("any")
        self.assertEqual((answer.status, answer.json["error"]), (503, "temporarily_unavailable"))

    def test_access_token_ends_with_its_time(self):
        self.sign_in()
        self.call("GET", "profile")
        self.later(3600 * 1000)
        self.assertEqual(self.call("GET", "profile", status=401).reason, "authError")
        self.tokens.update(self.refresh(self.tokens["refresh_token"]).json)
        self.call("GET", "profile")
        self.box.ask("google.token.expire", address=ANA)
        answer = self.call("GET", "profile", status=401)
        self.assertIn("invalid_token", answer.headers["WWW-Authenticate"])

    def test_invalid_grant_after_revoke(self):
        self.sign_in()
        self.assertEqual(
            self.http("POST", "/revoke", {"token": self.tokens["access_token"]}).status, 200)
        answer = self.refresh(self.tokens["refresh_token"])
        self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_grant"))
        self.call("GET", "profile", status=401)
        again = self.http("POST", "/revoke", {"token": self.tokens["refresh_token"]})
        self.assertEqual((again.status, again.json["error"]), (400, "invalid_token"))

    def test_introspection(self):
        def ask(token, **more):
            return self.http("POST", "/introspect", {"token": token, "client_id": "cid",
                                                     "client_secret": "shh", **more})
        access = self.sign_in(scopes=["https://mail.google.com/"])
        answer = ask(access)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertTrue(answer.json["active"])
        self.assertEqual(answer.json["username"], ANA)
        self.assertIn("https://mail.google.com/", answer.json["scope"].split())
        self.assertEqual(ask(access, client_secret="guess").status, 401)
        basic = base64.b64encode(b"cid:shh").decode()
        answer = self.http("POST", "/introspect", "token=" + access,
                           {"Authorization": "Basic " + basic,
                            "Content-Type": "application/x-www-form-urlencoded"})
        self.assertTrue(answer.json["active"])
        for token in (self.tokens["refresh_token"], "", "ya29.nobody"):
            self.assertEqual(ask(token).json, {"active": False})
        self.later(3600 * 1000)
        self.assertEqual(ask(access).json, {"active": False})
        access = self.refresh(self.tokens["refresh_token"]).json["access_token"]
        self.assertTrue(ask(access).json["active"])
        self.box.ask("google.grant.revoke", account=ANA)
        self.assertEqual(ask(access).json, {"active": False})

    def test_invalid_grant_after_password_change(self):
        self.sign_in()
        self.box.ask("google.account.password_changed", address=ANA)
        answer = self.refresh(self.tokens["refresh_token"])
        self.assertEqual((answer.status, answer.json["error"]), (400, "invalid_grant"))

    def test_hundred_refresh_tokens_at_most(self):
        self.sign_in()
        first = self.tokens["refresh_token"]
        for _ in range(100):
            self.sign_in()
        self.assertEqual(self.refresh(first).status, 400)
        self.assertEqual(self.refresh(self.tokens["refresh_token"]).status, 200)


class Scopes(Case):
    def test_scopes_are_enforced_by_method(self):
        self.sign_in(scopes=[AUTH + "gmail.send"])
        id = self.send().json["id"]
        for method, path in (("GET", "profile"), ("GET", f"messages/{id}"), ("GET", "labels"),
                             ("GET", "history?startHistoryId=1"), ("GET", "settings/sendAs")):
            answer = self.call(method, path, status=403)
            self.assertEqual(answer.reason, "insufficientPermissions")
            self.assertIn('error="insufficient_scope"', answer.headers["WWW-Authenticate"])
        self.call("POST", "drafts", {"message": {"raw": encoded(mail())}}, status=403)
        self.sign_in(scopes=[AUTH + "gmail.labels"])
        label = self.call("POST", "labels", {"name": "x"}).json["id"]
        self.call("POST", f"messages/{id}/modify", {"addLabelIds": [label]}, status=403)
        self.sign_in()
        self.call("POST", f"messages/{id}/modify", {"addLabelIds": [label]})
        self.call("DELETE", f"messages/{id}", status=403)
        self.sign_in(scopes=["https://mail.google.com/"])
        self.call("DELETE", f"messages/{id}", status=204)
        self.call("GET", f"messages/{id}", status=404)

    def test_metadata_rules(self):
        self.sign_in(scopes=HEADERS)
        id = self.send().json["id"]
        self.assertIn("'q' parameter", self.call("GET", "messages?q=from:x",
                                                 status=403).json["error"]["message"])
        for format in ("full", "raw"):
            answer = self.call("GET", f"messages/{id}?format={format}", status=403)
            self.assertIn("Metadata scope doesn't allow format", answer.json["error"]["message"])
        self.call("GET", f"messages/{id}", status=403)  # full is the default
        found = self.call("GET", f"messages/{id}?format=metadata&metadataHeaders=to"
                                 "&metadataHeaders=Subject").json
        self.assertEqual({h["name"] for h in found["payload"]["headers"]}, {"To", "Subject"})
        self.assertEqual(found["snippet"], "")
        self.call("GET", f"messages/{id}?format=minimal")
        self.sign_in(scopes=HEADERS + FULL)
        self.call("GET", f"messages/{id}")
        self.box.ask("google.token", metadata_strict=True)
        self.call("GET", f"messages/{id}", status=403)

    def test_another_user(self):
        self.sign_in()
        self.call("GET", f"/gmail/v1/users/{ANA}/profile")
        self.call("GET", f"/gmail/v1/users/{BEN}/profile", status=403)

    def test_suspended_account(self):
        self.sign_in()
        self.box.ask("google.account.suspend", address=ANA)
        self.assertEqual(self.call("GET", "profile", status=400).reason, "failedPrecondition")
        self.box.ask("google.account.suspend", address=ANA, mode="domain_policy")
        self.assertEqual(self.call("GET", "profile", status=403).reason, "domainPolicy")
        self.box.ask("google.account.suspend", address=ANA, mode="none")
        self.call("GET", "profile")


class Send(Case):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def test_message_id_is_rewritten(self):
        answer = self.send(X_Postrider_Id="mark-1", Bcc="hidden@there.example").json
        self.assertEqual(answer["labelIds"], ["SENT"])
        raw = self.call("GET", f"messages/{answer['id']}?format=raw").json["raw"]
        copy = email.message_from_bytes(base64.urlsafe_b64decode(raw + "=="),
                                        policy=email.policy.default)
        self.assertRegex(copy["Message-ID"], r"^<[^<>@ ]+@mail\.gmail\.com>$")
        self.assertEqual(len(copy.get_all("Message-ID")), 1)
        self.assertNotIn("ours-1", str(copy))
        self.assertEqual(copy["X-Postrider-Id"], "mark-1")
        self.assertIsNone(copy["Bcc"])
        line, = self.receiver("accepted")
        self.assertEqual(line["message_id"], copy["Message-ID"])
        self.assertEqual(line["our_message_id"], "<ours-1@acme.example>")
        self.assertEqual((line["account"], line["marker"], line["via"], line["to"]),
                         (ANA, "mark-1", "send", "bo@there.example"))
        self.assertEqual(line["recipients"], ["bo@there.example", "hidden@there.example"])
        self.assertEqual(line["body_sha256"], hashlib.sha256(b"Hello\r\n").hexdigest())
        self.assertEqual(self.box.ask("google.find", account=ANA, marker="mark-1")["id"],
                         answer["id"])
        notes = [line["note"] for line in self.box.log("requests")]
        self.assertEqual(notes[-2:], [f"{ANA} messages.send", f"{ANA} messages.get"])

    def test_from_of_no_alias_is_rewritten(self):
        for sender, left in ((ANA, True), ("a@acme.example", True), ("new@acme.example", False),
                             ("boss@acme.example", False)):
            id = self.send(from_=sender).json["id"]
            self.assertIn(sender if left else ANA, self.header(id, "From"))
            kept = self.header(id, "X-Google-Original-From")
            self.assertEqual(kept, None if left else f"Ana <{sender}>")
        found = {a["sendAsEmail"]: a for a in self.call("GET", "settings/sendAs").json["sendAs"]}
        self.assertTrue(found[ANA]["isPrimary"])
        self.assertEqual(found["new@acme.example"]["verificationStatus"], "pending")
        self.call("GET", "settings/sendAs/a@acme.example")
        self.call("GET", "settings/sendAs/no@acme.example", status=404)

    def test_thread_needs_id_references_and_subject(self):
        id, thread, final = self.sent()

        def placed(subject="Re: A question", **headers):
            return self.send(thread=thread, subject=subject, **headers).json["threadId"]
        self.assertEqual(placed(References=final, In_Reply_To=final), thread)
        self.assertEqual(placed(In_Reply_To=final), thread)
        self.assertEqual(placed("=?utf-8?q?Re=3A_A_question?=", References=final), thread)
        self.assertNotEqual(placed("Something else", References=final), thread)
        self.assertNotEqual(placed(), thread)
        self.assertNotEqual(placed(References="<ours-1@acme.example>"), thread)
        self.assertNotEqual(self.send(subject="Re: A question", References=final).json["threadId"],
                            thread)
        self.sign_in(BEN)
        self.assertEqual(self.send(thread=thread, References=final, status=404).reason, "notFound")

    def test_bad_mail(self):
        for body in ({}, {"raw": ""}, {"raw": "ab+/"}, {"raw": encoded(b"Subject: x\r\n\r\ny")}):
            self.assertEqual(self.call("POST", "messages/send", body, status=400).reason,
                             "invalidArgument")
        self.assertEqual(self.call("POST", "messages/send", "{", status=400).reason, "parseError")
        many = ", ".join(f"p{n}@there.example" for n in range(101))
        self.send(to=many, status=400)
        self.assertEqual(self.receiver("accepted"), [])

    def test_mangled_mail(self):
        """Bytes from outside make no crash, no answer that is no JSON, no log that is no UTF-8."""
        self.box.ask("google.quota", project="off")
        random = Random(1)
        whole = mail(to='"Bo, X" <bo@there.example>, (c) cy@there.example', References="<a@b> <c>",
                     Content_Type="multipart/mixed; boundary=bb",
                     text="--bb\r\nContent-Type: text/plain\r\n\r\n=3D\r\n--bb--")
        taken = 0
        for _ in range(300):
            bytes_ = bytearray(whole)
            for _ in range(random.randint(1, 6)):
                at = random.randrange(len(bytes_))
                bytes_[at:at + random.choice((0, 1, 20))] = random.choice(
                    (b"\r\n", b"<", b'"', b"\0", b"\xff", b"--bb", b"=?x?b?", b"(", b":", b"\n "))
            answer = self.http("POST", USER + "messages/send",
                               json.dumps({"raw": encoded(bytes(bytes_))}),
                               {"Authorization": "Bearer " + self.tokens["access_token"]})
            if answer.status == 200:
                self.call("GET", f"messages/{answer.json['id']}")
                taken += 1
            else:
                self.assertEqual(answer.reason, "invalidArgument")
        self.assertGreater(taken, 100)
        self.assertEqual(len(self.receiver("accepted")), taken)

    def test_upload_media_and_multipart_beyond_json(self):
        big = mail(text="line of text\r\n" * 400000)  # 5.6 MB
        self.assertEqual(self.send(big, status=413).status, 413)
        path = "/upload/gmail/v1/users/me/messages/send?uploadType="
        one = self.call("POST", path + "media", big, headers={"Content-Type": "message/rfc822"})
        final = self.header(one.json["id"], "Message-ID")
        reply = mail(subject="Re: A question", References=final, text="x" * 4000000)
        parts = (b"--b1\r\nContent-Type: application/json\r\n\r\n" +
                 json.dumps({"threadId": one.json["threadId"]}).encode() +
                 b"\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\n" + reply + b"\r\n--b1--\r\n")
        two = self.call("POST", path + "multipart", parts,
                        headers={"Content-Type": "multipart/related; boundary=b1"})
        self.assertEqual(two.json["threadId"], one.json["threadId"])
        line = self.receiver("accepted")[-1]
        self.assertEqual(line["body_sha256"],
                         hashlib.sha256(b"x" * 4000000 + b"\r\n").hexdigest())
        self.call("POST", path + "resumable", b"x", status=400)

    def test_draft_is_sent_once(self):
        draft = self.call("POST", "drafts", {"message": {"raw": encoded(mail())}}).json
        self.assertEqual(draft["message"]["labelIds"], ["DRAFT"])
        drafted = self.header(draft["message"]["id"], "Message-ID")
        self.assertNotIn("ours", drafted)
        self.assertEqual(self.call("GET", "drafts").json["drafts"][0]["id"], draft["id"])
        self.call("GET", f"drafts/{draft['id']}?format=metadata")
        self.assertEqual(self.box.ask("google.drafts.count", account=ANA)["drafts"], 1)
        sent = self.call("POST", "drafts/send", {"id": draft["id"]}).json
        self.assertEqual(sent["labelIds"], ["SENT"])
        self.assertEqual(sent["threadId"], draft["message"]["threadId"])
        self.assertNotEqual(self.header(sent["id"], "Message-ID"), drafted)
        self.assertEqual(self.call("POST", "drafts/send", {"id": draft["id"]}, status=404).reason,
                         "notFound")
        self.call("GET", f"drafts/{draft['id']}", status=404)
        self.call("GET", f"messages/{draft['message']['id']}", status=404)
        line, = self.receiver("accepted")
        self.assertEqual((line["via"], line["our_message_id"]),
                         ("draft", "<ours-1@acme.example>"))
        self.assertEqual(self.box.ask("google.drafts.count", account=ANA)["drafts"], 0)

    def test_draft_updated_and_deleted(self):
        body = {"message": {"raw": encoded(mail())}}
        draft = self.call("POST", "drafts", body).json
        changed = self.call("PUT", f"drafts/{draft['id']}",
                            {"message": {"raw": encoded(mail(subject="Other"))}}).json
        self.assertEqual(changed["id"], draft["id"])
        self.assertEqual(self.header(changed["message"]["id"], "Subject"), "Other")
        self.call("DELETE", f"drafts/{draft['id']}", status=204)
        self.call("DELETE", f"drafts/{draft['id']}", status=404)
        self.assertNotIn("drafts", self.call("GET", "drafts").json)
        path = "/upload/gmail/v1/users/me/drafts?uploadType=media"
        draft = self.call("POST", path, mail(), headers={"Content-Type": "message/rfc822"}).json
        self.call("POST", "drafts/send", {"id": draft["id"]})

    def test_draft_in_a_thread(self):
        _, thread, final = self.sent()
        draft = self.call("POST", "drafts", {"message": {
            "threadId": thread,
            "raw": encoded(mail(subject="Re: A question", References=final))}}).json
        self.assertEqual(draft["message"]["threadId"], thread)
        sent = self.call("POST", "drafts/send", {"id": draft["id"]}).json
        self.assertEqual(sent["threadId"], thread)

    def test_daily_limit_says_when(self):
        self.box.ask("google.account.add", address=ANA, send_limit=2)
        self.send()
        self.send()
        answer = self.send(status=429)
        self.assertRegex(answer.json["error"]["message"],
                         r"^User-rate limit exceeded\.  Retry after \d{4}-\d\d-\d\dT[\d:.]+Z$")
        self.assertEqual(len(self.receiver("accepted")), 2)
        self.later(DAY + 1000)
        self.sign_in()
        self.send()

    def test_mail_between_accounts_arrives(self):
        self.send(to=BEN)
        self.sign_in(BEN)
        hit, = self.call("GET", "messages?labelIds=INBOX&labelIds=UNREAD").json["messages"]
        self.assertEqual(self.header(hit["id"], "Subject"), "A question")


class Quota(Case):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def test_buckets_by_method_cost(self):
        self.box.ask("google.quota", project="new")
        id = self.send().json["id"]  # 100
        for _ in range(295):  # 20 each
            self.call("GET", f"messages/{id}?format=minimal")
        answer = self.call("GET", f"messages/{id}?format=minimal", status=403)
        self.assertEqual(answer.reason, "rateLimitExceeded")
        self.assertEqual(answer.json["error"]["errors"][0]["domain"], "usageLimits")
        self.assertIsNone(answer.headers["Retry-After"])
        self.sign_in(BEN)  # another user has a bucket of their own
        self.call("GET", "profile")
        self.sign_in()
        self.call("GET", "profile", status=403)
        self.later(60 * 1000)
        self.call("GET", "profile")
        self.box.ask("google.quota", project="old")
        for _ in range(400):  # 5 each there
            self.call("GET", f"messages/{id}?format=minimal")

    def test_403_and_429_with_and_without_retry_after(self):
        self.box.ask("google.quota", per_minute=1)
        self.call("GET", "profile")
        for status in (403, 429):
            for said in (True, False):
                self.box.ask("google.quota", answer=status, retry_after=said)
                answer = self.call("GET", "profile", status=status)
                self.assertEqual(answer.headers["Retry-After"] is not None, said)
                if said:
                    self.assertLessEqual(int(answer.headers["Retry-After"]), 60)

    def test_costs_are_settable_and_it_can_be_off(self):
        self.box.ask("google.quota", costs={"getProfile": 6001})
        self.call("GET", "profile", status=403)
        self.box.ask("google.quota", project="off")
        self.call("GET", "profile")


class Labels(Case):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def test_duplicate_is_409(self):
        made = self.call("POST", "labels", {
            "name": "Outreach/Berlin", "labelListVisibility": "labelShow",
            "messageListVisibility": "show"}).json
        self.assertRegex(made["id"], r"^Label_\d+$")
        answer = self.call("POST", "labels", {"name": " outreach/BERLIN "}, status=409)
        self.assertEqual((answer.reason, answer.json["error"]["message"]),
                         ("aborted", "Label name exists or conflicts"))
        names = [label["name"] for label in self.call("GET", "labels").json["labels"]]
        self.assertIn("INBOX", names)
        self.assertIn("Outreach/Berlin", names)
        self.assertNotIn("Outreach", names)

    def test_reserved_and_bad_names(self):
        for name in ("inbox", "Sent", "", " ", "x" * 226, "/x", "x/"):
            self.assertEqual(self.call("POST", "labels", {"name": name}, status=400)
                             .json["error"]["message"], "Invalid label name")

    def test_change_and_delete(self):
        one = self.call("POST", "labels", {"name": "One"}).json["id"]
        self.call("POST", "labels", {"name": "Two"})
        self.call("PATCH", f"labels/{one}", {"name": "two"}, status=409)
        self.call("PATCH", f"labels/{one}", {"name": "ONE"})
        self.call("PUT", f"labels/{one}", {
            "id": one, "name": "Three", "labelListVisibility": "labelHide",
            "messageListVisibility": "hide",
            "color": {"textColor": "#000000", "backgroundColor": "#ffffff"}})
        id = self.send().json["id"]
        self.call("POST", f"messages/{id}/modify", {"addLabelIds": [one]})
        self.assertEqual(self.call("GET", f"labels/{one}").json["messagesTotal"], 1)
        self.call("DELETE", f"labels/{one}", status=204)
        self.call("GET", f"labels/{one}", status=404)
        self.assertEqual(self.call("GET", f"messages/{id}").json["labelIds"], ["SENT"])
        self.call("DELETE", "labels/INBOX", status=400)

    def test_modify(self):
        id = self.send().json["id"]
        one = self.call("POST", "labels", {"name": "One"}).json["id"]
        for body in ({"addLabelIds": ["SENT"]}, {"removeLabelIds": ["SENT"]},
                     {"addLabelIds": ["DRAFT"]}, {"addLabelIds": ["Label_99"]}, {},
                     {"addLabelIds": [one] * 101}):
            self.assertEqual(self.call("POST", f"messages/{id}/modify", body, status=400).reason,
                             "invalidArgument")
        answer = self.call("POST", f"messages/{id}/modify", {"addLabelIds": [one, "STARRED"]}).json
        self.assertEqual(set(answer["labelIds"]), {"SENT", "STARRED", one})
        self.call("POST", "messages/batchModify",
                  {"ids": [id, "gone"], "removeLabelIds": ["STARRED"]}, status=204)
        hits = self.call("GET", f"messages?labelIds=SENT&labelIds={one}").json["messages"]
        self.assertEqual([hit["id"] for hit in hits], [id])
        self.call("GET", "messages?labelIds=Label_99", status=400)
        thread = self.call("GET", f"messages/{id}").json["threadId"]
        self.call("POST", f"threads/{thread}/modify", {"removeLabelIds": [one]})
        self.assertNotIn("messages", self.call("GET", f"messages?labelIds={one}").json)

    def test_owner_sets_a_label_by_hand(self):
        id = self.send().json["id"]
        self.box.ask("google.owner.label", account=ANA, id=id, label="Interested")
        label, = [x for x in self.call("GET", "labels").json["labels"]
                  if x["name"] == "Interested"]
        self.assertIn(label["id"], self.call("GET", f"messages/{id}").json["labelIds"])
        self.box.ask("google.owner.label", account=ANA, id=id, label="Interested", remove=True)
        self.assertNotIn(label["id"], self.call("GET", f"messages/{id}").json["labelIds"])


class Lists(Case):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def ids(self, query=""):
        return [hit["id"] for hit in self.call("GET", "messages" + query).json.get("messages", [])]

    def deliver(self, **what):
        return self.box.ask("google.deliver", account=ANA, **what)

    def test_pages_newest_first(self):
        made = [self.deliver(subject=f"m{n}")["id"] for n in range(7)]
        seen, token = [], ""
        while True:
            answer = self.call("GET", f"messages?labelIds=INBOX&maxResults=3{token}").json
            seen += [hit["id"] for hit in answer["messages"]]
            if "nextPageToken" not in answer:
                break
            token = "&pageToken=" + answer["nextPageToken"]
        self.assertEqual(seen, made[::-1])
        self.call("GET", "messages?pageToken=x", status=400)
        threads = self.call("GET", "threads?maxResults=2").json
        self.assertEqual(len(threads["threads"]), 2)

    def test_search(self):
        one = self.deliver(subject="Apple pie", **{"from": "Bo <bo@there.example>"})
        two = self.deliver(subject="Pear", spam=True)
        self.assertEqual(self.ids("?q=from:bo@there.example"), [one["id"]])
        self.assertEqual(self.ids("?q=" + urllib.parse.quote('subject:"apple pie"')), [one["id"]])
        self.assertEqual(self.ids("?q=subject:pear"), [])
        self.assertEqual(self.ids("?q=in:anywhere+subject:pear"), [two["id"]])
        self.assertEqual(self.ids("?includeSpamTrash=true&q=subject:pear"), [two["id"]])
        self.assertEqual(self.ids("?labelIds=SPAM"), [two["id"]])
        bare = one["message_id"].strip("<>")
        self.assertEqual(self.ids("?q=rfc822msgid:" + bare), [one["id"]])
        now = self.box.ask("clock.now")
        seconds = next(v for k, v in now.items() if k not in ("ok", "mode", "real")) // 1000
        self.assertEqual(self.ids(f"?q=after:{seconds + 5}"), [])
        self.assertEqual(self.ids(f"?q=before:{seconds + 5}"), [one["id"]])

    def test_find_lags_and_listing_does_not(self):
        self.box.ask("google.index", find_ms=30000)
        id, _, final = self.sent()
        query = "?q=rfc822msgid:" + urllib.parse.quote(final.strip("<>"))
        self.assertEqual(self.ids(query), [])
        self.assertEqual(self.ids("?labelIds=SENT"), [id])
        self.later(31000)
        self.assertEqual(self.ids(query), [id])

    def test_trash(self):
        id = self.deliver(subject="x")["id"]
        self.assertIn("TRASH", self.call("POST", f"messages/{id}/trash").json["labelIds"])
        self.assertEqual(self.ids(), [])
        self.assertEqual(self.ids("?labelIds=TRASH"), [id])
        self.assertNotIn("TRASH", self.call("POST", f"messages/{id}/untrash").json["labelIds"])
        self.box.ask("google.owner.trash", account=ANA, id=id)
        self.assertEqual(self.ids("?q=in:trash"), [id])

    def test_formats(self):
        raw = ("From: b@there.example\r\nSubject: two\r\nMIME-Version: 1.0\r\n"
               "Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\n"
               "Content-Type: text/plain; charset=utf-8\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=\r\n=C3=9Fe\r\n"
               "--b\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n--b--\r\n")
        id = self.deliver(raw=raw)["id"]
        full = self.call("GET", f"messages/{id}").json
        self.assertEqual(full["snippet"], "Grüße")
        self.assertEqual([p["mimeType"] for p in full["payload"]["parts"]],
                         ["text/plain", "text/html"])
        text = full["payload"]["parts"][0]["body"]["data"]
        self.assertEqual(base64.urlsafe_b64decode(text + "==").decode().strip(), "Grüße")
        back = self.call("GET", f"messages/{id}?format=raw").json["raw"]
        self.assertEqual(base64.urlsafe_b64decode(back + "==").decode(), raw)
        self.call("GET", f"messages/{id}?format=other", status=400)
        self.call("GET", f"threads/{full['threadId']}?format=metadata")
        self.call("GET", "threads/none", status=404)

    def test_bytes_that_are_no_utf8(self):
        self.box.ask("google.deliver", account=ANA,
                     raw="From: x@y.example\r\nSubject: caf\u00e9\r\n\r\nx")
        self.call("GET", "messages")

    def test_fill_and_dump(self):
        self.box.ask("google.fill", account=ANA, count=50)
        dump = self.box.ask("google.mailbox.dump", account=ANA)["messages"]
        self.assertEqual(len(dump), 50)
        self.assertTrue(all("canary-subject" in dict(m["headers"])["Subject"] for m in dump))


class History(Case):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def read(self, start, query="", status=200):
        return self.call("GET", f"history?startHistoryId={start}{query}", status=status)

    def all(self, start, query=""):
        """Every record, over all pages; and the next cursor."""
        records, token, pages = [], "", 0
        while True:
            page = self.read(start, query + token).json
            records += page.get("history", [])
            pages += 1
            if "nextPageToken" not in page:
                return records, int(page["historyId"]), pages
            token = "&pageToken=" + page["nextPageToken"]

    def added(self, records):
        return [a["message"]["id"] for r in records for a in r.get("messagesAdded", [])]

    def deliver(self, **what):
        return self.box.ask("google.deliver", account=ANA, **what)["id"]

    def test_what_happened_since(self):
        start = self.history_id()
        records, cursor, _ = self.all(start)
        self.assertEqual((records, cursor), ([], start))
        id = self.deliver(subject="x")
        sent = self.send().json["id"]
        self.box.ask("google.owner.label", account=ANA, id=id, label="Interested")
        records, cursor, _ = self.all(start)
        self.assertEqual(self.added(records), [id, sent])
        self.assertEqual([r["labelsAdded"][0]["message"]["id"] for r in records
                          if "labelsAdded" in r], [id])
        self.assertGreater(cursor, start)
        self.assertTrue(all(start < int(r["id"]) <= cursor for r in records))
        records, _, _ = self.all(start, "&historyTypes=messageAdded&labelId=INBOX")
        self.assertEqual(self.added(records), [id])
        self.assertEqual(self.all(cursor)[0], [])
        self.box.ask("google.owner.trash", account=ANA, id=id, forever=True)
        records, _, _ = self.all(cursor)
        self.assertEqual([r["messagesDeleted"][0]["message"]["id"] for r in records], [id])

    def test_pages(self):
        start = self.history_id()
        made = [self.deliver(subject=f"m{n}") for n in range(5)]
        records, _, pages = self.all(start, "&maxResults=2")
        self.assertEqual((self.added(records), pages), (made, 3))

    def test_id_older_than_the_horizon_is_404(self):
        start = self.history_id()
        self.deliver(subject="x")
        self.box.ask("google.history.horizon", ms=DAY)
        self.read(start)
        self.later(2 * DAY)
        self.sign_in()
        answer = self.read(start, status=404)
        self.assertEqual(answer.json, {"error": {
            "code": 404, "message": "Requested entity was not found.", "errors": [{
                "message": "Requested entity was not found.", "domain": "global",
                "reason": "notFound"}], "status": "NOT_FOUND"}})
        self.read(1, status=404)
        self.read(2 ** 62, status=404)
        self.read("x", status=400)
        self.call("GET", "history", status=400)

    def test_idle_mailbox(self):
        """The newest message's own id is too old; the profile's is good."""
        id = self.deliver(subject="x")
        self.later(30 * DAY)
        self.sign_in()
        message = self.call("GET", f"messages/{id}?format=minimal").json
        self.read(message["historyId"], status=404)
        fresh = self.history_id()
        self.assertEqual(self.all(fresh)[0], [])
        for _ in range(5):  # who keeps asking is never cut off
            self.later(5 * DAY)
            self.sign_in()
            fresh = self.all(fresh)[1]

    def test_page_token_without_history(self):
        start = self.history_id()
        made = [self.deliver(subject=f"m{n}") for n in range(3)]
        self.box.ask("google.history.traps", empty_pages=True)
        first = self.read(start).json
        self.assertIn("nextPageToken", first)
        self.assertNotIn("history", first)
        records, _, pages = self.all(start, "&maxResults=2")
        self.assertEqual((self.added(records), pages), (made, 4))

    def test_duplicates_and_vanished(self):
        start = self.history_id()
        id = self.deliver(subject="x")
        self.box.ask("google.history.traps", duplicates=True, vanished=True)
        added = self.added(self.all(start)[0])
        self.assertEqual(added.count(id), 2)
        gone, = set(added) - {id}
        self.call("GET", f"messages/{gone}", status=404)

    def test_ids_near_2_to_63(self):
        self.box.ask("google.history.start", id=str(2 ** 63 - 3))
        start = self.history_id()
        self.assertGreaterEqual(start, 2 ** 63 - 3)
        id = self.deliver(subject="x")
        records, cursor, _ = self.all(start)
        self.assertEqual(self.added(records), [id])
        self.assertGreater(self.history_id(), 2 ** 63 - 3)
        self.deliver(subject="y")
        self.assertGreater(self.all(cursor)[1], 2 ** 63)

    def test_drafts_make_noise(self):
        start = self.history_id()
        draft = self.call("POST", "drafts", {"message": {"raw": encoded(mail())}}).json["id"]
        self.call("POST", "drafts/send", {"id": draft})
        records, _, _ = self.all(start)
        labels = [a["message"]["labelIds"] for r in records for a in r.get("messagesAdded", [])]
        self.assertEqual(labels, [["DRAFT"], ["SENT"]])
        self.assertEqual(self.all(start, "&labelId=INBOX")[0], [])


class Batch(Case):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def batch(self, calls, status=200, path="/batch/gmail/v1"):
        body = "".join(
            f"--bb\r\nContent-Type: application/http\r\nContent-ID: <item{n}>\r\n\r\n"
            f"{call}\r\n\r\n" for n, call in enumerate(calls)) + "--bb--\r\n"
        answer = self.http("POST", path, body.encode(), {
            "Content-Type": "multipart/mixed; boundary=bb",
            "Authorization": "Bearer " + self.tokens["access_token"]})
        self.assertEqual(answer.status, status, answer.body)
        if status != 200:
            return answer
        whole = email.message_from_bytes(
            b"Content-Type: " + answer.headers["Content-Type"].encode() + b"\r\n\r\n" + answer.body)
        parts = []
        for part in whole.get_payload():
            head, _, rest = part.get_payload().replace("\r\n", "\n").partition("\n\n")
            parts.append((part["Content-ID"], int(head.split()[1]), rest.strip()))
        return parts

    def test_mixed_statuses_in_order(self):
        id = self.send().json["id"]
        get = f"GET {USER}messages/{id}?format=metadata&metadataHeaders=Subject"
        parts = self.batch([get, f"GET {USER}messages/gone", get + " HTTP/1.1",
                            f"GET {USER}messages/{id}?format=odd",
                            f"POST /upload{USER}messages/send?uploadType=media",
                            f"POST {USER}messages/{id}/modify\r\nContent-Type: application/json"
                            "\r\n\r\n" + json.dumps({"addLabelIds": ["STARRED"]})])
        self.assertEqual([p[0] for p in parts], [f"<response-item{n}>" for n in range(6)])
        self.assertEqual([p[1] for p in parts], [200, 404, 200, 400, 400, 200])
        self.assertEqual(json.loads(parts[0][2])["id"], id)
        for n in (0, 1, 2, 3):
            self.assertEqual(contract.check("GET", USER + "messages/x", parts[n][1], parts[n][2]),
                             [])
        self.assertIn("STARRED", self.call("GET", f"messages/{id}").json["labelIds"])
        self.assertEqual(len(self.receiver("accepted")), 1)
        inner = [line for line in self.box.log("requests") if "batch" in line]
        self.assertEqual([line["status"] for line in inner], [200, 404, 200, 400, 400, 200])
        self.assertEqual(inner[1]["path"], USER + "messages/gone")

    def test_inner_calls_cost(self):
        self.box.ask("google.quota", project="new", per_minute=50)
        parts = self.batch([f"GET {USER}messages/gone?format=minimal"] * 4)
        self.assertEqual([p[1] for p in parts], [404, 404, 403, 403])

    def test_at_most_a_hundred(self):
        self.assertEqual(len(self.batch([f"GET {USER}labels"] * 100)), 100)
        self.batch([f"GET {USER}labels"] * 101, status=400)
        self.batch([], status=400)


class People(Case):
    def setUp(self):
        super().setUp()
        self.sign_in()

    def script(self, act, person="bo@there.example", **more):
        self.box.ask("google.script", person=person, act=act, after_ms=1000, **more)

    def answered(self, kind, **headers):
        """Sends, waits for the deed; gives our message, the deed and the mail it brought."""
        sent = self.sent(**headers)
        self.later(2000)
        deed = self.wait_for(kind)[-1]
        found = self.call("GET", f"messages/{deed['id']}?format=raw").json
        raw = base64.urlsafe_b64decode(found["raw"] + "==")
        return sent, deed, found, email.message_from_bytes(raw, policy=email.policy.default)

    def test_reply(self):
        self.script("reply")
        (id, thread, final), deed, found, reply = self.answered("reply")
        self.assertEqual((deed["of"], deed["person"], deed["from"], deed["account"]),
                         (final, "bo@there.example", "bo@there.example", ANA))
        self.assertEqual((found["threadId"], deed["thread_id"]), (thread, thread))
        self.assertEqual(set(found["labelIds"]), {"INBOX", "UNREAD"})
        self.assertEqual((reply["In-Reply-To"], reply["References"], reply["Subject"]),
                         (final, final, "Re: A question"))
        self.assertIsNone(reply["Auto-Submitted"])

    def test_only_on_its_step(self):
        self.script("reply", on_step=2)
        self.send()
        self.later(5000)
        self.send()
        self.later(5000)
        self.assertEqual([line["nth"] for line in self.wait_for("reply")], [2])

    def test_reply_from_another_address(self):
        self.script("reply_other_address")
        (_, thread, _), deed, found, reply = self.answered("reply")
        self.assertEqual(deed["person"], "bo@there.example")
        self.assertNotEqual(deed["from"], "bo@there.example")
        self.assertIn(deed["from"], reply["From"])
        self.assertEqual(found["threadId"], thread)

    def test_spam_filed_reply(self):
        self.script("reply_filed_as_spam")
        (_, thread, _), deed, found, _ = self.answered("reply")
        self.assertIn("SPAM", found["labelIds"])
        self.assertNotIn("INBOX", found["labelIds"])
        self.assertEqual(found["threadId"], thread)
        seen = self.call("GET", "messages?q=subject:question").json["messages"]
        self.assertNotIn(deed["id"], [hit["id"] for hit in seen])

    def test_replies_that_lose_the_thread(self):
        self.script("reply_without_references")
        (_, thread, _), _, found, reply = self.answered("reply")
        self.assertNotEqual(found["threadId"], thread)
        self.assertIsNone(reply["References"])
        self.script("reply_changed_subject", person="cy@there.example")
        (_, thread, final), _, found, reply = self.answered("reply", to="cy@there.example")
        deed = self.wait_for("reply", 2)[-1]
        self.assertNotEqual(deed["thread_id"], thread)

    def test_auto_replies(self):
        for n in range(6):
            person = f"p{n}@there.example"
            self.script("out_of_office" if n % 2 else "auto_reply", person=person)
            self.send(to=person)
        self.later(2000)
        for kind in ("out_of_office", "auto_reply"):
            for deed in self.wait_for(kind, 3):
                self.assertNotEqual(self.header(deed["id"], "Auto-Submitted"), None)
                self.assertEqual(self.header(deed["id"], "In-Reply-To"), deed["of"])

    def test_bounce_shape(self):
        for act, status in (("bounce_hard", "5.1.1"), ("bounce_soft", "4.2.2")):
            person = act + "@there.example"
            self.script(act, person=person)
            (_, thread, final), deed, found, bounce = self.answered(act, to=person)
            self.assertEqual(found["threadId"], thread)
            self.assertEqual(bounce.get_content_type(), "multipart/report")
            self.assertEqual(bounce.get_param("report-type"), "delivery-status")
            self.assertEqual(bounce["Return-Path"], "<>")
            self.assertIn("mailer-daemon@googlemail.com", bounce["From"])
            self.assertEqual(bounce["X-Failed-Recipients"], person)
            _, report, original = bounce.get_payload()
            self.assertEqual(report.get_content_type(), "message/delivery-status")
            recipient = report.get_payload()[1]
            self.assertEqual((recipient["Action"], recipient["Status"]), ("failed", status))
            self.assertIn(person, recipient["Final-Recipient"])
            self.assertEqual(original.get_payload()[0]["Message-ID"], final)

    def test_no_mailbox_bounces_again(self):
        self.script("bounce_hard", on_step=1)
        self.box.ask("google.people", seed=1, delay_min_ms=10, delay_max_ms=20)
        self.send()
        self.send()
        self.later(2000)
        self.assertEqual([d["nth"] for d in self.wait_for("bounce_hard", 2)], [2, 1])

    def test_complaint_shape(self):
        self.script("complaint")
        _, _, _, report = self.answered("complaint")
        self.assertEqual(report.get_param("report-type"), "feedback-report")
        kinds = [part.get_content_type() for part in report.get_payload()]
        self.assertEqual(kinds, ["text/plain", "message/feedback-report", "message/rfc822"])

    def test_unsubscribe_by_one_click(self):
        seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                seen.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.script("unsubscribe")
        self.send(List_Unsubscribe=f"<http://127.0.0.1:{server.server_port}/u/tok>, <mailto:{ANA}>",
                  List_Unsubscribe_Post="List-Unsubscribe=One-Click")
        self.later(2000)
        self.assertEqual(self.wait_for("unsubscribe")[0]["how"], "one_click")
        self.box.wait_for(lambda: seen)
        self.assertEqual(seen, [("/u/tok", b"List-Unsubscribe=One-Click")])

    def test_unsubscribe_by_mail(self):
        self.script("unsubscribe")
        link = "mailto:ana+u.tok@acme.example?subject=unsubscribe%20tok"
        _, deed, _, found = self.answered("unsubscribe", List_Unsubscribe=f"<{link}>")
        self.assertEqual(deed["how"], "mail")
        self.assertEqual((found["Subject"], found["To"]),
                         ("unsubscribe tok", "ana+u.tok@acme.example"))

    def play(self, order):
        """What a seed makes people do, by person; each gets two mails."""
        self.box.ask("google.people", seed=7, reply=0.2, bounce_hard=0.1, out_of_office=0.1,
                     other_address=0.1, unsubscribe=0.1, unrelated=0.3, delay_min_ms=10,
                     delay_max_ms=500)
        for _ in range(2):
            for n in order:
                self.send(to=f"p{n}@there.example")
        self.later(3000)
        self.box.wait_for(lambda: any(d["kind"] == "unrelated" for d in self.box.log("receiver")))
        return sorted((d["kind"], d["person"], d["nth"]) for d in self.box.log("receiver")
                      if d["kind"] not in ("accepted", "unrelated"))

    def test_seed_does_not_depend_on_order(self):
        self.box.ask("google.quota", project="off")
        first = self.play(range(30))
        self.setUp()
        self.box.ask("google.quota", project="off")
        self.assertEqual(first, self.play(range(29, -1, -1)))
        self.assertGreater(len(first), 10)
        done = [person for kind, person, _ in first if kind in ("reply", "unsubscribe")]
        self.assertEqual(len(done), len(set(done)))

    def test_refused_commands(self):
        self.assertIn("act", self.box.refused("google.script", person="x@y.example"))
        self.assertIn("no such command", self.box.refused("google.nonsense"))
        self.assertIn("no such account", self.box.refused("google.fill", account="no@x.example"))


if __name__ == "__main__":
    if contract.GMAIL is None:
        print("the Gmail contract is not at hand: answers are not held to it", file=sys.stderr)
    unittest.main()
