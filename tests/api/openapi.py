"""tests/api/openapi.py: holds core/control/openapi.yaml against the running daemon, both ways.

usage: openapi.py BUILD SOURCE

Every route that the server has is described, and the other way round. Every operation is asked for, and
each answer has a described status, the described content type, and a body as its schema has it. A small
campaign against the sandbox gives the lists something to show."""
import html.parser
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

import yaml

SOURCE = sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tests", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import PUBLIC, Browser, Rig, UnixHTTP  # noqa: E402
from posty import with_posty  # noqa: E402
from schema import Schemas  # noqa: E402
import http.client  # noqa: E402

CAMPAIGN = """name: {name}
from: {sender}
access: {access}
window: {{days: mon-sun, from: "00:00", to: "24:00", zone: mailbox}}
limits: {{gap: 1s}}
stop: {{on: {stop}}}
steps:
  - subject: "Hello {{{{first_name}}}}"
    text: "Hi {{{{first_name}}}}. No more? {{{{unsubscribe_url}}}}"
  - after: 2 days
    text: "Just making sure."
"""
XSS = "<script>alert(1)</script>"


class Faults(list):
    def check(self, fine, text):
        if not fine:
            self.append(text)
            print("FAULT", text)


class Tags(html.parser.HTMLParser):
    """The tags that a browser would see."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes


PAGE_TAGS = {"html", "head", "meta", "title", "style", "body", "main", "h1", "p", "ul", "li", "form",
             "button", "label", "input"}


class Api:
    def __init__(self, rig, spec, faults):
        self.rig, self.spec, self.faults = rig, spec, faults
        self.schemas = Schemas(spec)
        self.asked = set()  # (method, path, status)

    def operation(self, method, path):
        for template, item in self.spec["paths"].items():
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in item:
                return template, item[method.lower()]
        return None, None

    def send(self, people, method, target, body, headers):
        if people:
            connection = http.client.HTTPConnection("127.0.0.1", self.rig.port, timeout=30)
        else:
            connection = UnixHTTP(self.rig.socket, 60)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def ask(self, method, target, body=None, kind="application/json", expect=None, headers=None):
        """Asks, and checks the answer against the description. The body's JSON or text."""
        path = target.split("?")[0]
        template, operation = self.operation(method, path)
        name = f"{method} {target}"
        self.faults.check(operation is not None, f"{name}: not described")
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        headers = dict(headers or {})
        if body is not None:
            headers["Content-Type"] = kind
        people = operation and "people" in operation["tags"]
        status, got, text = self.send(people, method, target, body, headers)
        self.asked.add((method, template, str(status)))
        if expect:
            self.faults.check(status == expect, f"{name}: {status} in place of {expect}: {text[:300]}")
        described = (operation or {}).get("responses", {}).get(str(status))
        self.faults.check(described is not None, f"{name}: status {status} is not described: {text[:200]}")
        self.faults.check(got.get("Cache-Control") == "no-store", f"{name}: may be cached")
        self.faults.check(got.get("X-Content-Type-Options") == "nosniff", f"{name}: may be sniffed")
        if described is None:
            return text
        content = self.schemas.resolve(described).get("content", {})
        sort = (got.get("Content-Type") or "").split(";")[0]
        self.faults.check(sort in content, f"{name}: {status} came as {sort}")
        if sort == "text/html":
            self.check_page(name, got, text)
        if sort != "application/json":
            return text
        value = json.loads(text)
        for fault in self.schemas.faults(content.get(sort, {}).get("schema", {}), value):
            self.faults.check(False, f"{name}: {status}: {fault}")
        return value

    def check_page(self, name, headers, text):
        policy = headers.get("Content-Security-Policy", "")
        seen = Tags(text)
        self.faults.check("default-src 'none'" in policy and "frame-ancestors 'none'" in policy
                          and "script-src" not in policy and "unsafe" not in policy,
                          f"{name}: its policy is {policy!r}")
        self.faults.check(headers.get("Referrer-Policy") == "no-referrer", f"{name}: tells referrers")
        self.faults.check(set(seen.tags) <= PAGE_TAGS, f"{name}: has tags {set(seen.tags) - PAGE_TAGS}")
        nonce = dict(seen.attributes).get("nonce")
        self.faults.check(nonce and f"style-src 'nonce-{nonce}'" in policy, f"{name}: style not allowed")


