"""tests/e2e/clocks.py: clocks that are wrong, stand or jump; no step twice, early or outside its window.

usage: clocks.py BUILD [WORD...]   (only the cases with one of these words in their name)
"""
import os
import signal
import sys
import time

import scenarios
from scenarios import DAY, HOUR, MINUTE, STEPS, World, at, check, play_world, same

scenarios.name_of = lambda case: case.__name__[5:].replace("_", " ")
DAILY = (STEPS[0], *({"after": "1 day", "text": f"Again, {i}."} for i in range(3)))


def once(w, people, steps, window=None, zone="UTC"):
    """Everybody got each step once, in order, a day apart, inside the window of their zone."""
    for person in people:
        mails = w.sent(person)
        same((len(mails), len({m["marker"] for m in mails})), (steps, steps), person)
        for before, after in zip(mails, mails[1:]):
            check(after["at"] - before["at"] >= DAY - 2000 or window,
                  f"{person}: {(after['at'] - before['at']) / HOUR} h between")
        for mail in mails if window else ():
            check(window[0] <= at(mail["at"], zone).hour < window[1],
                  f"{person}: sent at {at(mail['at'], zone)}")


class Wrong(World):
    boxes = ("ana@acme.example", "ben@acme.example")
    options = ("--start", "2027-01-04T08:00:00Z")


def case_set_back_by_an_hour(w):
    back(w, ["hour@one.example", "hour2@one.example"], HOUR)


def case_set_back_by_two_days(w):
    back(w, ["days@one.example", "days2@one.example"], 2 * DAY)


def back(w, people, by):
    c = w.campaign(*people, steps=DAILY, senders=list(w.boxes))
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 4)
    w.ask("clock.back", by=by)
    metrics = w.end(c)
    same((metrics["sent"], metrics["uncertain"]), (8, 0))
    for person in people:
        mails = w.sent(person)
        same((len(mails), len({m["marker"] for m in mails})), (4, 4), person)
        # By the clock that stood before it was set: the third is a day after the second, as it was.
        check(mails[2]["at"] - mails[1]["at"] >= DAY - 2000, f"{person}: early")
        check(mails[3]["at"] - mails[2]["at"] >= DAY - 2000, f"{person}: early")


def case_an_answer_after_the_clock_was_set_back(w):
    """The mailbox was listed in what is the future now: it is listed again before the next mail."""
    person = "early@one.example"
    w.wait(hours=12)  # nothing is held up any more by what other cases did
    c = w.campaign(person, steps=(STEPS[0], {"after": "1 day", "text": "Again."}))
    other = w.campaign(person, steps=STEPS[:1])
    w.begin(c)
    w.rig.sandbox.wait_for(lambda: w.sent(person))
    first = w.sent(person)[0]
    w.ask("clock.back", by=6 * HOUR)
    w.ask("google.deliver", account=first["account"], **{"from": person},
          subject="Re: " + first["subject"], thread=first["thread_id"],
          headers={"In-Reply-To": first["message_id"]})
    w.begin(other)
    w.end(other)
    w.end(c)
    w.stopped(person, "answered", got=1)


def case_set_back_and_forward_while_in_doubt(w):
    people = ["doubt@one.example", "doubt2@one.example"]
    fault = w.ask("fault.add", match={"method": "POST", "path": "*/drafts/send"}, when="after",
                  apply="reset", times=3)["fault"]
    c = w.campaign(*people, steps=DAILY)
    w.begin(c)
    w.until(lambda: "in doubt" in w.rig.tail(100000))
    w.ask("clock.back", by=3 * DAY)
    w.wait(minutes=1)
    w.ask("clock.jump", by=4 * DAY)
    metrics = w.end(c)
    w.ask("fault.clear", fault=fault)
    same((metrics["sent"], metrics["uncertain"]), (8, 0))
    for person in people:
        same(len(w.sent(person)), 4, person)


def case_set_back_across_a_restart(w):
    people = ["boot@one.example", "boot2@one.example"]
    c = w.campaign(*people, steps=DAILY)
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 4)
    w.rig.kill()
    w.ask("clock.back", by=30 * DAY)  # a board without a battery
    w.rig.start()
    w.wait(hours=3)
    same(w.rig.metrics(c)["sent"], 4, "it went early")
    w.ask("clock.jump", by=30 * DAY)
    same(w.end(c)["sent"], 8)
    once(w, people, 4)


def case_asleep_for_two_days(w):
    """A laptop that was shut: what was due meanwhile goes once, and in its window."""
    people = ["sleep@one.example", "sleep2@one.example"]
    c = w.campaign(*people, steps=DAILY, senders=["ana@acme.example"],
                   window={"days": "mon-sun", "from": "09:00", "to": "17:00", "zone": "UTC"})
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 4)
    w.rig.daemon.send_signal(signal.SIGSTOP)
    w.ask("clock.jump", by=2 * DAY + 11 * HOUR)
    time.sleep(0.2)
    w.rig.daemon.send_signal(signal.SIGCONT)
    metrics = w.end(c)
    same((metrics["sent"], metrics["uncertain"]), (8, 0))
    once(w, people, 4, (9, 17))


