"""tests/contract/referee.py: prism between a client and the sandbox, and what it has to say."""
import re
import subprocess
import time

from rig import free_port

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What prism logs of its own start, and of requests that are well.
TROUBLE = re.compile(r"\b(warning|error|fatal)\b|Violation", re.IGNORECASE)


class Referee:
    """Prism in proxy mode on loopback. It is ready when this returns; `end` always ends it."""

    def __init__(self, prism, spec, upstream, log):
        self.log = log
        for _ in range(3):  # somebody else may have taken the port meanwhile
            if self.start(prism, spec, upstream, free_port()):
                return
            self.end()
        raise RuntimeError(f"prism did not start: {self.text()[-2000:]}")

    def start(self, prism, spec, upstream, port, seconds=60):
        self.url = f"http://127.0.0.1:{port}"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                ["node", prism, "proxy", "--errors", "-h", "127.0.0.1", "-p", str(port), spec,
                 upstream], stdout=out, stderr=out)
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if "Prism is listening" in self.text():
                return True
            time.sleep(0.05)
        return False

    def text(self):
        with open(self.log, errors="replace") as file:
            return COLOUR.sub("", file.read())

    def complaints(self):
        """Lines of its log that say something is wrong, of requests and answers."""
        return [line.strip() for line in self.text().splitlines()
                if "›" in line and "[CLI]" not in line and TROUBLE.search(line)]

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
