"""tests/e2e/privacy.py: thousands of mails that are none of ours pass by, and nothing of them stays.

usage: privacy.py BUILD [--mails N] [--idle SECONDS] [--people N] [--access full|headers] [--plant]

Each unrelated mail has a canary in From, Subject, ids, a header of its own, and body. After a campaign among
them the canaries are looked for in the daemon's files, its log (at debug) and, once its connections are closed and
it has been idle, its memory; and in the requests: which headers were asked for, and of what more than headers. --plant puts one
into each of these places first, and then all of them must be found.
"""
import os
import re
import sys
import time
import urllib.parse

from campaign import BEHAVIOUR, arguments, build, last_answers, verdict
from canaries import MAIL, files, look
from rig import Rig

BODY, OWN = b"canary-body-", b"canary-header-"  # what may not even pass through


def memory(pid):
    """(where, bytes) of all that the process may write or read; needs root where it is not dumpable."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)", line)
            if not found or found[3].startswith("[v"):
                continue
            start, end = int(found[1], 16), int(found[2], 16)
            while start < end:  # the store's map is 64 GiB, and what is not in the file can't be read
                size = min(end - start, 16 << 20)
                try:
                    mem.seek(start)
                    text = mem.read(size)
                except (OSError, ValueError, OverflowError):
                    break
                if not text:
                    break
                yield f"memory ({found[3] or 'anonymous'})", text
                start += len(text)


def wanted_headers(source):
    """The ones that mail/wanted.c names, and Content-Type."""
    with open(os.path.join(source, "core", "mail", "wanted.c")) as file:
        text = file.read().split("mail_wanted_headers[] = {")[1].split("NULL")[0]
    return {name.lower() for name in re.findall(r'"([^"]+)"', text)} | {"content-type"}


def check_requests(rig, source, bounces, faults):
    """Only metadata, only named headers; whole mails only of delivery reports."""
    wanted, asked, raw = wanted_headers(source), 0, 0
    for line in rig.sandbox.log("requests"):
        query = urllib.parse.parse_qs(line.get("query") or "")
        note = (line.get("note") or "").split(" ")[-1]
        if line.get("method") != "GET" or note not in ("messages.get", "threads.get", "drafts.get"):
            continue
        asked += 1
        shape = query.get("format", ["full"])[0]
        if shape == "raw":
            raw += line.get("status") == 200
        elif shape == "full":
            faults.append(f"a whole mail was asked for: {line['path']}?{line.get('query')}")
        elif shape == "metadata":
            names = {name.lower() for name in query.get("metadataHeaders", [])}
            if not names or names - wanted:
                faults.append(f"headers beyond the named: {sorted(names - wanted) or 'all'}")
            if "snippet" in ",".join(query.get("fields", ["snippet"])):
                faults.append(f"the snippet was not left out: {line.get('query')}")
    if raw > bounces:
        faults.append(f"{raw} whole mails were read, and there were {bounces} delivery reports")
    return asked, raw


def looked_at(rig):
    with open(rig.sandbox.about["requests_log"], "rb") as file:
        return file.read().count(b"messages.get")


def check_memory(pid, everything):
    """Hits, and how much was looked at: nothing where we may not."""
    size, hits = 0, {}
    for where, text in memory(pid) if os.geteuid() == 0 else ():
        size += len(text)
        for what, mark in everything.items():
            times = text.count(mark)
            if times:
                hits[f"{what} in {where}"] = hits.get(f"{what} in {where}", 0) + times
    return hits, size


def plant(rig):
    """One into each place; what is said to the API stays in memory as a person's field."""
    with open(os.path.join(rig.data, "planted"), "wb") as file:
        file.write(b"x" * 5000 + b"canary-from-planted")
    with open(rig.log, "ab") as file:
        file.write(b"canary-subject-planted\n")
    rig.campaign("name: planted\nfrom: [sender0@acme.example]\nsteps:\n  - subject: canary-id-planted\n"
                 "    text: canary-header-planted\n", "email\nplanted@one.example\n", "planted.yaml")


