"""SMTP servers that do what real ones don't."""
import time

from server import SECRET, Hangup, Wrong, main

OFFERS = ["PIPELINING", "SIZE 1000000", "DSN", "8BITMIME", "ENHANCEDSTATUSCODES"]
MAIL = "Subject: Hello Bo\r\nMessage-ID: <m1@acme.example>\r\n\r\nHi\r\n"


class Smtp:
    """A server that behaves, but where a case says otherwise.

    answers: verb -> what to answer in place of the usual: text, a function (smtp, line, argument)
    that returns text, or None for the usual; a list of these is used up, one a time. GREETING, CONTENT
    (before it is read), DOT and AUTH count as verbs."""

    def __init__(self, answers=None, offers=None, starttls=False):
        self.answers = dict(answers or {})
        self.offers = OFFERS if offers is None else offers
        self.starttls = starttls
        self.mails, self.verbs, self.envelopes = [], [], []

    def special(self, verb, line, argument=""):
        what = self.answers.get(verb)
        if isinstance(what, list):
            what = what.pop(0) if what else None
        if callable(what):
            what = what(self, line, argument)
        return what

    def ehlo(self, line):
        lines = ["mail.acme.example"] + list(self.offers)
        if self.starttls and not line.tls:
            lines.append("STARTTLS")
        else:
            lines.append("AUTH PLAIN")
        return "".join(f"250{'-' if i + 1 < len(lines) else ' '}{text}\r\n" for i, text in enumerate(lines))

    def usual(self, verb, line):
        return {"EHLO": self.ehlo(line), "MAIL": "250 2.1.0 Ok\r\n", "RCPT": "250 2.1.5 Ok\r\n",
                "RSET": "250 2.0.0 Ok\r\n", "NOOP": "250 2.0.0 Ok\r\n", "AUTH": "235 2.7.0 Welcome\r\n",
                "DATA": "354 End data with <CR><LF>.<CR><LF>\r\n", "DOT": "250 2.0.0 Ok: queued as 4F1\r\n",
                "GREETING": "220 mail.acme.example ESMTP\r\n", "STARTTLS": "220 2.0.0 Go ahead\r\n",
                "QUIT": "221 2.0.0 Bye\r\n"}.get(verb, "502 5.5.2 What?\r\n")

    def answer(self, verb, line, argument=""):
        text = self.special(verb, line, argument)
        text = self.usual(verb, line) if text is None else text
        line.send(text)
        return text

    def content(self, line):
        """Reads as the standard says: only CRLF . CRLF ends it."""
        self.special("CONTENT", line)
        data = b"\r\n"
        while not data.endswith(b"\r\n.\r\n"):
            if not line.buffer:
                line.more()
            end = line.buffer.find(b"\n") + 1 or len(line.buffer)
            data += line.buffer[:end]
            line.buffer = line.buffer[end:]
        return data[2:-3]

    def __call__(self, line):
        self.answer("GREETING", line)
        signed_in = False
        while True:
            command = line.line()
            verb, argument = command.split(" ")[0].upper(), command
            # "EHLO" is the host's before the sign-in, "EHLO2" the plugin's
            name = "EHLO2" if verb == "EHLO" and signed_in else verb
            self.verbs.append(name)
            if name == "EHLO2":
                special = self.special(name, line, argument)
                line.send(self.ehlo(line) if special is None else special)
                continue
            if command.upper() == "AUTH PLAIN":
                line.send("334 \r\n")
                argument = line.line()
            text = self.answer(verb, line, argument)
            if verb == "AUTH":
                signed_in = text.startswith("2")
            if verb == "STARTTLS" and text.startswith("2"):
                line.start_tls()
            if verb in ("MAIL", "RCPT"):
                self.envelopes.append(command)
            if verb == "DATA" and text.startswith("3"):
                content = self.content(line)
                self.verbs.append("DOT")
                special = self.special("DOT", line, content)
                special = self.usual("DOT", line) if special is None else special
                if special.startswith("2"):
                    self.mails.append(content)
                line.send(special)
            if verb == "QUIT":
                raise Hangup()


def hang_up(smtp, line, argument):
    raise Hangup()


def reset(smtp, line, argument):
    raise Hangup(rst=True)


def begin(world, smtp, scheme="smtps", pieces=0, tls=True):
    server = world.serve(smtp, tls=tls, pieces=pieces)
    world.open(access="send", smtp=server.url(scheme))
    return server


def send(world, **what):
    what.setdefault("rfc5322", MAIL)
    return world.ask("send", **what)