# -- the routes, both ways ---------------------------------------------------------------------------


def check_routes(build, spec, faults):
    served = subprocess.run([os.path.join(build, "bin", "postriderd"), "--routes"], check=True,
                            capture_output=True, text=True).stdout.split("\n")
    served = {line for line in served if line}
    described = {f"{method.upper()} {path}" for path, item in spec["paths"].items()
                 for method in item if method != "parameters"}
    for route in sorted(served - described):
        faults.check(False, f"{route} is served, but not described")
    for route in sorted(described - served):
        faults.check(False, f"{route} is described, but not served")
    ids = [operation["operationId"] for item in spec["paths"].values()
           for method, operation in item.items() if method != "parameters"]
    faults.check(len(ids) == len(set(ids)), "an operationId stands twice")
    return described


# -- what is asked -----------------------------------------------------------------------------------


def quote(text):
    return urllib.parse.quote(text, safe="")


def ask_mailboxes(api, rig):
    rig.account("ana@acme.example", name="Ana")
    rig.account("bo@acme.example")
    link = api.ask("POST", "/v1/mailboxes", {"address": "ana@acme.example", "provider": "gmail"},
                   expect=201)["link"]
    api.ask("POST", "/v1/mailboxes", {"address": "ana@acme.example", "provider": "gmail"}, expect=409)
    api.ask("POST", "/v1/mailboxes", {"adress": "x"}, expect=422)
    api.ask("POST", "/v1/mailboxes", "{\"address\": ", expect=422)
    api.ask("GET", "/v1/mailboxes", expect=200)
    link = api.ask("POST", "/v1/mailboxes/ana%40acme.example/invite", expect=200)["link"]
    token = urllib.parse.urlparse(link).path
    page = api.ask("GET", token, expect=200)
    api.faults.check("ana@acme.example" in page and "<form" in page, "the invitation has no form")
    api.ask("POST", token, "go=yes", "application/x-www-form-urlencoded", expect=303)
    browser = Browser(rig)
    location = browser.go(browser.go(link, {})[2])[2]
    cookie = "; ".join(f"{key}={value}" for key, value in browser.cookies.items())
    page = api.ask("GET", location.replace(PUBLIC, ""), headers={"Cookie": cookie}, expect=200)
    api.faults.check("is connected" in page, f"consent ended so: {page}")
    api.ask("GET", location.replace(PUBLIC, ""), headers={"Cookie": cookie}, expect=400)
    api.ask("GET", "/connect/nonsense", expect=404)
    api.ask("POST", "/connect/nonsense", "", expect=404)
    api.ask("GET", "/oauth/cb/gmail?state=foreign&code=x", expect=400)
    rig.connect("bo@acme.example", "send")
    for name in ("/v1/mailboxes/ana%40acme.example", "/v1/mailboxes/1"):
        api.ask("GET", name, expect=200)
        api.ask("POST", name + "/check", expect=200)
    api.ask("POST", "/v1/mailboxes/1/pause", expect=200)
    api.ask("POST", "/v1/mailboxes/1/check", expect=200)
    api.ask("POST", "/v1/mailboxes/1/resume", expect=200)
    first = api.ask("GET", "/v1/mailboxes?limit=1", expect=200)
    second = api.ask("GET", f"/v1/mailboxes?limit=1&after={first['next']}", expect=200)
    api.faults.check(first["mailboxes"][0]["id"] != second["mailboxes"][0]["id"], "pages repeat")
    api.ask("GET", "/v1/mailboxes?limit=1001", expect=400)


