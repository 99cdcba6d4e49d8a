"""tests/api/cli.py: the command against a running daemon: exit statuses, --json, tables, what it says when
something is wrong; and uploads that are large, or end in the middle.

usage: cli.py BUILD SOURCE"""
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tests", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from posty import with_posty  # noqa: E402
from rig import Rig  # noqa: E402

CAMPAIGN = """name: {name}
from: ana@acme.example
steps:
  - subject: "Hello {{{{first_name | default: there}}}}"
    text: "Hi."
"""
ROWS = 60000
EVIL = "\x1b]0;owned\x07\u202eevil\x9b31m"


def expect(fine, text):
    if not fine:
        raise AssertionError(text)


class Cli:
    def __init__(self, build, socket_path):
        self.program = os.path.join(build, "bin", "postrider")
        self.env = {**os.environ, "POSTRIDER_SOCKET": socket_path, "TZ": "UTC"}

    def run(self, *words, status=0, stdin=None):
        done = subprocess.run([self.program, *words], env=self.env, input=stdin, text=True,
                              capture_output=True, timeout=120)
        expect(status is None or done.returncode == status, f"{words}: {done.returncode} {done.stdout}{done.stderr}")
        if status:
            expect(done.stdout == "" or "--json" in words or "check" in words,
                   f"{words}: failed, and said on stdout {done.stdout}")
        return done.stdout if status == 0 else done.stdout + done.stderr

    def json(self, *words, status=0):
        return json.loads(self.run(*words, "--json", status=status))


def without_daemon(build, folder):
    nowhere = os.path.join(folder, "none.sock")
    cli = Cli(build, nowhere)
    said = cli.run("status", status=3)
    expect(nowhere in said and "is postriderd running?" in said, said)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(nowhere)
    said = cli.run("status", status=3)
    expect("nobody listens" in said, said)
    for words in ((), ("mailbox",), ("mailbox", "fly"), ("mailbox", "show"), ("frobnicate",),
                  ("status", "--nonsense"), ("mailbox", "list", "--limit", "none"),
                  ("mailbox", "add", "a@b.example"), ("help", "frobnicate"),
                  ("campaign", "create", os.path.join(folder, "none.yaml")),
                  ("--config", os.path.join(folder, "none.yaml"), "status")):
        cli.run(*words, status=2)
    expect("postrider mailbox add ADDRESS" in cli.run("help"), "help says nothing")
    expect("consents" in cli.run("help", "mailbox", "add"), "help of a verb says nothing")
    expect("consents" in cli.run("mailbox", "add", "--help"), "--help says nothing")


def which_daemon(build, rig):
    """By --config: as JSON it has no line of its own for the socket; as people write it, it has."""
    config = os.path.join(rig.dir, "as-people-write.yaml")
    with open(config, "w") as file:
        file.write("# ours\ndata: somewhere   # not the socket\nsocket: \"api.sock\"\n")
    cli = Cli(build, "/nonexistent/sock")
    expect("store" in cli.run("--config", config, "status"), "no status by --config")
    expect("store" in cli.run("status", "--socket", rig.socket), "no status by --socket")


def words_and_tables(cli, rig):
    rig.account("ana@acme.example", name="Ana")
    link = cli.json("mailbox", "add", "ana@acme.example", "--provider", "gmail")["link"]
    said = cli.run("mailbox", "check", "ana@acme.example", status=1)
    expect("postrider mailbox invite ana@acme.example" in said, said)
    expect(rig.consent(link)[0] == 200, "no consent")
    lines = cli.run("mailbox", "list").splitlines()
    column = lines[0].index("STATUS")
    expect(lines[1][column:].startswith("active"), lines)
    said = cli.json("mailbox", "show", "none@acme.example", status=1)
    expect(set(said["error"]) == {"what", "why", "next"}, said)
    said = cli.run("mailbox", "show", "none@acme.example", status=1)
    expect("see: postrider mailbox list" in said, said)
    cli.run("suppression", "list")
    cli.run("person", "suppress", "@never.example", "--why", EVIL)
    said = cli.run("suppression", "list")
    expect("@never.example" in said and "owned" in said, said)
    expect(not any(c in said for c in "\x1b\x07\x9b\u202e"), f"it steers the terminal: {said!r}")
    cli.run("person", "unsuppress", "@never.example")


