"""tests/crash/disk.py: what a disk may hold after its power went, from what record.c wrote down.

Whatever was synced is there. Of what was written since, each write may be there, not there, or in part:
any of its 512-byte sectors.
"""
import struct

ENTRY, SECTOR = struct.Struct("<QQQ"), 512


def read_log(path):
    """[(kind, at, bytes)]"""
    with open(path, "rb") as file:
        data = file.read()
    entries, at = [], 0
    while at + ENTRY.size <= len(data):
        kind, where, length = ENTRY.unpack_from(data, at)
        at += ENTRY.size
        if chr(kind) == "W" and at + length > len(data):
            break  # killed while it wrote this down: the write itself did not begin
        body = data[at:at + length] if chr(kind) == "W" else b""
        at += len(body)
        entries.append((chr(kind), where, body))
    return entries


def put(image, at, body):
    if len(image) < at:
        image.extend(bytes(at - len(image)))
    image[at:at + len(body)] = body


class Disk:
    """Follows the entries; `base` is what is sure, `open` what is not synced yet: [(entry, sure)]."""

    def __init__(self, image):
        self.base, self.open = bytearray(image), []

    def take(self, entry):
        kind = entry[0]
        if kind == "S":
            self.open = [(one, True) for one, _ in self.open]
        elif kind == "D":
            self.open[-1] = (self.open[-1][0], True)
        else:
            self.open.append((entry, False))
        while self.open and self.open[0][1]:
            self.apply(self.base, self.open.pop(0)[0])

    @staticmethod
    def apply(image, entry, sectors=None):
        kind, at, body = entry
        if kind == "T":
            del image[at:]
            image.extend(bytes(at - len(image)))
        elif sectors is None:
            put(image, at, body)
        else:
            for one in sectors:
                put(image, at + one * SECTOR, body[one * SECTOR:(one + 1) * SECTOR])

    def unsure(self):
        return sum(1 for _, sure in self.open if not sure)

    def image(self, choose):
        """choose(nth unsure entry, its sectors): None for whole, else the sectors that are there."""
        image, nth = bytearray(self.base), 0
        for entry, sure in self.open:
            if sure:
                self.apply(image, entry)
                continue
            count = (len(entry[2]) + SECTOR - 1) // SECTOR
            kept = choose(nth, count)
            nth += 1
            if kept is None or entry[0] == "W":
                self.apply(image, entry, kept)
        return bytes(image)


def by_chance(draw):
    """Each write whole, gone or torn; now and then all that was written in order up to some point."""
    cut = draw.randrange(0, 40) if draw.random() < 0.3 else None

    def choose(nth, count):
        if cut is not None and nth != cut:
            return None if nth < cut else ()
        kind = draw.randrange(3)
        if kind == 0:
            return None
        return () if kind == 1 else [i for i in range(count) if draw.random() < 0.5]
    return choose


def states(image, entries, each, draw):
    """Every state of every moment, as (moment, bytes): nothing of what is not synced, all of it, each
    prefix of it, and `each` by chance."""
    disk, seen = Disk(image), set()
    for moment, entry in enumerate(entries):
        disk.take(entry)
        count = disk.unsure()
        choices = [lambda nth, _, cut=cut: None if nth < cut else () for cut in range(count + 1)]
        choices += [by_chance(draw) for _ in range(each if count else 0)]
        for choose in choices:
            made = disk.image(choose)
            mark = hash(made)
            if mark not in seen:
                seen.add(mark)
                yield moment, made