def ask_secrets(api, rig):
    """A mailbox by password, and the page on which its owner gives it."""
    said = api.ask("GET", "/v1/autoconfig/cara%40acme.example", expect=200)
    api.faults.check(said["proposals"] == [], said)  # .example is asked of nobody
    api.ask("GET", "/v1/autoconfig/nonsense", expect=422)
    secret = ("POST", "/v1/mailboxes/cara%40acme.example/secret")
    for mood in ("auth", "unreachable", "lost"):
        api.ask("POST", "/v1/mailboxes", {"address": "cara@acme.example", "provider": "acme",
                                          "settings": {"mood": mood}}, expect=201)
        if mood != "lost":
            said = api.ask(*secret, "canary", "text/plain", expect={"auth": 403, "unreachable": 502}[mood])
            api.faults.check(said["error"]["next"], f"{mood}: {said}")
    api.ask("POST", "/v1/mailboxes", {"address": "cara@acme.example", "provider": "acme",
                                      "settings": {"colour": "blue"}}, expect=422)
    api.ask("POST", "/v1/mailboxes", {"address": "cara@acme.example", "provider": "acme",
                                      "settings": {"mood": {}}}, expect=422)
    api.ask(*secret, "", "text/plain", expect=422)
    api.ask(*secret, {"secret": "canary"}, expect=422)
    api.ask(*secret, "a\0b", "text/plain", expect=422)
    api.ask(*secret, "x" * 5000, "text/plain", expect=413)
    api.ask("POST", "/v1/mailboxes/ana%40acme.example/secret", "canary", "text/plain", expect=409)
    said = api.ask("POST", secret[1] + "?proof=no", "canary\n", "text/plain", expect=200)
    api.faults.check(said["mailbox"]["status"] == "active", said)
    said = api.ask("POST", "/v1/mailboxes/cara%40acme.example/check", expect=200)
    api.faults.check(said["asked"]["answered"], said)
    link = api.ask("POST", "/v1/mailboxes", {"address": "dora@acme.example", "provider": "acme"},
                   expect=201)["link"]
    said = api.ask("POST", "/v1/mailboxes/dora%40acme.example/check", expect=200)
    api.faults.check(said["asked"] is None and said["problems"], said)
    token = urllib.parse.urlparse(link).path
    page = api.ask("GET", token, expect=200)
    api.faults.check('type="password"' in page and "dora@acme.example" in page, page)
    form = "application/x-www-form-urlencoded"
    api.ask("POST", token, "secret=canary", form, expect=403)  # no page of ours was shown before
    browser = Browser(rig)
    browser.go(link)
    cookie = {"Cookie": "; ".join(f"{key}={value}" for key, value in browser.cookies.items())}
    page = api.ask("POST", token, "secret=", form, expect=403, headers=cookie)
    api.faults.check('type="password"' in page, "an empty one is not asked for again")
    page = api.ask("POST", token, "secret=can%26ary+too", form, expect=200, headers=cookie)
    api.faults.check("is connected" in page and "canary" not in page, page)
    api.ask("POST", token, "secret=canary", form, expect=404, headers=cookie)


def ask_notices(api, rig):
    """What a provider sends to a mailbox's address for notices, and nobody else can."""
    found, end = None, time.monotonic() + 10
    while not found and time.monotonic() < end:
        with open(rig.log, errors="replace") as log:
            found = re.search(r"cara@acme.example: notices come to (.*)\.\n", log.read())
        time.sleep(0.05)
    if not found:
        api.faults.check(False, "nothing was asked to say when there is news")
        return
    path = urllib.parse.urlparse(found.group(1).replace(" ", "")).path
    said = api.ask("GET", path + "?validationToken=%3Cb%3Ea", expect=200)
    api.faults.check(said.startswith("GET validationToken=%3Cb%3Ea\n"), said)
    said = api.ask("POST", path, "news", "application/json", expect=200, headers={"X-Sign": "s1"})
    api.faults.check("X-Sign: s1" in said and said.endswith("news"), said)
    api.ask("POST", path + "?bad", "", "application/json", expect=400)
    api.ask("POST", path, "x" * 300000, "application/json", expect=413)
    other = path[:-4] + ("A" if path[-4] != "A" else "B") + path[-3:]  # the last sign holds two bits only
    for wrong in (path[:-1], other, path.replace("acme", "gmail"), "/push/acme/nonsense"):
        api.ask("POST", wrong, "news", "application/json", expect=404)


