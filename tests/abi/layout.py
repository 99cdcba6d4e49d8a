"""Compares two layouts: fields must not move, structs may only grow. argv: old program, new one."""
import subprocess
import sys


def layout(program):
    text = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return {line.split()[0] + " ".join(line.split()[1:2] * ("size" in line)): line.split()
            for line in text.splitlines()}


def main():
    old, new = layout(sys.argv[1]), layout(sys.argv[2])
    faults = []
    for key, was in old.items():
        now = new.get(key)
        if now is None:
            faults.append(f"{was[0]} is gone")
        elif was[1] == "size" and int(now[2]) < int(was[2]):
            faults.append(f"struct {was[0]} shrank from {was[2]} to {now[2]}")
        elif was[1] != "size" and now != was:
            faults.append(f"{was[0]} was at {was[1]} (size {was[2]}), is at {now[1]} ({now[2]})")
    for fault in faults:
        print(f"{fault}: plugins built before would read the wrong thing; append instead")
    print(f"{len(old)} fields and structs, {len(faults)} not where 1.0 has them")
    return 1 if faults else 0


sys.exit(main())
