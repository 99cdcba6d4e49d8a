"""tests/sandbox/sandbox.py: starts a postrider-sandbox in a directory of its own, and talks to it."""
import http.client
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse


class Lines:
    """JSON lines over a Unix socket."""

    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def say(self, **what):
        self.socket.sendall(json.dumps(what).encode() + b"\n")

    def hear(self):
        line = self.file.readline()
        if not line:
            raise EOFError("the sandbox closed the socket")
        return json.loads(line)

    def ask(self, do, /, **more):
        """A command that is to succeed."""
        self.say(do=do, **more)
        answer = self.hear()
        if not answer["ok"]:
            raise RuntimeError(f"{do}: {answer['error']}")
        return answer

    def silent(self, seconds):
        """True if nothing is said for so long; only while nothing is left unheard."""
        return not select.select([self.socket], [], [], seconds)[0]

    def close(self):
        self.file.close()
        self.socket.close()


class Sandbox:
    def __init__(self, program, *options):
        self.dir = tempfile.mkdtemp(prefix="sandbox-")
        self.process = subprocess.Popen([program, "--dir", self.dir, "--with-parent", *options],
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()
        path = os.path.join(self.dir, "sandbox.json")
        if not os.path.exists(path):
            raise RuntimeError(f"{program} did not start: status {self.process.wait()}")
        with open(path) as file:
            self.about = json.load(file)
        self.tls = ssl.create_default_context(cafile=self.about["ca"])
        self.control = Lines(self.about["control"])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()

    def end(self):
        self.control.close()
        self.process.terminate()
        status = self.process.wait(20)
        self.process.stdout.close()
        shutil.rmtree(self.dir)
        if status != 0:
            raise RuntimeError(f"the sandbox ended with {status}")

    def ask(self, do, /, **more):
        return self.control.ask(do, **more)

    def refused(self, do, **more):
        """A command that is not to; returns the error."""
        self.control.say(do=do, **more)
        answer = self.control.hear()
        if answer["ok"]:
            raise RuntimeError(f"{do} was not refused")
        return answer["error"]

    def connect(self, which="h1", timeout=20):
        url = urllib.parse.urlsplit(self.about[which])
        if url.scheme == "http":
            return http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=timeout,
                                           context=self.tls)

    def get(self, path, method="GET", body=None, headers=None, which="http", timeout=20):
        """Status and body over a connection of its own."""
        connection = self.connect(which, timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def curl(self, *arguments, which="h2"):
        """(exit status, body) of curl with HTTP/2; the last argument is the path."""
        done = subprocess.run(["curl", "-sS", "--http2", "--max-time", "20", "--cacert",
                               self.about["ca"], *arguments[:-1],
                               self.about[which] + arguments[-1]], capture_output=True)
        return done.returncode, done.stdout

    def log(self, which):
        with open(self.about[which + "_log"]) as file:
            return [json.loads(line) for line in file]

    def wait_for(self, check, seconds=10):
        """What `check` returns once that is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = check()
            if found:
                return found
            time.sleep(0.01)
        raise RuntimeError("waited in vain")