def with_graph(build, options):
    """A provider whose organisations may have an administrator who consents first."""
    shutil.copy(os.path.join(build, "plugins", "graph.so"), options["plugins"])
    others = options["providers"]

    def providers(rig):
        url = rig.sandbox.about["h2"]
        return {**others, "graph": {"plugin": "graph.so", "client_id": "mcid", "api_url": url,
                                    "client_secret_file": rig.secret_file("microsoft.secret", "canary"),
                                    "login_url": url + "/login"}}

    return {**options, "providers": providers}


def ask_admin(api):
    """An administrator's consent, and what is shown to one who did not give it."""
    links = api.ask("GET", "/v1/providers/graph", expect=200)["admin_links"]
    api.faults.check(set(links) == {"send", "headers", "full"}, links)
    query = urllib.parse.parse_qs(urllib.parse.urlparse(links["headers"]).query)
    api.faults.check("Mail.ReadBasic" in query["scope"][0] and "Mail.ReadWrite" not in query["scope"][0],
                     query)
    state = quote(query["state"][0])
    back = "/oauth/admin/graph?state="
    page = api.ask("GET", back + state + "&admin_consent=True&tenant=t1", expect=200)
    api.faults.check("consent is given" in page, page)
    page = api.ask("GET", back + state + "&error=access_denied&error_description=" + quote(XSS), expect=403)
    api.faults.check("<script" not in page, "an administrator's page repeats a script")
    api.ask("GET", back + "foreign&admin_consent=True", expect=400)
    api.ask("GET", back.replace("graph", "gmail") + state + "&admin_consent=True", expect=400)
    api.faults.check(api.ask("GET", "/v1/providers/gmail", expect=200)["admin_links"] is None,
                     "gmail knows no such step")


def ask_campaigns(api, rig):
    text = CAMPAIGN.format(name="Hi/there", sender="ana@acme.example", access="full",
                           stop="[reply, bounce, unsubscribe]")
    wrong = api.ask("POST", "/v1/campaigns?file=w.yaml", "nmae: x\nsteps: []\n", "application/yaml",
                    expect=422)
    api.faults.check("w.yaml:1" in wrong["error"]["why"], f"no line in {wrong}")
    api.ask("POST", "/v1/campaigns", text, "application/yaml", expect=201)
    api.ask("POST", "/v1/campaigns", "#" * 5_000_000, "application/yaml", expect=413)
    name = "/v1/campaigns/Hi%2Fthere"
    api.ask("GET", name, expect=200)
    api.ask("PUT", name, text.replace("Just", "Only"), "application/yaml", expect=200)
    people = "email,First Name\np1@people.example,P1\np2@people.example,P2\nnonsense,P3\n" \
             "p4@people.example,P4\np5@people.example," + XSS + "\n"
    done = api.ask("POST", name + "/people", people, "text/csv", expect=200)
    api.faults.check((done["enrolled"], done["rejected"]) == (4, 1), f"imported {done}")
    api.ask("POST", name + "/people", "wrong;header\n1;2\n", "text/csv", expect=422)
    api.ask("GET", name + "/people", expect=200)
    api.ask("GET", name + "/people?limit=1&after=1", expect=200)
    preview = api.ask("GET", name + "/preview?limit=10", expect=200)
    api.faults.check(len(preview["messages"]) == 8, f"{len(preview['messages'])} messages in preview")
    link = re.search(r"/u/(\S+)", preview["messages"][0]["text"])
    rig.sandbox.ask("google.people", seed=3, reply=0)
    for person, act in (("p1@people.example", "reply"), ("p2@people.example", "bounce_hard")):
        rig.sandbox.ask("google.script", person=person, on_step=1, act=act)
    api.ask("POST", name + "/start", expect=200)
    api.ask("POST", name + "/pause", expect=200)
    api.ask("POST", name + "/start", expect=200)
    return "/u/" + link[1], name


