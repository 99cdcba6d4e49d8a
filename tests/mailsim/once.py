"""tests/mailsim/once.py: one kill and one seed of faults, so that neither rots between the long runs.

usage: once.py BUILD
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
sys.path.insert(0, os.path.join(HERE, "..", "fault"))
from field import field_of  # noqa: E402
from play import stage_of  # noqa: E402

STRIKE = ("--at", "0:44:60")  # the loop's 60th sendto: some mail is on its way


def kill(build):
    stage = stage_of(build, "smtp-imap")
    try:
        struck, faults, twice, lost, parked = stage.play((os.path.join(build, "bin", "crash-strike"),
                                                          *STRIKE))
    finally:
        stage.end()
    print(f"killed {struck} times: {twice} twice, {lost} lost, {parked} parked")
    return faults if struck else faults + ["nothing was killed"]


def seed(build):
    with field_of(build, "smtp-imap", "poll") as field:
        field.reset(1)
        field.trouble(1, {"rate": 0.1})
        field.start()
        field.ready()
        if not field.go(until=lambda: field.requests() >= 300):
            field.kill()
            field.start()
            field.ready()
        if not field.go():
            field.stuck = f"the daemon ended: {field.rig.tail(3)}"
        faults, twice, lost, parked = field.judge()
        met = field.rig.sim.ask("stats")["faults"]
    print(f"{sum(met.values())} faults met: {twice} twice, {lost} lost, {parked} parked")
    return faults if met else faults + ["nothing went wrong"]


def main(build):
    faults = kill(build) + seed(build)
    for fault in faults:
        print("FAULT", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
