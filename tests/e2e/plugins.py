"""tests/e2e/plugins.py: a plugin built outside the tree sends through the real daemon; odd ones do no harm.

usage: plugins.py BUILD

sdk/ is copied away and sdk/template built there by a plain compiler call, so that nothing else of the tree
can be found by accident. It talks to a small Postbox of our own, in real time.
"""
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from reload import Shelf
from rig import HERE, Rig

SDK = os.path.join(HERE, "..", "..", "sdk")
YAML = """name: {name}
from: [{sender}]
limits: {{gap: 1s}}
window: {{days: mon-sun, from: "00:00", to: "24:00", zone: mailbox}}
stop: {{on: [reply, bounce, unsubscribe]}}
steps:
  - subject: "{subject}"
    text: |
      Have you a minute?
"""


class Postbox(http.server.BaseHTTPRequestHandler):
    """The service that sdk/template/postbox.c speaks with; the root is sign-in for odd.so."""
    protocol_version = "HTTP/1.1"
    sent, tokens = [], set()

    def log_message(self, *args):
        pass

    def answer(self, status, body=None, **headers):
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if "redirect_uri" in query:
            back = urllib.parse.urlencode({"code": "code-1", "state": query["state"]})
            return self.answer(302, Location=f"{query['redirect_uri']}?{back}")
        if self.headers["Authorization"] not in self.tokens:
            return self.answer(401, {})
        if url.path == "/me":
            return self.answer(200, {"address": "bo@acme.example"})
        if url.path == "/inbox":
            return self.answer(200, {"cursor": "c1", "more": False, "items": []})
        found = [m for m in self.sent if m["tag"] == query.get("tag")]
        return self.answer(200, {"id": found[0]["id"], "thread": "t1"}) if found \
            else self.answer(404, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path != "/send":  # the token endpoint
            token = f"token-of-postbox-{len(self.tokens)}"
            self.tokens.add(f"Bearer {token}")
            return self.answer(200, {"access_token": token, "refresh_token": "lasting",
                                     "token_type": "Bearer", "expires_in": 3600})
        if self.headers["Authorization"] not in self.tokens:
            return self.answer(401, {})
        mail = {"id": f"p{len(self.sent)}", "tag": self.headers["X-Postbox-Tag"],
                "to": re.search(rb"^To: .*?([^\s<>]+@[^\s<>]+)", body, re.M)[1].decode()}
        self.sent.append(mail)
        return self.answer(202, {"id": mail["id"], "thread": "t1"})


def build_template(shelf):
    """sdk/ alone, somewhere else, with cc and -I sdk/include."""
    away = tempfile.mkdtemp(prefix="outside-")
    try:
        shutil.copytree(SDK, os.path.join(away, "sdk"))
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "json-c"], check=True,
                               capture_output=True, text=True).stdout.split()
        made = os.path.join(away, "postbox.so")
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-Wall", "-Wextra",
                        "-Werror", "-I", "sdk/include", "sdk/template/postbox.c", "-o", made,
                        *flags], cwd=away, check=True)
        shelf.put(made, name="postbox.so")
    finally:
        shutil.rmtree(away)