def play(api, rig, name):
    rig.fast()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        metrics = api.ask("GET", name, expect=200)["metrics"]
        if metrics["planned"] + metrics["in_flight"] == 0:
            break
        time.sleep(0.2)
    api.faults.check(metrics["sent"] and metrics["answered"], f"the campaign ended so: {metrics}")


def ask_uncertain(api, rig):
    """With send access nobody can look what became of a send whose answer was lost."""
    rig.hold()
    rig.sandbox.ask("fault.add", match={"method": "POST", "path": "/*messages/send*"},
                    when="after", apply="reset", times=1)
    text = CAMPAIGN.format(name="Doubt", sender="bo@acme.example", access="send", stop="[unsubscribe]")
    made = api.ask("POST", "/v1/campaigns", text, "application/yaml", expect=201)
    api.ask("POST", f"/v1/campaigns/{made['id']}/people", "email,First Name\nq@people.example,Q\n",
            "text/csv", expect=200)
    api.ask("POST", f"/v1/campaigns/{made['id']}/start", expect=200)
    rig.fast()
    end = time.monotonic() + 40
    while time.monotonic() < end:
        found = api.ask("GET", "/v1/messages?state=uncertain&limit=10", expect=200)["messages"]
        if found:
            break
        time.sleep(0.2)
    api.faults.check(bool(found), "no message became uncertain")
    for message in found:
        api.ask("POST", f"/v1/messages/{message['message']}/settle", {"sent": "perhaps"}, expect=422)
        api.ask("POST", f"/v1/messages/{message['message']}/settle", {"sent": True}, expect=200)
        api.ask("POST", f"/v1/messages/{message['message']}/settle", {"sent": True}, expect=422)
    api.ask("GET", "/v1/messages", expect=400)
    api.ask("GET", "/v1/messages?state=uncertain&after=rubbish", expect=400)
    api.ask("POST", "/v1/messages/nonsense/settle", {"sent": True}, expect=404)


def ask_people(api, rig, link, name):
    replies = api.ask("GET", "/v1/replies", expect=200)["replies"]
    api.faults.check(len(replies) >= 2, f"replies: {replies}")
    api.ask("GET", "/v1/replies?campaign=Hi%2Fthere&limit=1", expect=200)
    api.ask("GET", "/v1/replies?campaign=none", expect=404)
    for reply in replies[:1]:
        api.ask("GET", f"/v1/replies/{reply['id']}", expect=200)
        api.ask("POST", f"/v1/replies/{reply['id']}/mark", {"interested": True}, expect=200)
        api.ask("POST", f"/v1/replies/{reply['id']}/mark", {}, expect=422)
    for person in ("p1@people.example", "p2@people.example", "p5@people.example"):
        api.ask("GET", "/v1/explain/" + quote(person), expect=200)
        api.ask("GET", "/v1/people/" + quote(person), expect=200)
    api.ask("GET", "/v1/explain/nobody%40people.example", expect=404)
    page = api.ask("GET", link, expect=200)
    api.faults.check("ana@acme.example" in page, "the opt-out page does not say whose mail it was")
    metrics = api.ask("GET", name, expect=200)["metrics"]
    api.faults.check(metrics["unsubscribed"] == 0, "a GET opted out")
    api.ask("POST", link, "", expect=400)
    api.ask("POST", link, "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded", expect=200)
    api.ask("POST", link, "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded", expect=200)
    metrics = api.ask("GET", name, expect=200)["metrics"]
    api.faults.check(metrics["unsubscribed"] == 1, "a POST did not opt out once")
    api.ask("GET", link + "x", expect=404)
    api.ask("POST", "/u/nonsense", "List-Unsubscribe=One-Click", expect=404)
    api.ask("POST", "/v1/suppressions", {"what": "@never.example", "why": "asked"}, expect=200)
    api.ask("POST", "/v1/suppressions", {"what": "no such thing"}, expect=422)
    api.ask("GET", "/v1/suppressions", expect=200)
    page = api.ask("GET", "/v1/suppressions?limit=1", expect=200)
    api.ask("GET", f"/v1/suppressions?limit=1&after={page['next']}", expect=200)
    api.ask("GET", "/v1/suppressions?after=rubbish", expect=400)
    api.ask("DELETE", "/v1/suppressions/%40never.example", expect=200)
    api.ask("DELETE", "/v1/suppressions/%40never.example", expect=200)  # it stays done
    api.ask("DELETE", "/v1/suppressions/nonsense", expect=422)
    api.ask("DELETE", "/v1/people/p4%40people.example", expect=200)
    api.ask("DELETE", "/v1/people/p4%40people.example", expect=404)
    api.ask("GET", name + "/people", expect=200)