def then_in_step(world, smtp, mails=1):
    """The next mail goes through: nothing that was said before is taken for an answer to it."""
    before = len(smtp.mails)
    smtp.answers = {}
    world.expect(send(world, to="next@b.example"), "ok")
    world.check(len(smtp.mails) == before + 1, f"{len(smtp.mails) - before} mails came of one")
    world.check(any("next@b.example" in envelope for envelope in smtp.envelopes), "not to whom it was for")


def one(answers, kind, scope, offers=None, **more):
    """A case of one mail that meets these answers, and one after it that goes well."""
    def case(world):
        smtp = Smtp(answers, offers)
        begin(world, smtp)
        what = {key: more.pop(key) for key in ("timeout", "cancel", "rfc5322", "to") if key in more}
        world.expect(send(world, **what), kind, scope, **more)
        then_in_step(world, smtp)
    return case


CASES = []


def case(function, name=None):
    if name:
        function.__name__ = name
    CASES.append(function)
    return function


# -- hung up on, politely and not ---------------------------------------------------------------

BYE = "421 4.3.2 Shutting down\r\n"


def at(verb, answer):
    """The first time only."""
    return {verb: [answer]}


for verb in ("EHLO2", "MAIL", "RCPT", "DATA"):
    case(one(at(verb, lambda s, l, a: (l.send(BYE), hang_up(s, l, a))), "transient", "mailbox", left=False),
         f"421 at {verb}")
    case(one(at(verb, hang_up), "transient", "mailbox", left=False), f"closed at {verb}")
case(one(at("GREETING", lambda s, l, a: (l.send(BYE), hang_up(s, l, a))), "transient", None), "421 as greeting")
case(one(at("DOT", BYE), "uncertain", "message"), "421 after the dot")
case(one(at("DOT", hang_up), "uncertain", None, left=True), "the 250 lost after the dot")
case(one(at("DOT", reset), "uncertain", None, left=True), "reset after the dot")
case(one(at("DOT", lambda s, l, a: (l.send("250 2.0.0 O"), hang_up(s, l, a))), "uncertain", None),
     "half of the 250 after the dot")
case(one(at("CONTENT", hang_up), "uncertain|transient", None), "closed when the content should come")
case(one(at("DOT", lambda s, l, a: l.wait_for_close()), "uncertain", None, timeout=1500),
     "no answer to the dot in time")
case(one(at("RCPT", lambda s, l, a: l.wait_for_close()), "transient", "mailbox",
         timeout=1000, left=False), "no answer to RCPT in time")
case(one(at("RCPT", lambda s, l, a: l.wait_for_close()), "cancelled", None, cancel=800,
         left=False), "cancelled at RCPT")
case(one(at("DOT", lambda s, l, a: l.wait_for_close()), "uncertain", None, cancel=1500),
     "cancelled after the dot")


@case
def a_server_that_reads_nothing_has_no_mail(world):
    """The content does not fit into the socket: the dot never left, and that is certain."""
    smtp = Smtp(at("CONTENT", lambda s, l, a: time.sleep(1.2) or hang_up(s, l, a)), offers=["PIPELINING"])
    begin(world, smtp)
    body = MAIL + ("x" * 70 + "\r\n") * 200000
    world.expect(send(world, rfc5322=body, timeout=700), "transient", "mailbox", left=False)
    then_in_step(world, smtp)


@case
def a_refusal_in_the_midst_of_the_content(world):
    def refuse(smtp, line, argument):
        line.more()
        line.send("552 5.3.4 Too big\r\n")
        time.sleep(0.3)
        raise Hangup(rst=True)
    smtp = Smtp(at("CONTENT", refuse), offers=["PIPELINING"])
    begin(world, smtp)
    body = MAIL + ("x" * 70 + "\r\n") * 200000
    world.expect(send(world, rfc5322=body), "permanent|transient", None, left=False)
    then_in_step(world, smtp)


# -- the line between mails ---------------------------------------------------------------------

def well(world, smtp):
    server = begin(world, smtp)
    world.expect(send(world), "ok")
    return server


@case
def a_line_closed_while_idle_is_opened_again(world):
    smtp = Smtp(at("DOT", lambda s, l, a: (l.send("250 2.0.0 Ok\r\n"), hang_up(s, l, a))))
    server = begin(world, smtp)
    world.expect(send(world), "ok")
    time.sleep(0.2)
    then_in_step(world, smtp)
    world.check(len(server.lines) == 2, "not two lines")


@case
def a_line_closed_at_RSET_is_opened_again(world):
    smtp = Smtp()
    server = well(world, smtp)
    smtp.answers = at("RSET", hang_up)
    world.expect(send(world), "ok")
    world.check(len(server.lines) == 2 and len(smtp.mails) == 2, f"{len(server.lines)} lines")


