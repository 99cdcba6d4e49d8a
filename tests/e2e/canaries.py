"""tests/e2e/canaries.py: no secret, and nothing of mail that is none of ours, is found where it must not be.

usage: canaries.py BUILD [--people N] [...]

A campaign with consents, refusals, token expiry, revocation and crashes. Between the daemon and the token
endpoint stands a listener, so that every secret that ever went over the wire is known: client secret,
codes, PKCE verifiers, access and refresh tokens. Then all of them are looked for in the daemon's log (at
debug), its answers, argv, environment and data folder. The same look finds one that was planted.
"""
import base64
import http.server
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from campaign import BEHAVIOUR, arguments, build, last_answers, verdict
from rig import PUBLIC, SECRET, Browser, Refused, Rig

# What the sandbox puts into each of its secrets, and into mail that is none of ours.
MARKS = {"access token": b"ya29.canary-", "refresh token": b"1//canary-", "code": b"4/0A-canary-"}
MAIL = {f"unrelated mail's {part}": b"canary-%b" % part.encode()
        for part in ("from-", "subject-", "header-", "body-", "id-", "other@", "older@")}

GAVE_UP = 70  # the exit code that an abort becomes


class Wire(http.server.BaseHTTPRequestHandler):
    """The token endpoint, overheard."""
    protocol_version = "HTTP/1.1"
    behind, heard = None, {}

    def log_message(self, *args):
        pass

    def hear(self, what, value):
        if value:
            self.heard.setdefault(what, set()).add(value)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        form = dict(urllib.parse.parse_qsl(body.decode()))
        for what in ("client_secret", "code", "code_verifier", "refresh_token"):
            self.hear(what, form.get(what))
        request = urllib.request.Request(self.behind + self.path, body, {
            "Content-Type": self.headers["Content-Type"]})
        try:
            answer = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        data = answer.read()
        for what in ("access_token", "refresh_token", "id_token"):
            self.hear(what, json.loads(data).get(what))
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Ear(Browser):
    """A browser that keeps what the daemon said, headers too."""

    def go(self, url, form=None):
        status, page, location = super().go(url, form)
        if url.startswith((PUBLIC, self.base)):
            self.said.append(f"{status} {location}\n{page}".encode())
        return status, page, location


class Heard(Rig):
    """A rig that keeps every answer of the daemon, and what /proc says of it."""

    def __init__(self, *args, **more):
        self.said, self.proc = [], []
        super().__init__(*args, **more)

    def api(self, *args, **more):
        try:
            answer = super().api(*args, **more)
        except Refused as refused:
            self.said.append(str(refused).encode())
            raise
        self.said.append((answer if isinstance(answer, str) else json.dumps(answer)).encode())
        return answer

    def consent(self, link, browser=None):
        browser = browser or Ear(self)
        browser.said = self.said
        return super().consent(link, browser)

    def start(self, **more):
        """Where cores may be as large as they like, and would be found."""
        shell = 'ulimit -c unlimited; cd "$0" && exec "$@"'
        asan = os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"  # it is to die of the signal
        daemon = super().start(prefix=("bash", "-c", shell, self.dir),
                               env={**os.environ, "ASAN_OPTIONS": asan}, **more)
        for name in ("cmdline", "environ", "limits"):
            try:
                with open(f"/proc/{daemon.pid}/{name}", "rb") as file:
                    self.proc.append(file.read())
            except PermissionError:  # not dumpable: only root may look
                pass
        return daemon

    def crash(self, signum):
        """Ends it by a signal; whether there was a core, as its parent was told."""
        self.daemon.send_signal(signum)
        _, status = os.waitpid(self.daemon.pid, 0)
        self.daemon.returncode = -signum
        if signum == signal.SIGABRT and os.waitstatus_to_exitcode(status) == GAVE_UP:
            return None
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signum:
            return f"{signum.name}: it ended otherwise ({status})"
        return f"{signum.name}: a core was dumped" if os.WCOREDUMP(status) else None


# -- looking ---------------------------------------------------------------------------------------
def forms(secret):
    """As it is, and as it could be written down."""
    return {secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"="),
            base64.urlsafe_b64encode(secret).rstrip(b"="),
            urllib.parse.quote(secret.decode("latin-1"), safe="").encode()}