def ask_rest(api, rig, name):
    api.ask("GET", "/v1/status", expect=200)
    api.ask("GET", "/v1/audit?limit=5", expect=200)
    numbers = api.ask("GET", "/metrics", expect=200)
    api.faults.check('postrider_messages{campaign="Hi/there",state="sent"}' in numbers, "no metrics")
    for line in numbers.splitlines():
        api.faults.check(re.fullmatch(r"#.*|\w+(\{.*\})? -?\d+", line), f"metrics: {line}")
    served = api.ask("GET", "/openapi.yaml", expect=200)
    with open(os.path.join(SOURCE, "core", "control", "openapi.yaml")) as file:
        api.faults.check(served == file.read(), "another openapi.yaml is served")
    api.ask("GET", "/health", expect=200)
    api.ask("GET", "/v1/campaigns", expect=200)
    api.ask("GET", "/v1/providers", expect=200)
    api.ask("GET", "/v1/providers/gmail", expect=200)
    api.ask("POST", "/v1/providers/gmail/reload", expect=200)
    api.ask("POST", "/v1/providers/gmail/reload", {"accept_origins": True}, expect=200)
    api.ask("POST", "/v1/providers/none/reload", expect=404)
    api.ask("POST", "/v1/reload", expect=200)
    api.ask("DELETE", name, expect=200)
    api.ask("DELETE", "/v1/mailboxes/1", expect=200)
    for path in ("/v1/mailboxes/77", "/v1/campaigns/77", "/v1/campaigns/77/people",
                 "/v1/campaigns/77/preview", "/v1/replies/77", "/v1/people/x%40y.example",
                 "/v1/providers/none"):
        api.ask("GET", path, expect=404)


# -- what no description shows ------------------------------------------------------------------------


def raw(where, data, wait=5):
    """What comes back for these bytes, until the other side closes or `wait` is over."""
    sock = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
    sock.settimeout(wait)
    sock.connect(where)
    got = b""
    try:
        sock.sendall(data)
        while True:
            part = sock.recv(65536)
            if not part:
                break
            got += part
    except (socket.timeout, ConnectionError):
        pass
    sock.close()
    return got.decode(errors="replace")