@case
def a_421_at_RSET_is_opened_again(world):
    smtp = Smtp()
    server = well(world, smtp)
    smtp.answers = at("RSET", lambda s, l, a: (l.send("421 4.4.2 Idle too long\r\n"), hang_up(s, l, a)))
    world.expect(send(world), "ok")
    world.check(len(server.lines) == 2 and len(smtp.mails) == 2, f"{len(server.lines)} lines")


@case
def a_421_on_an_idle_line(world):
    smtp = Smtp(at("DOT", "250 2.0.0 Ok\r\n421 4.4.2 Idle too long\r\n"))
    begin(world, smtp)
    world.expect(send(world), "ok")
    then_in_step(world, smtp)


@case
def words_on_an_idle_line_are_no_answers(world):
    smtp = Smtp(at("DOT", "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n354 Go\r\n250 2.0.0 Ok\r\n"))
    begin(world, smtp)
    world.expect(send(world), "ok")
    then_in_step(world, smtp)


@case
def many_mails_share_a_line(world):
    smtp = Smtp()
    server = begin(world, smtp)
    for number in range(20):
        world.expect(send(world, to=f"p{number}@b.example"), "ok")
    world.check(len(server.lines) == 1 and len(smtp.mails) == 20, "not one line, or not 20 mails")


# -- recipients, senders, limits ----------------------------------------------------------------

@case
def mixed_recipients(world):
    """Each gets the answer that was given to them, on one line."""
    def judge(smtp, line, argument):
        return "550 5.1.1 <no@b.example>: unknown\r\n" if "no" in argument.split(" ")[1] else None
    smtp = Smtp({"RCPT": judge})
    server = begin(world, smtp)
    for number in range(6):
        bad = number % 2
        answer = send(world, to=f"{'no' if bad else 'yes'}{number}@b.example")
        if bad:
            world.expect(answer, "permanent", "recipient", code=550, status="5.1.1", holds=0)
            world.check("@" not in answer["detail"], "the detail tells an address")
        else:
            world.expect(answer, "ok")
    world.check(len(smtp.mails) == 3 and len(server.lines) == 1, f"{len(smtp.mails)}, {len(server.lines)}")


case(one(at("RCPT", "450 4.2.0 <bo@b.example>: Greylisted for 90 seconds\r\n"), "transient", "recipient",
         retry_after=90000, status="4.2.0"), "a greylist")
case(one(at("RCPT", "452 4.5.3 Too many recipients\r\n"), "throttled", "mailbox", holds=1), "too many recipients")
case(one(at("MAIL", "553 5.7.1 <ana@acme.example>: Sender address rejected: not owned by user x\r\n"),
         "permanent", "mailbox", holds=1), "no right to the sender")
case(one(at("RCPT", "553 5.7.1 <ana@acme.example>: Sender address rejected: not owned by user x\r\n"),
         "permanent", "mailbox"), "no right to the sender, said at RCPT")
case(one(at("MAIL", "530 5.7.0 Authentication required\r\n"), "auth", "mailbox"), "signed out")
case(one(at("MAIL", "555 5.5.4 Unsupported parameter\r\n"), "permanent", "mailbox"), "offers that were lies")
case(one(at("DOT", "554 5.7.1 Rejected: Subject: Hello Bo\r\n"), "permanent", "message", code=554),
     "a refusal that repeats the subject")


@case
def refused_at_MAIL_with_RCPT_already_on_its_way(world):
    smtp = Smtp(at("MAIL", "454 Throttling failure: Maximum sending rate exceeded.\r\n"))
    server = begin(world, smtp)
    world.expect(send(world), "throttled", "mailbox", retry_after=60000)
    then_in_step(world, smtp)
    world.check(len(server.lines) == 1, "the answer to RCPT was not expected")


@case
def more_than_SIZE_allows(world):
    smtp = Smtp(offers=["PIPELINING", f"SIZE {len(MAIL)}"])
    begin(world, smtp)
    world.expect(send(world, rfc5322=MAIL + "x\r\n"), "permanent", "message", status="5.3.4", left=False)
    world.check("MAIL" not in smtp.verbs, "MAIL was said")
    then_in_step(world, smtp)