def lines_to(pid, port):
    """The connections that the process has to that port of loopback."""
    wanted, held = f"0100007F:{port:04X}", set()
    with open(f"/proc/{pid}/net/tcp") as table:
        ours = {f"socket:[{row.split()[9]}]" for row in table if row.split()[2] == wanted}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            held.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass  # closed meanwhile
    return held & ours


def close_connections(rig, which):
    """The buffers of an open connection keep what came last, until it closes or more comes; one that the
    provider ended is closed when the next is made."""
    port = urllib.parse.urlsplit(rig.sandbox.about[which]).port
    before, end = lines_to(rig.daemon.pid, port), time.monotonic() + 60
    rig.sandbox.ask("connections.end")
    while before & lines_to(rig.daemon.pid, port):
        if time.monotonic() > end:
            raise RuntimeError("the daemon keeps connections that were ended")
        rig.sandbox.ask("clock.jump", by=3600_000)
        time.sleep(0.5)
    rig.sandbox.wait_for(lambda: rig.sandbox.ask("clock.now")["idle"], seconds=60)
    return len(before)


def main():
    parser = arguments()
    parser.add_argument("--mails", type=int, default=10000)
    parser.add_argument("--idle", type=float, default=60)
    parser.add_argument("--plant", action="store_true")
    args = parser.parse_args()
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    faults = []
    with Rig(args.build, ("--seed", str(args.seed)), which=args.which, log_level="debug",
             config={"public_url": "https://outreach.example.com"}) as rig:
        rig.start()
        senders, campaign = build(rig, args, dict(BEHAVIOUR, unrelated=0))
        rig.sandbox.ask("google.fill", account=senders[0], count=args.mails // 2)
        rig.api("POST", f"/v1/campaigns/{campaign}/start")
        rig.fast()
        rig.run(campaign, args.seconds)
        rig.sandbox.ask("google.fill", account=senders[0], count=args.mails - args.mails // 2)
        metrics = last_answers(rig, campaign)
        rig.sandbox.wait_for(lambda: looked_at(rig) >= args.mails, seconds=120)
        time.sleep(1)
        deeds = [e["kind"] for e in rig.sandbox.log("receiver")]
        bounces = deeds.count("bounce_hard") + deeds.count("bounce_soft")
        rig.hold()
        open_hits = check_memory(rig.daemon.pid, MAIL)[0]
        closed = close_connections(rig, args.which)
        if args.plant:
            plant(rig)
        time.sleep(args.idle)
        everything = {what: mark for what, mark in MAIL.items()}
        hits, size = check_memory(rig.daemon.pid, everything)
        for hit, times in sorted(hits.items()):
            print(f"  {times} x {hit}")
        faults += sorted(hits)
        places = [("the log", open(rig.log, "rb").read()), *files(rig.data)]
        faults += look({what: {mark} for what, mark in everything.items()}, places)
        asked, raw = check_requests(rig, source, bounces, faults)
        code = rig.stop()
        if code:
            faults.append(f"the daemon ended with {code}")
        print(f"{sum(open_hits.values())} canaries in memory before its {closed} connections were closed, "
              f"{sum(hits.values())} after")
        print(f"{args.mails} unrelated mails, {metrics['answered']} answers; {asked} reads, {raw} of "
              f"whole reports ({bounces} bounces); looked at {size >> 20} MiB of memory and "
              f"{sum(len(t) for _, t in places) >> 10} KiB of files and log")
    if args.plant:
        found = " ".join(faults)
        missed = [p for p in ("the log", "planted", "memory") if p not in found]
        print("found what was planted" if not missed else f"did not find what was planted in {missed}")
        return 1 if missed else 0
    return verdict(faults)


if __name__ == "__main__":
    sys.exit(main())