def type_secret(cli, words, typed):
    """The command at a terminal of its own, typed to as soon as it asks: (exit status, what was on the
    screen)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(cli.program, [cli.program, *words], cli.env)
    seen, asked = b"", False
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
        if not asked and b"): " in seen:
            asked = True
            os.write(terminal, typed.encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def secrets(cli, rig, folder):
    """Mailboxes by password."""
    add = ("mailbox", "add", "cara@acme.example", "--provider", "acme")
    good, bad = (rig.secret_file(name, "canary-password") for name in ("good", "bad"))
    os.chmod(bad, 0o644)
    said = cli.run(*add, "--secret-file", bad, status=2)
    expect("chmod 600" in said, said)
    cli.run(*add, "--secret-file", os.path.join(folder, "none"), status=2)
    cli.run(*add, "--set", "nonsense", status=2)
    cli.run("mailbox", "show", "cara@acme.example", status=1)  # nothing was half done
    said = cli.run(*add, "--set", "mood=auth", "--secret-file", good, status=1)
    expect("refused the user name or the secret" in said and "mailbox secret cara@acme.example" in said, said)
    said = cli.run("mailbox", "check", "cara@acme.example", status=1)
    expect("postrider mailbox secret cara@acme.example" in said, said)
    said = cli.run(*add)
    expect("/connect/" in said, said)  # no secret at hand: a link for its owner
    cli.run("mailbox", "secret", "cara@acme.example", status=2)
    said = cli.run("mailbox", "secret", "cara@acme.example", "--secret-file", "-", stdin="canary-password\n")
    expect("a mail to itself arrived" in said, said)
    said = cli.run("mailbox", "check", "cara@acme.example", status=None)  # not listed yet, perhaps
    expect("It answered in" in said, said)
    add = ("mailbox", "add", "dora@acme.example", "--provider", "acme")
    status, said = type_secret(cli, add, "canary-half\x03")  # Ctrl-C
    expect(status == -signal.SIGINT and "canary" not in said, f"{status}: {said}")
    status, said = type_secret(cli, add, "canary-typed\n")
    expect(status == 0 and "dora@acme.example is connected" in said and "canary" not in said, said)
    said = cli.run("mailbox", "add", "eve@acme.example", "--provider", "gmail", "--secret-file", good,
                   status=2)
    expect("sign in there" in said, said)
    said = cli.run("mailbox", "add", "eve@acme.example", "--provider", "nowhere", "--yes", "--secret-file",
                   good, status=1)
    expect("--set imap=" in said, said)  # .example proposes nothing
    cli.run("mailbox", "add", "eve@acme.example", "--provider", "nowhere", "--secret-file", good, "--set",
            "imap=imaps://127.0.0.1:993")
    said = cli.json("mailbox", "show", "eve@acme.example")
    expect(said["settings"] == {"imap": "imaps://127.0.0.1:993"} and said["sign_in"] == "secret", said)
    said = cli.run("mailbox", "disconnect", "dora@acme.example", "--yes")
    expect("destroyed here" in said, said)
    with open(rig.log) as log:
        expect("canary-" not in log.read(), "a secret is in the log")


def campaigns(cli, folder):
    file = os.path.join(folder, "Straße.yaml")
    with open(file, "w") as out:
        out.write("nmae: x\nfrom: ana@acme.example\nsteps: 7\n")
    said = cli.run("campaign", "create", file, status=1)
    expect("Straße.yaml:1" in said and "Straße.yaml:3" in said and "name" in said, said)
    for name in ("世界へ", "Berlin"):
        with open(file, "w") as out:
            out.write(CAMPAIGN.format(name=name))
        cli.run("campaign", "create", file)
    lines = cli.run("campaign", "list").splitlines()
    # each of those three signs is two columns wide
    expect(lines[1].index("draft") + 3 == lines[2].index("draft") == lines[0].index("STATUS"), lines)
    with open(os.path.join(folder, "few.csv"), "w") as out:
        out.write("email\na@people.example\nnonsense\n")
    said = cli.run("campaign", "people", "世界へ", os.path.join(folder, "few.csv"))
    expect("2 rows: 1 enrolled" in said and "row 3:" in said, said)
    said = cli.json("campaign", "people", "世界へ")
    expect([one["address"] for one in said["people"]] == ["a@people.example"], said)
    cli.run("campaign", "edit", "世界へ", file, status=1)  # it would be a second "Berlin"
    expect("Hello there" in cli.run("campaign", "preview", "世界へ"), "no preview")
    said = cli.run("campaign", "start", "Berlin", status=1)  # nobody is enrolled
    cli.run("campaign", "remove", "世界へ")
    cli.run("campaign", "show", "世界へ", status=1)


def big_uploads(cli, rig, folder):
    """More than is held at once: the daemon makes the upload wait, and goes on with all else."""
    path = os.path.join(folder, "many.csv")
    with open(path, "w") as out:
        out.write("email,first name\n")
        for row in range(ROWS):
            out.write(f"p{row}@people{row % 97}.example,P{row}\n")
    began, slowest, answers = time.monotonic(), 0, 0
    upload = subprocess.Popen([cli.program, "campaign", "people", "Berlin", path, "--json"],
                              env=cli.env, stdout=subprocess.PIPE, text=True)
    while upload.poll() is None:
        asked = time.monotonic()
        rig.api("GET", "/v1/status")
        slowest, answers = max(slowest, time.monotonic() - asked), answers + 1
        time.sleep(0.01)
    took = time.monotonic() - began
    done = json.loads(upload.stdout.read())
    expect((done["rows"], done["enrolled"]) == (ROWS, ROWS), done)
    expect(answers >= 5, f"{answers} answers during the import, the slowest after {slowest:.1f} s")
    print(f"{ROWS} people in {took:.1f} s; the slowest status meanwhile took {slowest * 1000:.0f} ms")
    with open(path) as file:
        done = json.loads(cli.run("campaign", "people", "Berlin", "-", "--json",
                                  stdin=file.read(200000)))
    expect(done["known"] > 1000 and done["rejected"] <= 1, done)


def broken_upload(cli, rig):
    """Whoever goes away in the middle loses nothing that was complete, and holds nothing up."""
    before = rig.api("GET", "/v1/campaigns/Berlin")["metrics"]["people"]
    for rows in (0, 3000):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(rig.socket)
            body = "email\n" + "".join(f"x{row}@gone.example\n" for row in range(rows))
            sock.sendall(b"POST /v1/campaigns/Berlin/people HTTP/1.1\r\nHost: x\r\n"
                         b"Content-Length: 9999999\r\n\r\n" + body.encode())
            time.sleep(0.3)
    time.sleep(0.5)
    rig.api("GET", "/v1/status")
    after = rig.api("GET", "/v1/campaigns/Berlin")["metrics"]["people"]
    expect(before <= after <= before + 3000, f"{before} people, then {after}")


def watch(cli, rig):
    cli.run("campaign", "start", "Berlin")
    watching = subprocess.Popen([cli.program, "campaign", "watch", "Berlin", "--interval", "50"],
                                env=cli.env, stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    expect(watching.poll() is None, "watch ended with mail left to send")
    watching.send_signal(2)
    said, _ = watching.communicate(timeout=10)
    expect(watching.returncode == 0 and "CAMPAIGN" in said and "Berlin" in said, said)
    cli.run("campaign", "pause", "Berlin")
    cli.run("campaign", "watch", "none", status=1)


def second_daemon(build, rig):
    """The socket of a daemon that lives is never taken; that of a dead one is."""
    with open(rig.config) as file:
        config = json.load(file)
    config["data"] += "2"
    config["master_key_file"] += "2"
    config["listen"] = "127.0.0.1:0"
    other = os.path.join(rig.dir, "other.yaml")
    with open(other, "w") as file:
        json.dump(config, file)
    done = subprocess.run([os.path.join(build, "bin", "postriderd"), "--config", other],
                          capture_output=True, text=True, timeout=30)
    expect(done.returncode and "answered by another daemon" in done.stderr, done.stderr)
    rig.api("GET", "/v1/status")
    rig.kill()
    rig.start()
    rig.api("GET", "/v1/status")


def main():
    build = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="rider-cli-") as folder:
        without_daemon(build, folder)
        with Rig(build, **with_posty(build, folder)) as rig:
            rig.start()
            cli = Cli(build, rig.socket)
            which_daemon(build, rig)
            words_and_tables(cli, rig)
            secrets(cli, rig, folder)
            campaigns(cli, folder)
            big_uploads(cli, rig, folder)
            broken_upload(cli, rig)
            watch(cli, rig)
            second_daemon(build, rig)
            expect(rig.stop() == 0, "the daemon ended badly")
    print("fine")


if __name__ == "__main__":
    main()
