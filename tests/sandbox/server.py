"""tests/sandbox/server.py PROGRAM: the sandbox's server side: HTTP, clock, faults, logs, control."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

from sandbox import Lines, Sandbox

PROGRAM = sys.argv.pop(1)
CURL = shutil.which("curl")
START = 1798794000000  # 2027-01-01T09:00:00Z


class Case(unittest.TestCase):
    options = ()

    def setUp(self):
        self.box = Sandbox(PROGRAM, *self.options)
        self.addCleanup(self.box.end)

    def requests(self):
        return self.box.log("requests")


class Http(Case):
    def test_keeps_a_connection_and_says_so(self):
        for which in ("h1", "h2", "http"):  # h2's port takes who offers no HTTP/2
            connection = self.box.connect(which)
            for reused in (False, True, True):
                connection.request("GET", "/sandbox/request?x=%20y")
                seen = json.loads(connection.getresponse().read())
                self.assertEqual((seen["version"], seen["reused"]), (1, reused))
                self.assertEqual((seen["path"], seen["query"]), ("/sandbox/request", "x=%20y"))
            connection.close()

    def test_tls_is_checked_by_its_own_ca_only(self):
        url = urllib.parse.urlsplit(self.box.about["h1"])
        with socket.create_connection((url.hostname, url.port)) as plain:
            with self.assertRaises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
        with socket.create_connection((url.hostname, url.port)) as plain:
            with self.box.tls.wrap_socket(plain, server_hostname="localhost") as tls:
                self.assertIn(tls.version(), ("TLSv1.2", "TLSv1.3"))
        with open(self.box.about["ca"]) as file:
            self.assertNotIn("PRIVATE", file.read())

    def test_big_bodies_come_back_whole(self):
        body = os.urandom(20_000_000)
        for which in ("h1", "http"):
            status, back = self.box.get("/sandbox/echo", "POST", body, which=which)
            self.assertEqual((status, back == body), (200, True))

    def test_chunked_and_expect(self):
        connection = self.box.connect("http")
        connection.request("POST", "/sandbox/echo", iter([b"one", b" two" * 30000]),
                           encode_chunked=True)
        self.assertEqual(connection.getresponse().read(), b"one" + b" two" * 30000)
        connection.close()
        raw = self.raw()
        raw.sendall(b"POST /sandbox/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                    b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(raw.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
        raw.sendall(b"ok")
        self.assertTrue(raw.recv(1000).endswith(b"\r\n\r\nok"))
        raw.close()

    def raw(self):
        url = urllib.parse.urlsplit(self.box.about["http"])
        return socket.create_connection((url.hostname, url.port), timeout=10)

    def answer(self, request):
        raw = self.raw()
        raw.sendall(request)
        data = b""
        while piece := raw.recv(65536):
            data += piece
        raw.close()
        return data

    def test_pipelined_requests_are_answered_in_order(self):
        data = self.answer(b"".join(
            b"POST /sandbox/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n<%d>" % i
            for i in range(5)) + b"GET /sandbox/ping HTTP/1.0\r\n\r\n")
        found = [data.index(b"<%d>" % i) for i in range(5)] + [data.index(b"pong")]
        self.assertEqual(found, sorted(found))

    def test_nonsense_is_refused(self):
        for request, status in (
                (b"nonsense\r\n\r\n", b"400"),
                (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
                (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", b"400"),
                (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                 b"400"),
                (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
                (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
                (b"GET / HTTP/1.1\r\nA: " + b"b" * 300000, b"431")):
            self.assertEqual(self.answer(request).split(b" ")[1], status, request[:40])
        self.assertEqual(self.requests(), [])

    def test_who_left_right_after_asking_was_heard(self):
        for i in range(20):
            raw = self.raw()
            body = json.dumps({"n": i}).encode()
            raw.sendall(b"POST /sandbox/receive HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                        % len(body) + body)
            raw.close()
        received = self.box.wait_for(
            lambda: len(self.box.log("receiver")) == 20 and self.box.log("receiver"))
        self.assertEqual(sorted(entry["n"] for entry in received), list(range(20)))

    @unittest.skipUnless(CURL, "no curl")
    def test_http2(self):
        status, body = self.box.curl("/sandbox/request")
        self.assertEqual((status, json.loads(body)["version"]), (0, 2))
        path = os.path.join(self.box.dir, "big")
        data = os.urandom(20_000_000)
        with open(path, "wb") as file:
            file.write(data)
        status, body = self.box.curl("--data-binary", "@" + path, "/sandbox/echo")
        self.assertEqual((status, body == data), (0, True))
        status, body = self.box.curl("--http1.1", "/sandbox/request")
        self.assertEqual((status, json.loads(body)["version"]), (0, 1))
        status, body = self.box.curl("-I", "/sandbox/ping")
        self.assertEqual(status, 0)


class Logs(Case):
    def test_what_was_asked_without_its_secrets(self):
        self.box.get("/sandbox/ping?access_token=tok-SECRET&a=b&code=SECRET&%63ode=SECRET",
                     headers={"Authorization": "Bearer SECRET", "X-Rider-Build": "b7"})
        with open(self.box.about["requests_log"]) as file:
            self.assertNotIn("SECRET", file.read())
        line = self.requests()[0]
        self.assertEqual(line["query"], "access_token=…&a=b&code=…&%63ode=…")
        for key, value in (("number", 1), ("version", 1), ("reused", False), ("method", "GET"),
                           ("path", "/sandbox/ping"), ("status", 200), ("note", "- echo.ping"),
                           ("build", "b7")):
            self.assertEqual(line[key], value)
        self.assertNotIn("fault", line)

    def test_accepted_is_on_the_disk_before_the_answer(self):
        for i in range(50):
            self.box.get("/sandbox/receive", "POST", json.dumps({"n": i}))
            entry = self.box.log("receiver")[-1]
            self.assertEqual(entry["n"], i)
            self.assertAlmostEqual(entry["real"], time.time() * 1000, delta=5000)

    def test_counts(self):
        self.box.get("/sandbox/ping")
        self.box.get("/sandbox/nothing")
        stats = self.box.ask("stats")["stats"]
        self.assertEqual((stats["requests"], stats["connections"]), (2, 2))
        self.assertEqual(stats["by_status"], {"200": 1, "404": 1})
        self.assertEqual(stats["by_note"]["echo.ping"], {"200": 1})


class Clock(Case):
    options = ("--clock", "fast", "--start", "2027-01-01T09:00:00Z")

    def join(self):
        clock = Lines(self.box.about["clock"])
        self.addCleanup(clock.close)
        first = clock.hear()
        return clock, first["jump"]

    def now(self):
        return self.box.ask("clock.now")["now"]

    def test_starts_where_it_is_told(self):
        self.assertAlmostEqual(self.now(), START, delta=5000)

    def test_does_not_jump_alone(self):
        self.box.ask("echo.at", **{"in": 3600000})
        time.sleep(0.2)
        self.assertAlmostEqual(self.now(), START, delta=5000)

    def test_jumps_to_what_is_next_of_all(self):
        one, jump = self.join()
        two, _ = self.join()
        one.say(idle=True, jump=jump, next=START + 7200000)
        self.assertTrue(one.silent(0.1))
        two.say(idle=True, jump=jump, next=START + 3600000)
        said = one.hear()
        self.assertEqual(said["jump"], jump + 1)
        self.assertEqual(two.hear(), said)
        self.assertAlmostEqual(said["offset"] + time.time() * 1000, START + 3600000, delta=2000)
        two.say(idle=True, jump=jump, next=START + 5000000)  # of before the jump: not heeded
        one.say(idle=True, jump=jump + 1, next=START + 7200000)
        self.assertTrue(one.silent(0.1))
        two.say(idle=True, jump=jump + 1, next=None)
        self.assertEqual(one.hear()["jump"], jump + 2)
        self.assertAlmostEqual(self.now(), START + 7200000, delta=2000)

    def test_one_who_is_busy_holds_time(self):
        one, jump = self.join()
        two, _ = self.join()
        one.say(idle=True, jump=jump, next=START + 3600000)
        two.say(idle=False)
        self.assertTrue(one.silent(0.2))
        two.close()  # a killed daemon holds nothing
        self.assertEqual(one.hear()["jump"], jump + 1)

    def test_happenings_in_their_order_at_their_time(self):
        clock, jump = self.join()
        for at, say in ((3000, "c"), (1000, "a"), (2000, "b"), (3000, "d")):
            self.box.ask("echo.at", **{"in": at * 1000, "say": say})
        clock.say(idle=True, jump=jump, next=START + 5000 * 1000)
        for n in range(1, 5):
            jump = clock.hear()["jump"]
            clock.say(idle=True, jump=jump, next=START + 5000 * 1000)
        said = self.box.log("receiver")
        self.assertEqual("".join(entry["say"] for entry in said), "abcd")
        for entry, after in zip(said, (1000, 2000, 3000, 3000)):
            self.assertAlmostEqual(entry["at"], START + after * 1000, delta=3000)

    def test_a_request_under_way_holds_time(self):
        self.box.ask("fault.add", match={"path": "/sandbox/ping"}, when="after", apply="delay",
                     ms=400)
        clock, jump = self.join()
        thread = threading.Thread(target=self.box.get, args=("/sandbox/ping",))
        thread.start()
        time.sleep(0.1)
        clock.say(idle=True, jump=jump, next=START + 3600000)
        self.assertTrue(clock.silent(0.2))
        thread.join()
        self.assertEqual(clock.hear()["jump"], jump + 1)

    def test_hold_jump_and_pace(self):
        clock, jump = self.join()
        self.box.ask("clock.mode", mode="hold")
        self.box.ask("echo.at", **{"in": 1000000, "say": "x"})
        clock.say(idle=True, jump=jump, next=START + 3600000)
        self.assertTrue(clock.silent(0.2))
        answer = self.box.ask("clock.jump", by=2000000)
        self.assertAlmostEqual(answer["now"], START + 2000000, delta=3000)
        self.assertEqual(clock.hear()["jump"], jump + 1)
        self.assertAlmostEqual(self.box.log("receiver")[0]["at"], START + 1000000, delta=3000)
        self.box.ask("clock.jump", to="2027-01-01T10:00+00:00")
        self.assertAlmostEqual(self.now(), START + 3600000, delta=3000)
        self.assertIn("does not go back", self.box.refused("clock.jump", to=START))
        jump = clock.hear()["jump"]
        self.box.ask("pace", ms=500)
        clock.say(idle=True, jump=jump, next=START + 7200000)
        self.box.ask("clock.mode", mode="fast")
        began = time.monotonic()
        self.assertEqual(clock.hear()["jump"], jump + 1)
        self.assertGreater(time.monotonic() - began, 0.3)

    def test_as_many_jumps_as_asked_for(self):
        self.box.ask("clock.mode", mode="fast", jumps=2)
        clock, jump = self.join()
        for hours in (1, 2):
            clock.say(idle=True, jump=jump, next=START + hours * 3600000)
            jump = clock.hear()["jump"]
        clock.say(idle=True, jump=jump, next=START + 3 * 3600000)
        self.assertTrue(clock.silent(0.2))
        self.assertEqual(self.box.ask("clock.now")["mode"], "hold")
        self.box.ask("clock.mode", mode="fast")  # no end to them
        for hours in (3, 4, 5):
            jump = clock.hear()["jump"]
            clock.say(idle=True, jump=jump, next=START + (hours + 1) * 3600000)

    def test_real_time_passing_brings_what_is_due(self):
        self.box.ask("clock.mode", mode="real")
        self.box.ask("echo.at", **{"in": 150, "say": "soon"})
        self.assertEqual(self.box.log("receiver"), [])
        self.box.wait_for(lambda: self.box.log("receiver"), 5)

    def test_many_jumps_are_quick(self):
        clock, jump = self.join()
        began = time.monotonic()
        for i in range(1, 1001):
            clock.say(idle=True, jump=jump, next=START + i * 3600000)
            jump = clock.hear()["jump"]
        self.assertLess(time.monotonic() - began, 10)
        self.assertAlmostEqual(self.now(), START + 3600000000, delta=20000)


class Faults(Case):
    def add(self, match, when, apply, **more):
        return self.box.ask("fault.add", match=match, when=when, apply=apply, **more)["fault"]

    def receive(self, n, which="http", timeout=20, query=""):
        return self.box.get("/sandbox/receive" + query, "POST", json.dumps({"n": n}), which=which,
                            timeout=timeout, headers={"Authorization": "Bearer " + query})

    def received(self):
        return [entry["n"] for entry in self.box.log("receiver")]

    def test_before_is_not_accepted_after_is(self):
        self.add({"path": "/sandbox/rec*", "nth": 1}, "before", {"status": 503})
        self.add({"path": "/sandbox/rec*", "nth": 1}, "after",
                 {"status": 502, "headers": {"retry-after": "7"}, "body": "no"})
        self.assertEqual(self.receive(1)[0], 503)
        self.assertEqual(self.received(), [])
        self.assertEqual(self.receive(2), (502, b"no"))
        self.assertEqual(self.received(), [2])
        self.assertEqual(self.receive(3)[0], 200)
        self.assertEqual([line.get("fault") for line in self.requests()],
                         ["status before #1", "status after #2", None])
        self.assertEqual([line["status"] for line in self.requests()], [503, 502, 200])

    def test_reset_is_a_reset(self):
        for when, count in (("before", 0), ("after", 1)):
            for which in ("http", "h1"):
                number = self.add({}, when, "reset", times=1)
                with self.assertRaises((ConnectionResetError, ssl.SSLError)):
                    self.receive(count, which)
                self.box.ask("fault.clear", fault=number)
        self.assertEqual(self.received(), [1, 1])

    def test_half_a_body_and_an_unclean_end(self):
        import http.client
        self.add({}, "after", "truncate")
        for which in ("http", "h1"):
            with self.assertRaises((http.client.IncompleteRead, ssl.SSLEOFError)):
                self.box.get("/sandbox/echo", "POST", b"x" * 1000, which=which)

    def test_garbage_empty_slow_late(self):
        self.add({"nth": 1}, "after", "garbage")
        status, body = self.receive(1)
        self.assertEqual((status, body[:15]), (200, b"<!DOCTYPE html>"))
        self.box.ask("fault.clear")
        self.add({"nth": 1}, "after", "empty")
        self.assertEqual(self.receive(2), (200, b""))
        self.box.ask("fault.clear")
        for apply in ("slow", {"delay": 200}):
            self.add({}, "after", apply)
            began = time.monotonic()
            status, body = self.box.get("/sandbox/echo", "POST", b"x" * 200, timeout=20)
            self.assertEqual((status, body), (200, b"x" * 200))
            self.assertGreater(time.monotonic() - began, 0.15)
            self.box.ask("fault.clear")
        self.assertEqual(self.received(), [1, 2])

    def test_hang(self):
        self.add({}, "after", "hang")
        with self.assertRaises(TimeoutError):
            self.receive(1, timeout=0.3)
        self.assertEqual(self.received(), [1])
        self.assertEqual(self.requests()[0]["status"], 0)
        self.box.ask("fault.clear")
        self.add({}, "before", {"hang": 200})
        self.assertEqual(self.receive(2)[0], 503)
        self.assertEqual(self.received(), [1])

    def test_a_request_late_on_its_way_arrives_though_its_sender_left(self):
        self.add({}, "before", {"delay": 500})
        with self.assertRaises(TimeoutError):
            self.receive(1, timeout=0.2)
        self.assertEqual(self.received(), [])
        self.assertEqual(self.box.wait_for(self.received, 5), [1])

    def test_matching(self):
        self.add({"account": "ana@acme.example"}, "before", {"status": 500})
        # Nothing is known of an Authorization before its first answer.
        self.assertEqual(self.receive(1, query="?account=ana@acme.example")[0], 200)
        self.assertEqual(self.receive(2, query="?account=ana@acme.example")[0], 500)
        self.assertEqual(self.receive(3, query="?account=bob@acme.example")[0], 200)
        self.assertEqual(self.receive(4, query="?account=bob@acme.example")[0], 200)
        self.box.ask("fault.clear")
        self.add({"method": "PUT"}, "before", {"status": 500})
        self.assertEqual(self.receive(5)[0], 200)
        self.assertEqual(self.box.get("/sandbox/ping", "PUT")[0], 500)
        self.box.ask("fault.clear")
        self.add({"every": 3}, "before", {"status": 500})
        self.assertEqual([self.receive(6)[0] for _ in range(6)], [200, 200, 500] * 2)
        self.box.ask("fault.clear")
        self.add({"reused": True}, "before", {"status": 500})
        connection = self.box.connect("http")
        seen = []
        for _ in range(2):
            connection.request("GET", "/sandbox/ping")
            answer = connection.getresponse()
            answer.read()
            seen.append(answer.status)
        connection.close()
        self.assertEqual(seen, [200, 500])
        self.box.ask("fault.clear")
        number = self.add({}, "before", {"status": 500}, times=2)
        self.assertEqual([self.receive(7)[0] for _ in range(3)], [500, 500, 200])
        self.assertEqual(self.box.ask("fault.list")["faults"][0]["struck"], 2)
        self.box.ask("fault.clear", fault=number)
        self.assertEqual(self.box.ask("fault.list")["faults"], [])

    def course(self, seed):
        """What a seeded rule does to 200 requests."""
        box = Sandbox(PROGRAM)
        try:
            box.ask("fault.add", seed=seed, rate=0.2)
            for _ in range(200):
                try:
                    box.get("/sandbox/ping")
                except Exception:
                    pass
            return [line.get("fault") for line in box.log("requests")]
        finally:
            box.end()

    def test_a_seed_repeats_its_course(self):
        one, two, other = self.course(7), self.course(7), self.course(8)
        self.assertEqual(one, two)
        self.assertNotEqual(one, other)
        self.assertTrue(20 < sum(fault is not None for fault in one) < 70)
        self.assertGreater(len(set(one)), 5)

    @unittest.skipUnless(CURL, "no curl")
    def test_http2_faults(self):
        for apply, when, status in (("rst_stream", "after", 92), ("truncate", "after", 92),
                                    ("reset", "after", 56), ("goaway", "after", None)):
            number = self.add({"version": 2, "nth": 1}, when, apply)
            code, _ = self.box.curl("--data", '{"n":1}', "/sandbox/receive")
            if status is None:
                self.assertNotEqual(code, 0, apply)
            else:
                self.assertEqual(code, status, apply)
            self.box.ask("fault.clear", fault=number)
        self.assertEqual(self.received(), [1, 1, 1, 1])
        # What was surely not acted upon may be asked again, and curl does so.
        for apply in ("rst_stream", "goaway"):
            number = self.add({"version": 2, "nth": 1}, "before", apply)
            self.box.curl("/sandbox/ping")
            self.assertIn(f"{apply} before #{number}",
                          [line.get("fault") for line in self.requests()])
            self.box.ask("fault.clear", fault=number)
        self.add({"version": 2}, "after", "slow")
        code, body = self.box.curl("--data", "x" * 100, "/sandbox/echo")
        self.assertEqual((code, body), (0, b"x" * 100))

    def test_nonsense_is_refused(self):
        for asked, why in (({"when": "before"}, "apply"), ({"apply": "reset"}, "when"),
                           ({"when": "after", "apply": "explode"}, "none of"),
                           ({"when": "after", "apply": "status"}, "status"),
                           ({"when": "after", "apply": {"status": 99}}, "between"),
                           ({"when": "after", "apply": "delay"}, "ms"),
                           ({"when": "after", "apply": "reset", "match": 3}, "match")):
            self.assertIn(why, self.box.refused("fault.add", **asked))
        self.assertIn("no fault 9", self.box.refused("fault.clear", fault=9))


class Control(Case):
    def test_unknown_and_malformed(self):
        self.assertIn("no command", self.box.refused("dance"))
        self.box.control.socket.sendall(b"{nonsense\n[1]\n")
        self.assertFalse(self.box.control.hear()["ok"])
        self.assertFalse(self.box.control.hear()["ok"])
        self.assertTrue(self.box.ask("clock.now")["ok"])

    def test_ends_connections_that_are_idle(self):
        connection = self.box.connect("http")
        connection.request("GET", "/sandbox/ping")
        connection.getresponse().read()
        self.assertEqual(self.box.ask("connections.end")["ended"], 1)
        self.assertEqual(connection.sock.recv(1), b"")
        connection.close()
        self.assertEqual(self.box.ask("connections.end")["ended"], 0)

    def test_posts_to_loopback_only(self):
        got = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                got.append((self.path, self.headers["Content-Type"],
                            self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            base = f"http://127.0.0.1:{server.server_port}"
            self.box.ask("echo.post", url=base + "/u/abc?k=SECRET", form="List-Unsubscribe=One-Click")
            self.box.wait_for(lambda: self.requests())
            self.box.ask("post.route", **{"from": "https://u.acme.example", "to": base})
            self.box.ask("echo.post", url="https://u.acme.example/v", form="a=b")
            self.box.wait_for(lambda: len(self.requests()) == 2)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        self.box.ask("echo.post", url="http://192.0.2.1/x", form="a=b")
        self.box.ask("echo.post", url=base + "/x", form="a=b")  # nobody listens any more
        lines = self.box.wait_for(lambda: len(self.requests()) == 4 and self.requests())
        form = "application/x-www-form-urlencoded"
        self.assertEqual(got, [("/u/abc?k=SECRET", form, b"List-Unsubscribe=One-Click"),
                               ("/v", form, b"a=b")])
        self.assertEqual([line["status"] for line in lines], [202, 202, 0, 0])
        self.assertEqual(lines[0]["post"], base + "/u/abc")
        self.assertIn("loopback", lines[2]["error"])

    def test_quit_answers_and_ends(self):
        self.box.ask("quit")
        self.assertEqual(self.box.process.wait(10), 0)

    def test_a_socket_left_by_a_kill_is_no_hindrance_but_a_living_one_is(self):
        self.box.process.send_signal(signal.SIGKILL)
        self.box.process.wait()
        self.box.process.stdout.close()
        os.remove(os.path.join(self.box.dir, "sandbox.json"))
        self.box.process = subprocess.Popen([PROGRAM, "--dir", self.box.dir],
                                            stdout=subprocess.PIPE)
        self.assertIn(b"ready", self.box.process.stdout.readline())
        other = subprocess.run([PROGRAM, "--dir", self.box.dir], capture_output=True)
        self.assertEqual(other.returncode, 1)
        self.assertIn(b"another sandbox", other.stderr)

    def test_seeds(self):
        def draw(*options):
            box = Sandbox(PROGRAM, *options)
            try:
                return [box.ask("echo.random")["random"] for _ in range(5)]
            finally:
                box.end()
        self.assertEqual(draw("--seed", "5"), draw("--seed", "5"))
        self.assertNotEqual(draw("--seed", "5"), draw("--seed", "6"))

    def test_ends_with_its_parent(self):
        code = ("import subprocess,sys;p=subprocess.Popen([sys.argv[1],'--dir',sys.argv[2],"
                "'--with-parent'],stdout=subprocess.PIPE);p.stdout.readline();print(p.pid)")
        path = os.path.join(self.box.dir, "inner")
        pid = int(subprocess.run([sys.executable, "-c", code, PROGRAM, path], stdout=subprocess.PIPE,
                                 check=True).stdout)

        def gone():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    return file.read().rsplit(")", 1)[1].split()[0] == "Z"
            except FileNotFoundError:
                return True
        self.box.wait_for(gone)


if __name__ == "__main__":
    unittest.main()
