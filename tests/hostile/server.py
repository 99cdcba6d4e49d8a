"""A scripted server, the driver, and how a case is judged; imap.py and smtp.py bring the cases.

A case gets a World: it opens sessions of the plugin in the real host (drive.c) on servers whose every
byte it decides, and says what must come of it. Whatever the case: the driver lives, the secret is in no
byte that a server got in the clear and in nothing that the plugin or the host said.
"""
import base64
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

SECRET = "Hush-7f3e-canary"
SECRETS = [SECRET, base64.b64encode(SECRET.encode()).decode(),
           base64.b64encode(b"\0ana@acme.example\0" + SECRET.encode()).decode()]


class Hangup(Exception):
    """The script closes the line; with rst=True by a reset."""

    def __init__(self, rst=False):
        super().__init__("hang up")
        self.rst = rst


class Line:
    """A connection as the server's script sees it."""

    def __init__(self, sock, server, number):
        self.sock, self.server, self.number = sock, server, number
        self.buffer = b""
        self.tls = False
        self.clear = b""  # what came before TLS

    def start_tls(self, context=None):
        self.sock = (context or self.server.world.tls).wrap_socket(self.sock, server_side=True)
        self.tls, self.buffer = True, b""

    def send(self, data, pieces=0):
        data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        step = pieces or self.server.pieces or len(data) or 1
        for at in range(0, len(data), step):
            self.sock.sendall(data[at:at + step])

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Hangup()
        if not self.tls:
            self.clear += data
        self.buffer += data

    def line(self):
        """The next line without its end."""
        while b"\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    def exactly(self, size):
        while len(self.buffer) < size:
            self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def wait_for_close(self, seconds=10):
        self.sock.settimeout(seconds)
        while True:
            self.more()


