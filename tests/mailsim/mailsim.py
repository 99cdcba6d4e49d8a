#!/usr/bin/env python3
"""tests/mailsim/mailsim.py: SMTP and IMAP servers, and the people behind them, in one quick process.

usage: mailsim.py --dir DIR --clock SOCKET

For tests that play a campaign thousands of times, and with servers that fail by seed. Everything is in
memory, in the clear, on 127.0.0.1, and on the sandbox's clock. Its first line on stdout says where:
{"smtp": port, "imap": port, "control": socket, "receiver_log": file, "wire_log": file}. It ends when
its stdin does.
"""
import argparse
import heapq
import http.client
import json
import os
import random
import re
import selectors
import socket
import struct
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from imap_side import Account, ImapLine  # noqa: E402
from people import People  # noqa: E402
from smtp_side import SmtpLine  # noqa: E402

AFTER_JUMP_S = 0.0007  # while somebody is in IDLE: what the jump made them say is heard first
RARE, OFTEN = 0.2, 2.0  # shares of the rate: of what opens each line, and of what matters most
SHARES = {**dict.fromkeys(("GREETING", "CAPABILITY", "ID", "ENABLE", "NAMESPACE", "LIST",
                           "AUTHENTICATE", "DONE", "IDLE"), RARE),
          **dict.fromkeys(("DOT", "APPEND", "UID FETCH", "UID STORE"), OFTEN)}
PLACES = {}  # of what is posted: where that is here, from -> to


