"""tests/contract/relay.py: hands HTTP on, remembers what the referee said to it, and spoils on demand."""
import contextlib
import http.client
import http.server
import json
import threading
import time
import urllib.parse

# RFC 9110 7.6.1: these speak of one connection; the length is made anew.
OF_THE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade"}
PRISM = "https://stoplight.io/prism/errors#"


class Seen:
    """One request that went by, and what prism says is wrong with it or its answer."""

    def __init__(self, method, target, status, violations):
        self.method, self.target, self.status = method, target, status
        self.violations = violations


def violations_of(headers, body):
    """Sentences of prism, which answers in the place of the upstream (an RFC 9457 problem of its own
    type) or adds the header sl-violations to what it lets pass."""
    found = []
    said = headers.get("sl-violations")
    if said:
        found.append(f"sl-violations: {said}")
    if "application/problem+json" in (headers.get("content-type") or ""):
        try:
            problem = json.loads(body)
        except ValueError:
            return found
        if str(problem.get("type", "")).startswith(PRISM):
            faults = problem.get("validation") or [problem.get("detail")]
            found.append(f"{problem['type'][len(PRISM):]}: " + "; ".join(
                f["message"] + " at " + ".".join(map(str, f.get("location", [])))
                if isinstance(f, dict) else str(f) for f in faults))
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def hand_on(self):
        relay = self.server.relay
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with relay.under_way():
            self.exchange(relay, body)

    def exchange(self, relay, body):
        target, body = relay.change_request(self.command, self.path, body)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in OF_THE_HOP | {"host"}}
        try:
            answer, text = relay.ask(self.command, target, body, headers)
        except (OSError, http.client.HTTPException) as error:
            relay.broken.append(f"{self.command} {self.path} could not be handed on: {error}")
            self.close_connection = True
            return
        text = relay.change_answer(self.command, self.path, answer.status, text)
        relay.note(self.command, target, answer.status, violations_of(answer.headers, text))
        try:
            self.answer(answer, text)
        except ConnectionError:  # who asked has left; what was said is noted
            self.close_connection = True

    def answer(self, answer, text):
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in OF_THE_HOP:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = hand_on

    def log_message(self, *args):
        pass


class Relay:
    """A server on loopback. `upstreams`: pairs of a path's beginning and a URL; the first that fits.
    `change_request(method, target, body)` gives (target, body) and `change_answer(method, target,
    status, body)` the body; both run in the thread of the request."""

    def __init__(self, upstreams=(), change_request=None, change_answer=None):
        self.upstreams = list(upstreams)
        self.change_request = change_request or (lambda method, target, body: (target, body))
        self.change_answer = change_answer or (lambda method, target, status, body: body)
        self.seen, self.broken, self.requests = [], [], 0
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.relay = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def upstream(self, target):
        for beginning, url in self.upstreams:
            if target.startswith(beginning):
                return urllib.parse.urlsplit(url).netloc
        raise http.client.HTTPException(f"no upstream for {target}")

    @contextlib.contextmanager
    def under_way(self):
        with self.lock:
            self.requests += 1
        try:
            yield
        finally:
            with self.lock:
                self.requests -= 1

    def wait_idle(self, seconds=10):
        """Until no request is under way: what left by then has been answered, and noted."""
        end = time.monotonic() + seconds
        while self.requests and time.monotonic() < end:
            time.sleep(0.01)

    def ask(self, method, target, body, headers):
        """(answer, its body) of the upstream; OSError or HTTPException."""
        upstream = http.client.HTTPConnection(self.upstream(target), timeout=60)
        try:
            upstream.request(method, target, body or None, headers)
            answer = upstream.getresponse()
            return answer, answer.read()
        finally:
            upstream.close()

    def note(self, method, target, status, violations):
        with self.lock:
            self.seen.append(Seen(method, target, status, violations))

    def end(self):
        self.server.shutdown()
        self.server.server_close()