class Server:
    """Listens on a port of its own; script(line) serves each connection in a thread."""

    def __init__(self, world, script, tls=True, pieces=0):
        self.world, self.script, self.tls, self.pieces = world, script, tls, pieces
        self.lines, self.errors, self.threads = [], [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.stopped = False
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def url(self, scheme):
        return f"{scheme}://127.0.0.1:{self.port}"

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.stopped:
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(15)
            line = Line(sock, self, len(self.lines))
            self.lines.append(line)
            thread = threading.Thread(target=self.serve, args=(line,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, line):
        try:
            if self.tls:
                line.start_tls(self.tls if isinstance(self.tls, ssl.SSLContext) else None)
            self.script(line)
        except Hangup as hangup:
            if hangup.rst:
                line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (OSError, ssl.SSLError):
            pass
        except Exception as error:  # a mistake in the case itself
            self.errors.append(f"{type(error).__name__}: {error}")
        try:
            line.sock.close()
        except OSError:
            pass

    def stop(self):
        self.stopped = True
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            pass
        self.thread.join(5)
        self.listener.close()
        for line in self.lines:
            try:
                line.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(5)


class Wrong(Exception):
    """A case did not come out as it must."""


class Driver:
    def __init__(self, build, ca, log):
        self.log = open(log, "w+b")
        self.child = subprocess.Popen(
            [f"{build}/tests/hostile/hostile_drive", f"{build}/plugins/smtp-imap.so", ca],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.said = b""

    def ask(self, **what):
        try:
            self.child.stdin.write(json.dumps(what).encode() + b"\n")
            self.child.stdin.flush()
            answer = self.child.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise Wrong(f"the driver died ({self.child.wait(20)}):\n{self.text()[-6000:]}")
        self.said += answer
        return json.loads(answer.decode("utf-8", "replace"))

    def text(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def end(self):
        """Its exit status; LeakSanitizer's word is in it."""
        self.child.stdin.close()
        return self.child.wait(60)


def make_ca(folder):
    """A CA, a certificate of it for 127.0.0.1, and one that nobody vouches for."""
    def run(*command):
        subprocess.run(command, check=True, capture_output=True)
    at = folder.__add__
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    with open(at("/ext"), "w", encoding="ascii") as ext:
        ext.write("subjectAltName=IP:127.0.0.1\n")
    run("openssl", "req", "-x509", *key, "-keyout", at("/ca.key"), "-out", at("/ca.pem"), "-days", "2",
        "-subj", "/CN=hostile test CA")
    run("openssl", "req", *key, "-keyout", at("/key.pem"), "-out", at("/csr"), "-subj", "/CN=127.0.0.1")
    run("openssl", "x509", "-req", "-in", at("/csr"), "-CA", at("/ca.pem"), "-CAkey", at("/ca.key"),
        "-out", at("/cert.pem"), "-days", "2", "-extfile", at("/ext"))
    run("openssl", "req", "-x509", *key, "-keyout", at("/other.key"), "-out", at("/other.pem"), "-days",
        "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    contexts = []
    for cert, private in (("/cert.pem", "/key.pem"), ("/other.pem", "/other.key")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(at(cert), at(private))
        contexts.append(context)
    return at("/ca.pem"), contexts


class World:
    """What a case works with."""

    def __init__(self, build, folder):
        self.ca, (self.tls, self.untrusted) = make_ca(folder)
        self.driver = Driver(build, self.ca, folder + "/log")
        self.servers = []
        self.met = []  # kinds of a case's answers

    def serve(self, script, tls=True, pieces=0):
        server = Server(self, script, tls, pieces)
        self.servers.append(server)
        return server

    def open(self, access="full", **settings):
        answer = self.driver.ask(do="open", address="ana@acme.example", secret=SECRET, access=access,
                                 settings=settings)
        if answer["kind"] != "ok":
            raise Wrong(f"no session: {answer}")

    def ask(self, verb, **what):
        return self.driver.ask(do=verb, **what)

    def expect(self, answer, kind, scope=None, **more):
        """kind and scope may be several, between bars."""
        self.met.append(answer["kind"])
        good = answer["kind"] in kind.split("|")
        good = good and (scope is None or answer.get("scope") in scope.split("|"))
        for key, value in more.items():
            good = good and answer.get(key) == value
        if not good:
            wanted = " ".join(str(w) for w in (kind, scope or "", more or ""))
            raise Wrong(f"wanted {wanted}, got {answer}")
        return answer

    def check(self, true, what):
        if not true:
            raise Wrong(what)

    def after_case(self):
        """Ends the servers of a case; what must hold whatever it was."""
        for server in self.servers:
            server.stop()
        errors = [error for server in self.servers for error in server.errors]
        clear = b"".join(line.clear for server in self.servers for line in server.lines)
        self.servers = []
        if errors:
            raise Wrong("; ".join(errors))
        for secret in SECRETS:
            self.check(secret.encode() not in clear, "the secret came in the clear")
            self.check(secret.encode() not in self.driver.said, "the plugin told the secret")


def main(cases):
    """Runs them all, or those whose names the command line has a part of."""
    build, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    if os.geteuid() == 0:
        os.umask(0o022)
    started, failed, ran = time.monotonic(), [], 0
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        world = World(build, folder)
        for case in cases:
            name = case.__name__.replace("_", " ")
            if only and not any(part in name for part in only):
                continue
            ran += 1
            began, world.met = time.monotonic(), []
            try:
                try:
                    case(world)
                    world.ask("close")
                finally:
                    world.after_case()
                met = ", ".join(world.met[:4] + ["..."] * (len(world.met) > 4))
                print(f"ok    {name}: {met} ({time.monotonic() - began:.2f} s)", flush=True)
            except Wrong as wrong:
                failed.append(name)
                print(f"FAIL  {name}: {wrong}", flush=True)
                if world.driver.child.poll() is not None:
                    world.driver = Driver(build, world.ca, folder + "/log")
        status = world.driver.end()
        log = world.driver.text()
        for secret in SECRETS:
            if secret in log:
                failed.append("the log holds the secret")
        if status != 0:
            failed.append(f"the driver ended with {status}")
        if failed or os.environ.get("HOSTILE_LOG"):
            print(log[-8000:])
    print(f"{ran} cases, {len(failed)} failed, {time.monotonic() - started:.1f} s")
    if failed:
        print("\n".join(failed))
    sys.exit(1 if failed or not ran else 0)