@case
def envelopes_say_who_is_meant(world):
    smtp = Smtp()
    begin(world, smtp)
    world.expect(send(world, marker="mark+er=1"), "ok")
    mail, rcpt = smtp.envelopes
    world.check(mail == f"MAIL FROM:<ana@acme.example> SIZE={len(MAIL)} RET=HDRS ENVID=mark+2Ber+3D1", mail)
    world.check(rcpt == "RCPT TO:<bo@b.example> NOTIFY=FAILURE ORCPT=rfc822;bo@b.example", rcpt)


@case
def addresses_that_would_be_commands(world):
    smtp = Smtp()
    begin(world, smtp)
    for to in ("bo@b.example>\r\nRCPT TO:<eve@e.example", "bo@b.example\nDATA", "a b@b.example", "x", "@b.example"):
        world.expect(send(world, to=to), "permanent", "recipient", left=False)
    world.check(not smtp.verbs, "something was said")
    then_in_step(world, smtp)


# -- what is no SMTP ----------------------------------------------------------------------------

case(one(at("MAIL", "hello there\r\n"), "transient", "mailbox", left=False), "words without a code")
case(one(at("RCPT", "250-2.1.5 Ok\r\n550 5.1.1 No\r\n"), "transient", "mailbox", left=False),
     "two codes in one answer")
case(one(at("MAIL", "250-" + "x" * 1000000 + "\r\n"), "transient", "mailbox", left=False), "a line of a megabyte")
case(one(at("MAIL", "250-more\r\n" * 100000 + "250 Ok\r\n"), "transient", "mailbox", left=False),
     "a hundred thousand lines")
case(one(at("EHLO2", "250-mail\r\n" + "250-X\r\n" * 200 + "250 PIPELINING\r\n"), "ok", None),
     "two hundred offers")
case(one(at("DOT", "2\r\n"), "uncertain", "message"), "garbage after the dot")
case(one(at("DOT", "354 Go on\r\n"), "uncertain", "message"), "354 after the dot")
case(one(at("DATA", "250 2.0.0 Ok\r\n"), "transient", "mailbox", left=False), "250 to DATA")
case(one(at("DATA", "354 Go\r\n250 2.0.0 Ok: queued\r\n"), "transient", "mailbox", left=False),
     "the answer to the dot before the dot")
case(one(at("EHLO2", "250 mail\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go\r\n"), "transient", "mailbox", left=False),
     "all answers before the questions")
case(one(at("MAIL", "250 2.1.0 \0\1\xff\xfe Ok\r\n"), "ok", None), "bytes that are no text")
case(one(at("MAIL", "250 2.1.0 Ok\n"), "ok", None), "bare LF after an answer")
case(one(at("MAIL", "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n"), "transient|ok", None), "an answer too many")


@case
def answers_split_at_every_byte(world):
    smtp = Smtp()
    begin(world, smtp, pieces=1)
    world.expect(send(world), "ok")
    then_in_step(world, smtp)


@case
def a_server_that_drops_what_was_pipelined(world):
    def forget(smtp, line, argument):
        line.buffer = b""
    smtp = Smtp(at("MAIL", forget))
    begin(world, smtp)
    world.expect(send(world, timeout=700), "transient", "mailbox", left=False)
    then_in_step(world, smtp)


@case
def no_ending_smuggles(world):
    """hannob/smtpsmug: every line end that some server takes for the end, as content."""
    ends = ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r", "\r.\n", "\r\n.\r\r\n",
            "\r\r\n.\r\n", "\n\n.\r\n", "\r\n\r.\r\n", "\r\n.\r\n", "\n.\n.\n"]
    smtp = Smtp()
    begin(world, smtp)
    for number, end in enumerate(ends):
        body = f"Subject: x\r\n\r\nfirst{end}MAIL FROM:<eve@e.example>\r\nRCPT TO:<v@v.example>\r\nDATA\r\nx\r\n"
        world.expect(send(world, rfc5322=body), "ok")
        world.check(len(smtp.mails) == number + 1, f"{end!r} made {len(smtp.mails) - number} mails")
        content = smtp.mails[-1]
        rest = content.replace(b"\r\n", b"")
        world.check(b"\r" not in rest and b"\n" not in rest, f"{end!r} left a lone CR or LF")
        world.check(b"\r\n.\r\n" not in content, f"{end!r} left a lone dot")
    world.check(all("eve" not in envelope for envelope in smtp.envelopes), "a second envelope")


@case
def lines_that_are_too_long_and_NUL(world):
    smtp = Smtp()
    begin(world, smtp)
    world.expect(send(world, rfc5322=MAIL + "x" * 999 + "\r\n"), "permanent", "message", left=False)
    world.expect(send(world, rfc5322=MAIL + "a\0b\r\n"), "permanent", "message", left=False)
    world.check(not smtp.verbs, "something was said")
    world.expect(send(world, rfc5322=MAIL + "x" * 998 + "\r\n"), "ok")


