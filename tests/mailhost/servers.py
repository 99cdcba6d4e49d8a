"""tests/mailhost/servers.py BUILD: the servers of mailhost.py do what the tests on them rely on."""
import base64
import imaplib
import json
import os
import smtplib
import subprocess
import sys
import time
import unittest
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "sandbox"))
from mailhost import PASSWORD, MailHost, Unavailable  # noqa: E402
from sandbox import Sandbox  # noqa: E402

BUILD = sys.argv.pop(1)
ANA, BO = "ana@acme.example", "bo@people.example"
BACK = "http://127.0.0.1:4711/oauth/cb/x"


def mail(sender, recipient, name, text="hello"):
    return (f"From: {sender}\r\nTo: {recipient}\r\nSubject: hi\r\nMessage-ID: <{name}@acme.example>\r\n"
            f"\r\n{text}\r\n")


def untouched():
    """What the system's own servers would write to."""
    return {path: sorted((entry.path, entry.stat().st_mtime_ns) for entry in os.scandir(path))
            for path in ("/etc/postfix", "/etc/dovecot", "/var/spool/postfix", "/var/lib/postfix",
                         "/var/lib/dovecot") if os.path.isdir(path)}


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.before = untouched()
        cls.box = Sandbox(os.path.join(BUILD, "bin", "postrider-sandbox"), "--clock", "hold")
        cls.addClassCleanup(cls.box.end)
        cls.box.ask("google.client.add", client_id="cid", client_secret="shh", redirect_uris=[BACK])
        cls.box.ask("google.account.add", address=ANA)
        port = urllib.parse.urlsplit(cls.box.about["http"]).port
        cls.host = MailHost(introspect=f"http://cid:shh@127.0.0.1:{port}/introspect")
        cls.addClassCleanup(cls.host.end)
        cls.host.add(ANA, BO)

    def token(self):
        self.box.ask("google.consent", account=ANA)
        query = urllib.parse.urlencode({
            "client_id": "cid", "redirect_uri": BACK, "response_type": "code", "state": "st",
            "scope": "openid https://mail.google.com/", "access_type": "offline"})
        connection = self.box.connect("http")
        connection.request("GET", "/o/oauth2/v2/auth?" + query)
        answer = connection.getresponse()
        answer.read()
        back = urllib.parse.urlsplit(answer.headers["Location"])
        _, body = self.box.get("/token", "POST", urllib.parse.urlencode({
            "grant_type": "authorization_code", "code": urllib.parse.parse_qs(back.query)["code"][0],
            "client_id": "cid", "client_secret": "shh", "redirect_uri": BACK}))
        connection.close()
        return json.loads(body)["access_token"]

    def login_by(self, mechanism, token):
        said = {"XOAUTH2": f"user={ANA}\1auth=Bearer {token}\1\1",
                "OAUTHBEARER": f"n,a={ANA},\1host=localhost\1port=1\1auth=Bearer {token}\1\1"}
        line = imaplib.IMAP4_SSL("127.0.0.1", self.host.imaps_port, ssl_context=self.host.tls)
        answers = iter((said[mechanism].encode(), b"" if mechanism == "XOAUTH2" else b"\1"))
        try:
            line.authenticate(mechanism, lambda _: next(answers))
        finally:
            line.shutdown()

    def test_no_password_in_the_clear(self):
        # Dovecot itself would take one from its own address.
        line = imaplib.IMAP4("127.0.0.1", self.host.imap_port)
        line.starttls(self.host.tls)
        line.login(ANA, PASSWORD)
        line.logout()
        with smtplib.SMTP("127.0.0.1", self.host.submission_port) as line:
            line.ehlo()
            self.assertFalse(line.has_extn("auth"))
            line.starttls(context=self.host.tls)
            line.login(ANA, PASSWORD)
            self.assertTrue(line.has_extn("dsn"))

    def test_wrong_password(self):
        line = imaplib.IMAP4_SSL("127.0.0.1", self.host.imaps_port, ssl_context=self.host.tls)
        with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
            line.login(ANA, "guess")
        line.shutdown()

    def test_tokens(self):
        token = self.token()
        for mechanism in ("XOAUTH2", "OAUTHBEARER"):
            self.login_by(mechanism, token)
            with self.assertRaises(imaplib.IMAP4.error):
                self.login_by(mechanism, "ya29.nobody")
        with smtplib.SMTP_SSL("127.0.0.1", self.host.submissions_port, context=self.host.tls) as line:
            line.ehlo()
            said = base64.b64encode(f"user={ANA}\1auth=Bearer {token}\1\1".encode()).decode()
            self.assertEqual(line.docmd("AUTH", "XOAUTH2 " + said)[0], 235)
        self.box.ask("google.token.expire", account=ANA)
        with self.assertRaises(imaplib.IMAP4.error):
            self.login_by("XOAUTH2", token)

    def test_delivered_reported_and_logged(self):
        host = self.host
        host.submit(ANA, BO, mail(ANA, BO, "one"))
        host.submit(ANA, "nobody@people.example", mail(ANA, "nobody@people.example", "two"))
        host.wait_delivered()
        self.assertIn("<one@acme.example>", [m["Message-ID"] for _, m in host.mails(BO)])
        journal = {m.message_id: m for m in host.log().taken(ANA)}
        self.assertEqual(journal["<one@acme.example>"].ends[0][:2], (BO, "sent"))
        self.assertEqual(journal["<two@acme.example>"].ends[0][1], "bounced")
        reports = [m for _, m in host.mails(ANA) if m.get_content_type() == "multipart/report"]
        self.assertIn("5.1.1", [part.get_payload()[1]["Status"] for report in reports
                                for part in report.walk()
                                if part.get_content_type() == "message/delivery-status"])

    def test_refused_and_deferred(self):
        host = self.host
        host.reject("gone@people.example")
        host.postpone("later@people.example")
        host.defer("full@people.example")
        time.sleep(0.3)  # the servers' children look at the tables anew
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            host.submit(ANA, "gone@people.example", mail(ANA, "gone@people.example", "three"))
        self.assertEqual(refused.exception.recipients["gone@people.example"][0], 550)
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            host.submit(ANA, "later@people.example", mail(ANA, "later@people.example", "again"))
        self.assertEqual(refused.exception.recipients["later@people.example"][0], 450)
        with self.assertRaises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused)):
            with smtplib.SMTP_SSL("127.0.0.1", host.submissions_port, context=host.tls) as line:
                line.login(ANA, PASSWORD)
                line.sendmail(BO, [ANA], mail(BO, ANA, "four"))
        host.submit(ANA, "full@people.example", mail(ANA, "full@people.example", "five"))
        end = time.monotonic() + 10
        while not any("Delayed" in m["Subject"] for _, m in host.mails(ANA)):
            self.assertLess(time.monotonic(), end, "no report of the delay")
            time.sleep(0.05)

    def test_swaks(self):
        done = subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{self.host.submissions_port}", "--tls-on-connect",
             "--auth", "PLAIN", "--auth-user", BO, "--auth-password", PASSWORD, "--from", BO,
             "--to", ANA, "--header", "Subject: by swaks", "--silent", "2"],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.host.wait_delivered()
        self.assertIn("by swaks", [m["Subject"] for _, m in self.host.mails(ANA)])

    def test_keywords_and_flags(self):
        host = self.host
        host.from_outside("x@there.example", BO, mail("x@there.example", BO, "six"))
        host.wait_delivered()
        line = host.imap(BO)
        line.select()
        _, found = line.search(None, "HEADER", "Message-ID", "<six@acme.example>")
        line.store(found[0].split()[0], "+FLAGS", "(Outreach)")
        line.logout()
        self.assertEqual(host.keywords(BO)["<six@acme.example>"], ["Outreach"])
        flags = [f for f, m in host.mails(BO) if m["Message-ID"] == "<six@acme.example>"]
        self.assertNotIn("S", flags[0])

    def test_zz_end(self):
        self.host.end()
        self.assertEqual(self.host.children(), [])
        self.assertFalse(os.path.exists(self.host.dir))
        self.assertEqual(untouched(), self.before)


if __name__ == "__main__":
    try:
        unittest.main()
    except Unavailable as why:
        print(why)
        sys.exit(77)