def case_asleep_within_a_send(w):
    """Shut between the request and its answer."""
    person = "mid@one.example"
    fault = w.ask("fault.add", match={"method": "POST", "path": "*/drafts/send"}, when="after",
                  apply={"delay": 1500}, times=1)["fault"]
    c = w.campaign(person, steps=DAILY)
    w.begin(c)
    w.rig.fast()
    w.rig.sandbox.wait_for(lambda: w.sent(person))
    w.rig.hold()
    w.rig.daemon.send_signal(signal.SIGSTOP)
    time.sleep(1.7)
    w.ask("clock.jump", by=2 * DAY)
    w.rig.daemon.send_signal(signal.SIGCONT)
    metrics = w.end(c)
    w.ask("fault.clear", fault=fault)
    same((metrics["sent"], metrics["uncertain"]), (4, 0))
    once(w, [person], 4)


def case_a_frozen_clock(w):
    """Time stands: nothing that waits for it goes; when it moves again all does, once."""
    people = ["ice@one.example", "ice2@one.example"]
    c = w.campaign(*people, steps=DAILY)
    w.begin(c)
    w.until(lambda: w.rig.metrics(c)["sent"] == 2)
    same(w.rig.stop(), 0)
    w.rig.start(env=dict(os.environ, TROUBLE_FREEZE="1", LD_PRELOAD=os.path.join(
        os.path.abspath(w.build), "tests", "trouble.so")))
    w.rig.fast()
    time.sleep(2)
    w.rig.hold()
    check(w.api("GET", "/v1/status")["pid"], "it does not answer")
    sent = w.rig.metrics(c)["sent"]
    check(2 <= sent <= 8, "it lost count")
    w.rig.kill()
    w.rig.start()
    same(w.end(c)["sent"], 8)
    once(w, people, 4)


class Zones(World):
    boxes = ("ana@acme.example",)


class Spring(Zones):
    """Europe's clocks go forward in the night to Sunday, 28 March 2027."""
    options = ("--start", "2027-03-26T08:00:00Z")


class Autumn(Zones):
    """And back in the night to Sunday, 31 October 2027."""
    options = ("--start", "2027-10-29T08:00:00Z")


class Leap(Zones):
    options = ("--start", "2028-02-27T08:00:00Z")


def nights(w, first, last, steps=5):
    """Mails that may go in an hour of the night only, over the change."""
    w.names += 100
    person = f"night{w.names}@cal.example"
    c = w.rig.campaign(
        w.text(window={"days": "mon-sun", "from": first, "to": last, "zone": "Europe/Berlin"},
               steps=(STEPS[0], *({"after": "1 day", "text": f"{i}"} for i in range(steps - 1)))),
        w.people(person))
    same(w.play(c, 60)["sent"], steps)
    return [at(m["at"], "Europe/Berlin") for m in w.sent(person)]


def case_the_hour_that_is_not(w):
    """02:00 to 03:00 does not come on that Sunday: nothing goes then, and the next night it does."""
    when = nights(w, "02:00", "03:00")
    check(all(t.hour == 2 for t in when), f"{when}")
    check("2027-03-28" not in {t.date().isoformat() for t in when}, f"{when}")
    same(len({t.date() for t in when}), 5, "nights")


def case_around_the_hour_that_is_not(w):
    when = nights(w, "01:30", "03:30")
    check(all((1, 30) <= (t.hour, t.minute) < (3, 30) for t in when), f"{when}")
    same(len({t.date() for t in when}), 5, "nights")


def case_the_hour_that_comes_twice(w):
    when = nights(w, "02:00", "03:00")
    check(all(t.hour == 2 for t in when), f"{when}")
    same(len({t.date() for t in when}), 5, "nights")
    check("2027-10-31" in {t.date().isoformat() for t in when}, f"{when}")


def case_leap_day(w):
    when = nights(w, "09:00", "10:00", 4)
    same([t.date().isoformat() for t in when],
         ["2028-02-27", "2028-02-28", "2028-02-29", "2028-03-01"])
    check(all(t.hour == 9 for t in when), f"{when}")


def chosen_of(make):
    names = {Spring: ("hour_that_is_not",), Autumn: ("comes_twice",), Leap: ("leap",)}
    zones = [n for group in names.values() for n in group]
    cases = [v for k, v in list(globals().items()) if k.startswith("case_")]
    if make in names:
        return [c for c in cases if any(n in c.__name__ for n in names[make])]
    return [c for c in cases if not any(n in c.__name__ for n in zones)]


def main():
    build, words = sys.argv[1], [w for w in sys.argv[2:] if not w.startswith("--")]
    freeze = "--no-freeze" not in sys.argv
    began, failed, count = time.monotonic(), [], 0
    for make in (Wrong, Spring, Autumn, Leap):
        chosen = [c for c in chosen_of(make)
                  if (freeze or c is not case_a_frozen_clock)
                  and (not words or any(w in c.__name__.replace("_", " ") for w in words))]
        count += len(chosen)
        if chosen:
            failed += play_world(make, build, chosen)
    print(f"{count} cases, {len(failed)} failed, {time.monotonic() - began:.1f} s")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