def needles(rig):
    found = dict(MARKS)
    for what, values in Wire.heard.items():
        for nth, value in enumerate(sorted(values)):
            found[f"{what} {nth}"] = value.encode()
    with open(os.path.join(rig.dir, "master.key"), "rb") as file:
        text = file.read().strip().rpartition(b":")[2]
    found["master key's text"] = text
    found["master key"] = base64.urlsafe_b64decode(text + b"=")
    if len(found["master key"]) != 32:
        raise RuntimeError("the master key's file is not as this test knows it")
    return {what: forms(value) for what, value in found.items()}


def files(top):
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    yield path, file.read()


def places(rig):
    with open(rig.log, "rb") as file:
        yield "the log", file.read()
    yield from files(rig.data)
    yield "the daemon's answers", b"\n".join(rig.said)
    yield "/proc", b"\n".join(rig.proc)


def look(wanted, where):
    """Every (what, where) that is found."""
    return [f"{what} in {place}" for place, text in where
            for what, ways in wanted.items() if any(way in text for way in ways)]


def look_for_mail(rig):
    """Mail that is none of ours is nowhere; texts of answers to us may be in what the daemon says."""
    bodies = {what: {mark} for what, mark in MAIL.items() if mark == b"canary-body-"}
    rest = {what: {mark} for what, mark in MAIL.items() if what not in bodies}
    return look(rest, places(rig)) + [hit for hit in look(bodies, places(rig))
                                      if not hit.endswith("the daemon's answers")]


def cores(rig):
    return [path for path, text in files(rig.dir)
            if os.path.basename(path).startswith("core") or text[:18].startswith(b"\x7fELF")
            and text[16:18] == b"\x04\x00"]


# -- what happens ----------------------------------------------------------------------------------
def refusals(rig, faults):
    """Consents that end in a clear page and in no grant."""
    def expect(what, address, consent):
        rig.account(address)
        rig.sandbox.ask("google.consent", **consent)
        status, page = rig.consent(rig.link(address))
        if status < 400:
            faults.append(f"{what}: {status} {page[:200]}")
        rig.sandbox.ask("google.consent")

    rig.account("another@acme.example")
    expect("denied", "nobody@acme.example", {"deny": True})
    expect("the wrong account", "wrong@acme.example", {"account": "another@acme.example"})
    expect("unticked", "unticked@acme.example", {"scopes": ["openid", "email"]})
    browser = Ear(rig)
    browser.said = rig.said
    status, page, _ = browser.go(f"{PUBLIC}/oauth/cb/gmail?code=4/0A-canary-forged&state=forged")
    if status < 400:
        faults.append(f"a forged callback: {status} {page[:200]}")


def troubles(rig, senders, campaign, args):
    """What goes wrong during the run, each at its share of the way."""
    def revoke():
        rig.sandbox.ask("google.grant.revoke", account=senders[0])

    def expire():
        for sender in senders:
            rig.sandbox.ask("google.token.expire", account=sender)

    def consent_again():
        status, page = rig.consent(rig.api("POST", f"/v1/mailboxes/{senders[0]}/invite")["link"])
        return None if status == 200 else f"consent after revocation: {status} {page[:200]}"

    def fall(signum):
        fault = rig.crash(signum)
        rig.start()
        return fault

    steps = (expire, lambda: fall(signal.SIGKILL), expire, lambda: fall(signal.SIGABRT), revoke,
             lambda: fall(signal.SIGSEGV), lambda: wait_revoked(rig, senders[0]), consent_again,
             expire)
    faults = []
    for nth, step in enumerate(steps, 1):
        wanted = nth / (len(steps) + 8) * args.people * 3
        end = time.monotonic() + 30
        while time.monotonic() < end and rig.metrics(campaign)["sent"] < wanted:
            time.sleep(0.01)
        fault = step()
        if fault:
            faults.append(fault)
    return faults


def wait_revoked(rig, sender):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if rig.api("GET", f"/v1/mailboxes/{sender}")["status"] != "active":
            return None
        time.sleep(0.05)
    return f"{sender}: its revoked grant went unnoticed"