def check_edges(api, rig):
    faults, people = api.faults, ("127.0.0.1", rig.port)
    head = "Host: x\r\nConnection: close\r\n"
    faults.check(os.stat(rig.socket).st_mode & 0o777 == 0o600, "others may open the socket")
    for target, status in (("/v1/status", 404), ("/", 404), ("/u/", 404), ("/u/a/b", 404)):
        got = raw(people, f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
        faults.check(f" {status} " in got[:20], f"people: {target}: {got[:60]!r}")
    got = raw(rig.socket, f"PATCH /v1/status HTTP/1.1\r\n{head}\r\n".encode())
    faults.check(" 405 " in got[:20] and "Allow: GET" in got, f"PATCH: {got[:200]!r}")
    for path in ("/v1/campaigns/%00", "/v1/campaigns/%", "/v1/campaigns/%ff%fe"):
        got = raw(rig.socket, f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        faults.check(" 404 " in got[:20], f"{path}: {got[:60]!r}")
    for lengths in ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                    "Content-Length: 3\r\nContent-Length: 4\r\n"):
        got = raw(people, f"POST /u/x HTTP/1.1\r\n{head}{lengths}\r\nabc".encode(), 2)
        faults.check(" 400 " in got[:20] or not got, f"{lengths!r}: {got[:80]!r}")
    got = raw(people, f"GET /health HTTP/1.1\r\n{head}X: {'x' * 20000}\r\n\r\n".encode())
    faults.check(" 200 " not in got[:20], "a header of 20,000 bytes was taken")
    got = raw(people, f"POST /u/x HTTP/1.1\r\n{head}Content-Length: 200000\r\n\r\n".encode()
              + b"x" * 200000)
    faults.check(" 200 " not in got[:20], "a body of 200,000 bytes was taken")
    got = raw(people, f"GET /oauth/cb/gmail?error={quote(XSS)}&state=x HTTP/1.1\r\n{head}\r\n".encode())
    faults.check("<script" not in got, "the callback's page repeats a script")


def check_slow(api, rig):
    """Slow callers are sent away, and meanwhile nobody else notices."""
    slow = []
    for _ in range(100):
        sock = socket.create_connection(("127.0.0.1", rig.port))
        sock.sendall(b"GET /health HTTP/1.1\r\n")
        slow.append(sock)
    began = time.monotonic()
    api.ask("GET", "/health", expect=200)
    api.ask("GET", "/v1/status", expect=200)
    api.faults.check(time.monotonic() - began < 1, "slow callers slow others")
    left, end = set(slow), time.monotonic() + 30
    while left and time.monotonic() < end:
        for sock in list(left):
            try:
                sock.sendall(b"X")  # a byte now and then: every timeout begins anew
                sock.settimeout(0.001)
                if sock.recv(1) == b"":
                    left.discard(sock)
            except socket.timeout:
                pass
            except OSError:
                left.discard(sock)
        time.sleep(1)
    api.faults.check(not left, f"{len(left)} slow callers are still there after 30 s")
    for sock in slow:
        sock.close()


def main():
    build = sys.argv[1]
    with open(os.path.join(SOURCE, "core", "control", "openapi.yaml")) as file:
        spec = yaml.safe_load(file)
    faults = Faults()
    described = check_routes(build, spec, faults)
    with tempfile.TemporaryDirectory(prefix="rider-openapi-") as folder, \
            Rig(build, config={"public_url": PUBLIC}, **with_graph(build, with_posty(build, folder))) as rig:
        rig.start()
        api = Api(rig, spec, faults)
        ask_mailboxes(api, rig)
        ask_secrets(api, rig)
        ask_notices(api, rig)
        ask_admin(api)
        link, name = ask_campaigns(api, rig)
        play(api, rig, name)
        ask_people(api, rig, link, name)
        ask_uncertain(api, rig)
        check_edges(api, rig)
        check_slow(api, rig)
        ask_rest(api, rig, name)
        if faults:
            print(rig.tail(30))
        faults.check(rig.stop() == 0, f"the daemon ended with {rig.daemon.returncode}")
        faults.check(not os.path.exists(rig.socket), "the socket file is left")
    reached = {f"{method} {path}" for method, path, status in api.asked if status[0] in "23"}
    for route in sorted(described - reached):
        faults.check(False, f"{route} was never seen to work")
    print(f"{len(described)} operations, {len(api.asked)} kinds of answers, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
