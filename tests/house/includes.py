"""Who may include whom: greps every include of the tree against the list of the design."""
import pathlib
import re
import sys

# A room may include itself, what stands here, and what those may include.
ROOMS = {
    "base": [],
    "records": ["base"],
    "seal": ["base"],
    "mail": ["base"],
    "config": ["base"],
    "store": ["records", "seal"],
    "net": ["base"],
    "campaign": ["records", "mail", "config"],
    "match": ["records", "mail"],
    "provider": ["net", "sdk"],
    "mailbox": ["provider", "store", "seal", "mail"],
    "engine": ["mailbox", "campaign", "match"],
    "control": ["engine"],
}
# Packages, and the only rooms that may name them.
PACKAGES = {
    r"uv\.h|uv/.*": {"net"},
    r"curl/.*": {"net"},
    r"lmdb\.h": {"store"},
    r"microhttpd\.h": {"control"},
    r"gmime/.*": {"mail"},
    r"yaml\.h": {"config"},
    r"libical/.*|ical\.h": {"campaign"},
    r"sodium\.h|sodium/.*": {"seal", "store"},
    r"dlfcn\.h": {"provider"},
    r"libxml/.*|resolv\.h|arpa/nameser\.h": {"mailbox"},
}


def closure(room):
    seen, todo = set(), [room]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += ROOMS.get(name, [])
    return seen


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if found:
            yield number, found.group(1), found.group(2)


def check_core(root, faults):
    for path in sorted(root.glob("core/*/*.[ch]")):
        room = path.parent.name
        if room not in ROOMS:
            faults.append(f"{path}: a room that the design does not know")
            continue
        allowed = closure(room)
        for number, kind, name in includes(path):
            first = name.split("/")[0]
            if name == "mutant_chosen.h":  # generated, and only in builds that are wrong on purpose
                continue
            if kind == '"':
                target = "sdk" if first == "postrider" else first
                if target not in allowed:
                    faults.append(f"{path}:{number}: {room} may not include {name}")
            else:
                for pattern, rooms in PACKAGES.items():
                    if re.fullmatch(pattern, name) and room not in rooms:
                        faults.append(f"{path}:{number}: only {sorted(rooms)} may name {name}")


def check_outside(root, faults):
    for path in sorted(root.glob("sdk/include/**/*.h")):
        for number, kind, name in includes(path):
            if kind == '"' and not name.startswith("postrider/"):
                faults.append(f"{path}:{number}: the sdk includes nothing of ours, not {name}")
    allowed = re.compile(r"postrider/.*|json-c/.*|[a-z]+\.h")
    for path in sorted(root.glob("plugins/*/*.[ch]")):
        for number, kind, name in includes(path):
            own = kind == '"' and (path.parent / name).exists()
            banned = re.fullmatch(r"(uv|lmdb|sodium|microhttpd|glib)\.h", name)
            if banned or not (own or allowed.fullmatch(name) or name.startswith("sys/")):
                faults.append(f"{path}:{number}: a plugin includes sdk, json-c and libc, not {name}")


def main():
    root, faults = pathlib.Path(sys.argv[1]), []
    check_core(root, faults)
    check_outside(root, faults)
    for fault in faults:
        print(fault)
    print(f"{len(faults)} includes go where the design does not let them")
    return 1 if faults else 0


sys.exit(main())