def ask_everything(rig, senders, campaign):
    """Each GET that there is."""
    routes = subprocess.run([os.path.join(rig.build, "bin", "postriderd"), "--routes"], check=True,
                            capture_output=True, text=True).stdout.splitlines()
    person = "p1@people1.example"
    replies = rig.api("GET", "/v1/replies")["replies"]
    params = {"mailbox": [*senders, "nobody@acme.example"], "campaign": [campaign], "address": [person],
              "provider": ["gmail"], "reply": [r["id"] for r in replies[:5]]}
    asked = 0
    for method, path in (line.split() for line in routes):
        name = path[path.find("{") + 1:path.find("}")] if "{" in path else None
        if method != "GET" or name in ("token", "what") or path.startswith("/oauth"):
            continue
        for value in params[name] if name else [None]:
            try:
                rig.api("GET", path.replace("{%s}" % name, str(value)))
            except Refused:
                pass
            asked += 1
    return asked


def check_cores(rig, faults):
    """None of the daemon's, where a process that may leave one does."""
    if rig.proc and not any(b"Max core file size        0                    0" in text
                            for text in rig.proc):
        faults.append("the daemon's limit on cores is not 0")
    faults += [f"a core: {path}" for path in cores(rig)]
    subprocess.run(["bash", "-c", 'ulimit -c unlimited; cd "$0"; sh -c "kill -SEGV \\$\\$"', rig.dir],
                   capture_output=True)
    with open("/proc/sys/kernel/core_pattern") as file:
        here = not file.read().startswith(("|", "/"))
    if here and resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY:
        if not cores(rig):
            faults.append("the look for cores does not find one that is there")
        for path in cores(rig):
            os.unlink(path)


def check_look(rig, wanted):
    """The look finds what is there: a secret as it is, and one written down otherwise."""
    faults = []
    secret = sorted(Wire.heard["refresh_token"])[0].encode()
    for nth, text in enumerate((secret, base64.b64encode(secret), b"canary-body-0123")):
        path = os.path.join(rig.data, f"planted-{nth}")
        with open(path, "wb") as file:
            file.write(b"x" * 5000 + text + b"y")
        if not look({**wanted, **{k: {v} for k, v in MAIL.items()}}, files(rig.data)):
            faults.append(f"the look does not find what was planted: {text[:12]}...")
        os.unlink(path)
    return faults


def main():
    args = arguments().parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wire)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Heard(args.build, ("--seed", str(args.seed)), which=args.which, log_level="debug",
               config={"public_url": PUBLIC},
               provider={"token_url": f"http://127.0.0.1:{server.server_port}/token"}) as rig:
        Wire.behind = rig.sandbox.about["http"]
        faults = []
        rig.start()
        refusals(rig, faults)
        senders, campaign = build(rig, args, BEHAVIOUR)
        for sender in senders:
            rig.sandbox.ask("google.fill", account=sender, count=30)
        rig.api("POST", f"/v1/campaigns/{campaign}/start")
        rig.fast()
        faults += troubles(rig, senders, campaign, args)
        metrics = rig.run(campaign, args.seconds)
        metrics = last_answers(rig, campaign)
        for sender in senders:
            rig.sandbox.ask("google.fill", account=sender, count=30)
        rig.sandbox.ask("clock.jump", by=3600_000)
        time.sleep(1)
        asked = ask_everything(rig, senders, campaign)
        wanted = needles(rig)
        faults += look(wanted, places(rig))  # while it runs
        faults += look_for_mail(rig)
        code = rig.stop()
        if code:
            faults.append(f"the daemon ended with {code}")
        faults += look(wanted, places(rig))  # and what it left
        faults += check_look(rig, wanted)
        check_cores(rig, faults)
        if {SECRET} != Wire.heard["client_secret"]:
            faults.append("the client secret was not overheard: this test proves nothing")
        print({what: len(values) for what, values in Wire.heard.items()}, "overheard;",
              f"{asked} questions, {len(rig.said)} answers, {rig.starts} starts,",
              f"{sum(len(text) for _, text in places(rig)) >> 10} KiB looked through,",
              f"{metrics['sent']} sent, {metrics['answered']} answered")
    server.shutdown()
    server.server_close()
    return verdict(sorted(set(faults)))


if __name__ == "__main__":
    sys.exit(main())