class Line:
    """A connection: bytes in are given to its side, what that sends leaves at once or after a while."""

    def __init__(self, loop, sock, side):
        self.loop, self.sock, self.open = loop, sock, True
        self.buffer, self.out, self.not_before = b"", b"", 0
        sock.setblocking(False)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.watch(sock, self.ready)
        loop.lines.add(self)
        self.side = side(loop.world, self)

    def wait(self, seconds):
        """What is sent from now on leaves only then."""
        self.not_before = max(self.not_before, time.monotonic() + seconds)

    def send(self, data, after=0):
        if not self.open:
            return
        self.out += data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        if after:
            self.wait(after)
        if self.not_before:
            self.loop.later(self.not_before, self.flush)
        else:
            self.flush()

    def flush(self):
        if self.not_before and time.monotonic() < self.not_before:
            return
        self.not_before = 0
        try:
            while self.out and self.open:
                self.out = self.out[self.sock.send(self.out):]
        except BlockingIOError:
            self.loop.later(time.monotonic() + 0.005, self.flush)
        except OSError:
            self.gone()

    def ready(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.gone()
            return
        self.buffer = self.side.take(self.buffer + data)

    def gone(self):
        if self.open:
            self.side.lost()
            self.close()

    def close(self, reset=False):
        if not self.open:
            return
        self.open = False
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.loop.unwatch(self.sock)
        self.loop.lines.discard(self)
        self.sock.close()


class Loop:
    def __init__(self):
        self.selector = selectors.EpollSelector()
        self.lines, self.timers, self.count, self.world = set(), [], 0, None

    def watch(self, sock, ready):
        self.selector.register(sock, selectors.EVENT_READ, ready)

    def unwatch(self, sock):
        self.selector.unregister(sock)

    def later(self, when, call):
        self.count += 1
        heapq.heappush(self.timers, (when, self.count, call))

    def listen(self, side):
        listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        listener.setblocking(False)

        def accept():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            Line(self, sock, side)
        self.watch(listener, accept)
        return listener.getsockname()[1]

    def run(self):
        while True:
            wait = self.world.patience()
            if self.timers:
                left = max(0, self.timers[0][0] - time.monotonic())
                wait = left if wait is None else min(left, wait)
            for key, _ in self.selector.select(wait):
                key.data()
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()
            self.world.turn()


class World:
    """What the sides share: time, faults, mailboxes, people, logs."""

    def __init__(self, loop, folder, clock):
        self.loop, loop.world = loop, self
        self.accounts, self.steps, self.serial, self.posting = {}, 0, 0, 0
        self.offers = {"idle": False, "condstore": True, "pipelining": True}
        self.faults, self.of_kind, self.verbs = None, {}, {}  # faults: (random, rate)
        self.clock = socket.socket(socket.AF_UNIX)
        self.clock.connect(clock)
        self.offset, self.jump, self.heard, self.told, self.not_before = 0, -1, b"", None, 0
        self.logs = {name: open(os.path.join(folder, name + ".log"), "a", encoding="utf-8")
                     for name in ("receiver", "wire")}
        self.people = People(self)
        self.wake, waker = socket.socketpair()
        self.waker = waker
        loop.watch(self.clock, self.hear)
        loop.watch(self.wake, lambda: self.wake.recv(100))
        self.hear()

    # -- time ------------------------------------------------------------------------------------
    def now(self):
        return int(time.time() * 1000) + self.offset

    def hear(self):
        data = self.clock.recv(65536)
        if not data:
            sys.exit(0)  # the sandbox ended
        *lines, self.heard = (self.heard + data).split(b"\n")
        for line in lines:
            said = json.loads(line)
            self.offset, self.jump = said["offset"], said["jump"]
        if lines and any(getattr(line.side, "idling", None) for line in self.loop.lines):
            self.not_before = time.monotonic() + AFTER_JUMP_S
            self.loop.later(self.not_before, lambda: None)

    def patience(self):
        """Seconds until somebody does something; None: nothing is to come."""
        due = self.people.next()
        return None if due is None else max(0.0, (due - self.now()) / 1000) + 0.0005

    def turn(self):
        """After each round: what is due happens, and the clock hears whether time may jump."""
        self.people.happen()
        self.tell_clock()

    def tell_clock(self):
        due = self.people.next()
        busy = self.posting or time.monotonic() < self.not_before
        rest = {"idle": False} if busy else {"idle": True, "jump": self.jump, "next": due}
        if rest != self.told:
            self.told = rest
            self.clock.sendall(json.dumps({**rest, "alone": False}).encode() + b"\n")

    # -- logs ------------------------------------------------------------------------------------
    def write(self, log, entry, at=None):
        line = {"at": int(at or self.now()), "real": int(time.time() * 1000), **entry}
        self.logs[log].write(json.dumps(line) + "\n")
        self.logs[log].flush()

    def tell(self, entry, at=None):
        self.write("receiver", entry, at)

    def note(self, what, marker, **more):
        self.write("wire", {"what": what, "marker": marker, **more})

    # -- what the sides ask ------------------------------------------------------------------------
    def step(self, verb=""):
        self.steps += 1
        self.verbs[verb] = self.verbs.get(verb, 0) + 1

    def number(self):
        self.serial += 1
        return str(self.serial)

    def draw(self, side, verb, kinds):
        """What goes wrong with this command; None: nothing."""
        if not self.faults or not kinds:
            return None
        if self.faults[0].random() >= self.faults[1] * SHARES.get(verb, 1):
            return None
        kind = self.faults[0].choice(kinds)
        name = f"{side} {verb} {kind}"
        self.of_kind[name] = self.of_kind.get(name, 0) + 1
        return kind

    def coin(self):
        return bool(self.faults) and self.faults[0].random() < 0.5

    def slow(self):
        return self.faults[0].uniform(0.005, 0.05) if self.faults else 0

    def knows(self, user, password):
        account = self.accounts.get(user.lower())
        return account is not None and account.password == password

    def deliver(self, to, mail, when):
        """Into the mailbox of that address, plus tag or not; its id, or None: it is nobody's here."""
        account = self.accounts.get(re.sub(r"\+[^@]*", "", to.lower()))
        if not account:
            return None
        inbox = account.shelves[0]
        uid = inbox.add(mail, when)
        for line in list(self.loop.lines):
            if isinstance(line.side, ImapLine):
                line.side.arrived(inbox)
        return f"INBOX/{inbox.validity}/{uid}"

    def post(self, url):
        """A click; somebody who gets no answer clicks again. Time stands meanwhile."""
        for begin, place in PLACES.items():
            url = url.replace(begin, place, 1) if url.startswith(begin) else url
        self.posting += 1
        threading.Thread(target=self.click, args=(urllib.parse.urlsplit(url),), daemon=True).start()

    def click(self, url):
        for _ in range(100):
            try:
                line = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
                line.request("POST", url.path + ("?" + url.query if url.query else ""),
                             "List-Unsubscribe=One-Click",
                             {"Content-Type": "application/x-www-form-urlencoded"})
                line.getresponse().read()
                line.close()
                break
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
        self.posting -= 1
        self.waker.send(b".")

    # -- commands ----------------------------------------------------------------------------------
    def do_account_add(self, address, password):
        self.accounts[address.lower()] = Account(address.lower(), password)

    def do_offer(self, **what):
        self.offers.update(what)

    def do_forget(self):
        self.people.forget()
        for account in self.accounts.values():
            account.forget()
        for line in list(self.loop.lines):
            line.close()
        self.of_kind.clear()
        self.verbs.clear()

    def do_script(self, **what):
        self.people.script(**what)

    def do_people(self, seed, **odds):
        self.people.draw_by(seed, odds)

    def do_post_route(self, begin, place):
        PLACES[begin] = place

    def do_fault_add(self, seed, rate):
        self.faults = (random.Random(seed), rate)

    def do_fault_clear(self):
        self.faults = None

    def do_stats(self):
        return {"steps": self.steps, "faults": self.of_kind, "verbs": self.verbs}

    def do_behind(self, jump):
        """Whether something is still to be done that was due at that jump."""
        self.people.happen()
        return {"behind": self.jump < jump or bool(self.posting)}

    def do_folder(self, account, name):
        """What lies in a folder: Message-ID, marker, flags."""
        shelf = next((s for s in self.accounts[account].shelves if s.name == name), None)
        return {"mails": [{"message_id": m.get("message-id"), "marker": m.get("x-postrider-id"),
                           "flags": sorted(m.flags)} for m in (shelf.mails if shelf else ())]}


class Control:
    """JSON lines: a command in, its answer out."""

    def __init__(self, world, line):
        self.world, self.line = world, line
        world.loop.lines.discard(line)  # what forget closes is the mail's

    def lost(self):
        pass

    def take(self, buffer):
        *lines, rest = buffer.split(b"\n")
        for text in lines:
            asked = json.loads(text)
            verb = asked.pop("do")
            try:
                answer = getattr(self.world, "do_" + verb.replace(".", "_"))(**asked) or {}
                answer = {"ok": True, **answer}
            except Exception as error:  # whoever asked is told
                answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            self.world.tell_clock()
            self.line.send(json.dumps(answer) + "\n")
        return rest


def listen_control(loop, path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    loop.watch(listener, lambda: Line(loop, listener.accept()[0], Control))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--clock", required=True)
    args = parser.parse_args()
    loop, control = Loop(), os.path.join(args.dir, "mailsim.sock")
    World(loop, args.dir, args.clock)
    listen_control(loop, control)
    loop.watch(sys.stdin, lambda: sys.stdin.readline() or sys.exit(0))
    print(json.dumps({"smtp": loop.listen(SmtpLine), "imap": loop.listen(ImapLine), "control": control,
                      "receiver_log": os.path.join(args.dir, "receiver.log"),
                      "wire_log": os.path.join(args.dir, "wire.log")}), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
