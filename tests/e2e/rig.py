"""tests/e2e/rig.py: a sandbox and a daemon side by side, for tests that play whole campaigns."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "sandbox"))
from sandbox import Sandbox  # noqa: E402

PUBLIC = "https://outreach.example.com"
SECRET = "canary-client-secret-4711"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def marker_of(message):
    """Our marker, X-Postrider-Id, of a message as the API shows it."""
    return message["message_id"].lstrip("<").split("@")[0]


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Refused(Exception):
    """The API said no."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


class Browser:
    """As much of a browser as an owner's consent takes: our cookies, forms, redirects on demand. What
    our public https name would get goes to the daemon on loopback, Secure cookies too."""

    def __init__(self, rig):
        self.base, self.cookies = rig.base, {}
        self.opener = urllib.request.build_opener(
            NoRedirect(), urllib.request.HTTPSHandler(context=rig.sandbox.tls))

    def go(self, url, form=None):
        """(status, body, location)"""
        url = url.replace(PUBLIC, self.base, 1)
        request = urllib.request.Request(
            url, None if form is None else urllib.parse.urlencode(form).encode())
        if url.startswith(self.base) and self.cookies:
            request.add_header("Cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        try:
            answer = self.opener.open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.read().decode(), answer.headers.get("Location")


class Rig:
    """build: the build folder. Everything else is in a temporary directory of its own.

    provider: more settings of gmail. providers: {name: settings} of others beside it, or a function
    that makes that of this rig (whose sandbox is up by then); gmail=False leaves gmail out. cas: files
    of CAs that the daemon trusts beside the sandbox's, or such a function too, called later."""

    def __init__(self, build, sandbox_options=(), which="h2", poll="15 minutes", provider=None,
                 config=None, log_level="info", plugins=None, clock=True, providers=None, gmail=True,
                 cas=()):
        self.build = build = os.path.abspath(build)
        self.sandbox = Sandbox(os.path.join(build, "bin", "postrider-sandbox"), *sandbox_options)
        self.dir = tempfile.mkdtemp(prefix="rider-")
        self.data = os.path.join(self.dir, "data")
        self.socket = os.path.join(self.dir, "api.sock")
        self.log = os.path.join(self.dir, "daemon.log")
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.daemon = None
        self.starts = 0
        others = {}
        if gmail:
            others["gmail"] = self.gmail(which, provider or {})
        others.update((providers(self) if callable(providers) else providers) or {})
        self.write_config(poll, others, cas, config or {}, log_level, plugins, clock)
        self.sandbox.ask("google.client.add", client_id="cid", client_secret=SECRET,
                         redirect_uris=[self.base + "/oauth/cb/*", PUBLIC + "/oauth/cb/*"])
        self.sandbox.ask("google.quota", project="off")
        self.hold()
        self.sandbox.ask("google.consent")
        self.sandbox.ask("post.route", **{"from": PUBLIC, "to": self.base})

    def secret_file(self, name, secret):
        """A file of mode 0600 with a secret in it; its path."""
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secret + "\n")
        return path

    def gmail(self, which="h2", more=None):
        """The settings of gmail at this sandbox."""
        url = self.sandbox.about[which]
        return {"plugin": "gmail.so", "client_id": "cid",
                "client_secret_file": self.secret_file("google.secret", SECRET),
                "api_url": url, "auth_url": url + "/o/oauth2/v2/auth", "token_url": url + "/token",
                "revoke_url": url + "/revoke", "userinfo_url": url + "/v1/userinfo", **(more or {})}

    def graph(self, which="h2", more=None):
        """The settings of graph at this sandbox, which has the client from then on."""
        url = self.sandbox.about[which]
        self.sandbox.ask("microsoft.client.add", client_id="mcid", client_secret=SECRET,
                         redirect_uris=[self.base + "/oauth/*", PUBLIC + "/oauth/*"])
        self.sandbox.ask("microsoft.consent")
        return {"plugin": "graph.so", "client_id": "mcid",
                "client_secret_file": self.secret_file("microsoft.secret", SECRET),
                "api_url": url, "login_url": url + "/login", **(more or {})}

    def trusted(self, cas):
        """One file of the CAs that the daemon is to trust."""
        cas = cas(self) if callable(cas) else cas
        if not cas:
            return self.sandbox.about["ca"]
        path = os.path.join(self.dir, "cas.pem")
        with open(path, "w") as bundle:
            for name in (self.sandbox.about["ca"], *cas):
                with open(name) as file:
                    bundle.write(file.read() + "\n")
        return path

    def write_config(self, poll, providers, cas, config, log_level, plugins, clock):
        whole = {"data": self.data, "listen": f"127.0.0.1:{self.port}", "socket": self.socket,
                 "plugins": plugins or os.path.join(self.build, "plugins"),
                 "master_key_file": os.path.join(self.dir, "master.key"),
                 "ca_file": self.trusted(cas), "poll": poll, "log_level": log_level,
                 "providers": providers}
        if clock:
            whole["clock"] = self.sandbox.about["clock"]
        whole.update(config)
        self.config = os.path.join(self.dir, "postrider.yaml")
        with open(self.config, "w") as file:
            json.dump(whole, file, indent=1)  # YAML takes JSON

    # -- the daemon ------------------------------------------------------------------------------
    def start(self, wait=True, prefix=(), env=None):
        with open(self.log, "ab") as log:
            self.daemon = subprocess.Popen(
                [*prefix, os.path.join(self.build, "bin", "postriderd"), "--config", self.config],
                stdout=log, stderr=log, env=env)
        self.starts += 1
        if wait:
            self.wait_ready()
        return self.daemon

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.daemon.returncode}:\n{self.tail()}")
            try:
                return self.api("GET", "/v1/status")
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
        raise RuntimeError("the daemon is not ready:\n" + self.tail())

    def hold(self):
        """Time stands (but for the real one): consent codes and the like do not run out."""
        self.sandbox.ask("clock.mode", mode="hold")

    def fast(self):
        """Time jumps to the next thing whenever both sides are idle."""
        self.sandbox.ask("clock.mode", mode="fast")

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def stop(self, seconds=60):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(seconds)
        return self.daemon.returncode if self.daemon else 0

    def tail(self, lines=40):
        try:
            with open(self.log, errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except OSError:
            return ""

    def end(self, keep=False):
        try:
            if self.daemon and self.daemon.poll() is None:
                self.daemon.terminate()
                try:
                    self.daemon.wait(60)
                except subprocess.TimeoutExpired:
                    self.kill()
        finally:
            self.sandbox.end()
            if keep or os.environ.get("RIDER_KEEP"):
                print("kept", self.dir)
            else:
                shutil.rmtree(self.dir)

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        if kind:
            print(self.tail(60), file=sys.stderr)
        self.end()

    # -- the API ---------------------------------------------------------------------------------
    def api(self, method, path, body=None, timeout=60, kind="application/json"):
        connection = UnixHTTP(self.socket, timeout)
        try:
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            connection.request(method, path, body, {"Content-Type": kind} if body else {})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, text)
        return json.loads(text) if text.startswith(("{", "[")) else text

    def cli(self, *words, check=True):
        done = subprocess.run([os.path.join(self.build, "bin", "postrider"), "--socket",
                               self.socket, *words], capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"postrider {' '.join(words)}: {done.stdout}{done.stderr}")
        return done

    # -- mailboxes -------------------------------------------------------------------------------
    def account(self, address, provider="gmail", **more):
        side = {"gmail": "google", "graph": "microsoft"}[provider]
        self.sandbox.ask(side + ".account.add", address=address, **more)

    def link(self, address, access="full", provider="gmail", **more):
        return self.api("POST", "/v1/mailboxes", {"address": address, "provider": provider,
                                                  "access": access, **more})["link"]

    def consent(self, link, browser=None):
        """Clicks through; (status, page) of the last page."""
        browser = browser or Browser(self)
        status, page, location = browser.go(link)
        if status != 200:
            return status, page
        status, page, location = browser.go(link, {})
        if not location:
            return status, page
        status, page, location = browser.go(location)
        if not location:
            return status, page
        return browser.go(location)[:2]

    def connect(self, address, access="full", provider="gmail", **more):
        status, page = self.consent(self.link(address, access, provider, **more))
        if status != 200:
            raise RuntimeError(f"{address} was not connected: {status} {page}")

    # -- campaigns -------------------------------------------------------------------------------
    def campaign(self, yaml, people, name="test.yaml"):
        made = self.api("POST", f"/v1/campaigns?file={name}", yaml, kind="application/yaml")
        self.api("POST", f"/v1/campaigns/{made['id']}/people", people, kind="text/csv",
                 timeout=600)
        return made["id"]

    def metrics(self, campaign):
        return self.api("GET", f"/v1/campaigns/{campaign}")["metrics"]

    def finished(self, campaign):
        metrics = self.metrics(campaign)
        return metrics["planned"] == 0 and metrics["in_flight"] == 0

    def caught_up(self):
        """Until everybody has done what was due at the last jump of the clock: the sandbox's have."""

    def run(self, campaign, seconds=600, every=0.2):
        """Until nothing is planned any more; the metrics."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.daemon.returncode}")
            if self.finished(campaign):
                return self.metrics(campaign)
            time.sleep(every)
        raise RuntimeError(f"the campaign did not end: {self.metrics(campaign)}")