class Check:
    def __init__(self, rig, shelf):
        self.rig, self.shelf, self.faults = rig, shelf, []

    def that(self, is_so, text):
        print("ok  " if is_so else "FAULT", text)
        if not is_so:
            self.faults.append(text)

    def live(self, provider):
        return [(g["generation"], g["state"])
                for g in self.rig.api("GET", f"/v1/providers/{provider}")["generations"]]

    def campaign(self, name, sender, subject, people):
        campaign = self.rig.campaign(YAML.format(name=name, sender=sender, subject=subject),
                                     "email\n" + "\n".join(people) + "\n", name=f"{name}.yaml")
        self.rig.api("POST", f"/v1/campaigns/{campaign}/start")
        return campaign

    def sends(self, name):
        """A plugin of nobody's tree really sends."""
        people = [f"{name}{i}@people.example" for i in range(3)]
        before = len(Postbox.sent)
        metrics = self.rig.run(self.campaign(name, "bo@acme.example", "Hello", people), 30)
        got = Postbox.sent[before:]
        self.that(metrics["sent"] == 3 and sorted(m["to"] for m in got) == people
                  and len({m["tag"] for m in got}) == 3,
                  f"{name}: the plugin from outside sent 3 mails, one to each")

    def refused_reload(self, what, sentence, **how):
        """Refused in its own sentence; what runs goes on."""
        before = self.live("mine")
        self.shelf.put(name="postbox.so", **how)
        done = self.rig.cli("provider", "reload", "mine", check=False)
        said = done.stdout + done.stderr
        self.that(done.returncode != 0 and sentence in said and "goes on" in said,
                  f"{what}, reload: {said.strip()}")
        self.that(self.live("mine") == before, f"{what}: {before} is still what runs")

    def refused_start(self, what, sentence, **how):
        """A daemon that can't have its plugin says why and does not start."""
        self.shelf.put(name="postbox.so", **how)
        at = os.path.getsize(self.rig.log)
        code = self.rig.start(wait=False).wait(20)
        with open(self.rig.log, errors="replace") as file:
            file.seek(at)
            said = file.read().strip()
        self.that(code == 2 and sentence in said, f"{what}, start: {said.splitlines()[-1:]}")

    def log_has(self, sentence, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with open(self.rig.log, errors="replace") as file:
                found = [line for line in file if sentence in line]
            if found:
                return found[0].strip()
            time.sleep(0.05)
        return None

    def never_finishes(self):
        """Ended at its deadline and grace; the message is kept, and the mailbox goes on."""
        began = time.monotonic()
        campaign = self.campaign("never", "ana@acme.example", "never", ["n@people.example"])
        said = self.log_has("did not finish send")
        took = time.monotonic() - began
        self.that(said and 1 <= took < 10, f"never finishes, after {took:.1f} s: {said}")
        self.rig.api("POST", f"/v1/campaigns/{campaign}/pause")
        metrics = self.rig.metrics(campaign)
        self.that(metrics["sent"] == 0 and metrics["planned"] + metrics["in_flight"] == 1,
                  f"its message was not sent and is not lost: "
                  f"{({k: v for k, v in metrics.items() if v})}")
        after = self.campaign("after", "ana@acme.example", "at once", ["m@people.example"])
        self.that(self.rig.run(after, 60)["sent"] == 1, "the same mailbox goes on sending")
        self.rig.cli("provider", "reload", "odd")
        end = time.monotonic() + 20
        while len(self.live("odd")) > 1 and time.monotonic() < end:
            time.sleep(0.05)
        self.that(self.live("odd") == [(2, "live")], "and what it never finished parks no generation")


ODD = (
    ("another major", "was built for version 2 of the provider contract",
     dict(source="odd/major.so")),
    ("no symbol", "has no symbol rider_provider_v1", dict(source="odd/nosymbol.so")),
    ("world-writable", "is writable by everybody", dict(source="odd/odd.so", mode=0o757)),
    ("cut short", "it is cut short", dict(source="odd/odd.so", size=0.5)),
)


def config(url):
    mine = {"plugin": "postbox.so", "client_id": "me", "api_url": url, "auth_url": url}
    odd = {"plugin": "odd.so", "client_id": "me", "api_url": url, "operation_timeout": "1s"}
    return {"providers": {"mine": mine, "odd": odd}}


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Postbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shelf = Shelf(sys.argv[1])
    try:
        build_template(shelf)
        shelf.put("odd/odd.so", name="odd.so")
        with Rig(sys.argv[1], plugins=shelf.dir, clock=False,
                 config=config(f"http://127.0.0.1:{server.server_port}")) as rig:
            rig.start()
            check = Check(rig, shelf)
            rig.connect("bo@acme.example", "headers", provider="mine")
            rig.connect("ana@acme.example", "full", provider="odd")
            check.sends("first")
            for what, sentence, how in ODD:
                check.refused_reload(what, sentence, **how)
            check.sends("second")
            check.never_finishes()
            check.that(rig.stop() == 0, "the daemon went on through all of it, and stops cleanly")
            for what, sentence, how in ODD:
                check.refused_start(what, sentence, **how)
            return 1 if check.faults else 0
    finally:
        shelf.end()
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    sys.exit(main())