# -- signing in ---------------------------------------------------------------------------------

def refused_without_secret(world, smtp, kind="transient", **how):
    server = begin(world, smtp, **how)
    world.expect(send(world), kind, None, left=False)
    world.check("AUTH" not in smtp.verbs, "AUTH was said")
    world.check(not smtp.mails, "a mail came")
    return server


@case
def STARTTLS_with_words_behind_it(world):
    """CVE-2011-0411, CVE-2021-22947: what came in the clear is no answer under TLS."""
    def inject(smtp, line, argument):
        return "220 Go ahead\r\n250-evil\r\n250 AUTH PLAIN\r\n235 Welcome\r\n"
    smtp = Smtp({"STARTTLS": inject}, starttls=True)
    server = world.serve(smtp, tls=False)
    world.open(access="send", smtp=server.url("smtp"))
    answer = send(world)
    world.check(answer["kind"] != "ok" or len(smtp.mails) == 1, "taken for sent")
    world.check(answer["kind"] in ("ok", "transient"), str(answer))


@case
def STARTTLS_with_a_mail_taken_in_the_clear(world):
    """The answers to a whole mail, injected: none may count."""
    def inject(smtp, line, argument):
        return ("220 Go ahead\r\n" "250 mail\r\n" "235 Welcome\r\n" "250 mail\r\n" "250 Ok\r\n" "250 Ok\r\n"
                "354 Go\r\n" "250 2.0.0 Ok: queued as evil\r\n")
    smtp = Smtp({"STARTTLS": inject}, starttls=True)
    server = world.serve(smtp, tls=False)
    world.open(access="send", smtp=server.url("smtp"))
    answer = send(world)
    world.check(answer["kind"] != "ok" or len(smtp.mails) == 1, "taken for sent")


@case
def STARTTLS_as_it_should_be(world):
    smtp = Smtp(starttls=True)
    begin(world, smtp, scheme="smtp", tls=False)
    world.expect(send(world), "ok")
    world.check(smtp.verbs[:3] == ["EHLO", "STARTTLS", "EHLO"], str(smtp.verbs))
    then_in_step(world, smtp)


@case
def STARTTLS_not_offered(world):
    refused_without_secret(world, Smtp(), scheme="smtp", tls=False)


@case
def STARTTLS_refused(world):
    smtp = Smtp({"STARTTLS": "454 4.7.0 TLS not available\r\n"}, starttls=True)
    refused_without_secret(world, smtp, scheme="smtp", tls=False)


@case
def STARTTLS_with_no_certificate_that_we_trust(world):
    smtp = Smtp({"STARTTLS": lambda s, l, a: (l.send("220 Go\r\n"), l.start_tls(world.untrusted))[1]},
                starttls=True)
    refused_without_secret(world, smtp, scheme="smtp", tls=False)


@case
def no_certificate_that_we_trust(world):
    refused_without_secret(world, Smtp(), tls=world.untrusted)


@case
def no_login_offered_under_TLS(world):
    smtp = Smtp()
    smtp.ehlo = lambda line: "250-mail\r\n250 SIZE 1000\r\n"
    refused_without_secret(world, smtp, kind="transient|auth|permanent|unsupported")


@case
def a_refusal_that_repeats_the_secret(world):
    smtp = Smtp({"AUTH": [f"535 5.7.8 Bad password: {SECRET}\r\n"]})
    begin(world, smtp)
    answer = world.expect(send(world), "auth", "mailbox", left=False)
    world.check(SECRET not in answer["detail"], "the detail tells the secret")
    then_in_step(world, smtp)


@case
def challenges_without_end(world):
    smtp = Smtp({"AUTH": lambda s, l, a: "334 \r\n"})
    smtp.usual = lambda verb, line: Smtp.usual(smtp, verb, line) if verb in ("EHLO", "GREETING") else "334 \r\n"
    begin(world, smtp)
    world.expect(send(world, timeout=700), "transient|auth", None, left=False)
    world.check(not smtp.mails, "a mail came")


@case
def a_web_server(world):
    def web(line):
        line.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        line.wait_for_close(0.3)
    server = world.serve(web)
    world.open(access="send", smtp=server.url("smtps"))
    world.expect(send(world), "transient", None, left=False)


@case
def nobody_there(world):
    server = world.serve(Smtp())
    server.stop()
    world.open(access="send", smtp=server.url("smtps"))
    world.expect(send(world), "transient", None, left=False)


if __name__ == "__main__":
    main(CASES)
