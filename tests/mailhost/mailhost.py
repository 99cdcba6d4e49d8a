"""tests/mailhost/mailhost.py: a real Postfix and a real Dovecot with mailboxes of ours, on loopback.

    with MailHost() as host:
        host.add("ana@acme.example")
        host.imap("ana@acme.example").select("INBOX")

Whatever domain is mailed lives here: Postfix takes mail for it and hands it to Dovecot by LMTP. Nobody
whom Dovecot does not know bounces, by a report that Postfix's bounce service writes. Everything is in one
temporary directory; both servers run in the foreground as children, end with this process and are
stopped by pid. Postfix must be started by root.
"""
import ctypes
import email
import email.policy
import grp
import imaplib
import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time

PASSWORD = "canary-mail-password-4711"
NAME = "mail.acme.example"  # what the servers call themselves
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
POSTFIX = "/usr/lib/postfix/sbin"


class Unavailable(Exception):
    """The servers can't be run here; says why, and what to do."""


def needs(root):
    for path, package in (("/usr/sbin/dovecot", "dovecot-imapd"), (POSTFIX + "/master", "postfix"),
                          ("/usr/lib/dovecot/lmtp", "dovecot-lmtpd")):
        if not os.path.exists(path):
            raise Unavailable(f"{path} is not here: apt-get install {package}, or tools/install test")
    if root and os.geteuid() != 0:
        raise Unavailable("Postfix can be started by root only: run this test as root")


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def dies_with_us():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


DOVECOT = """
protocols = imap {lmtp}
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
log_timestamp = "%Y-%m-%d %H:%M:%S.%{{usecs}} "
listen = 127.0.0.1
instance_name = mailhost
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
first_valid_uid = 1
mail_uid = {mail_uid}
mail_gid = {mail_gid}
mail_location = maildir:{dir}/mail/%Lu
mail_fsync = never
recipient_delimiter = +
lmtp_save_to_detail_mailbox = yes
mail_max_userip_connections = 100
auth_mechanisms = plain login{oauth_mechanisms}
auth_verbose = yes
auth_failure_delay = 0
auth_username_format = %Lu
disable_plaintext_auth = yes
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
imap_capability = {capability}
{oauth}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = username_format=%Lu {dir}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%Lu {dir}/users
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox {sent} {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Drafts {{
    special_use = \\Drafts
    auto = subscribe
  }}
  mailbox Junk {{
    special_use = \\Junk
    auto = subscribe
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = subscribe
  }}
}}
service imap-login {{
  {chroot}
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
  service_count = 0
  process_min_avail = 1
  client_limit = 2000
}}
service imap {{
  process_limit = 1200
  {imap_service}
}}
service lmtp {{
  user = {lmtp_user}
  process_min_avail = 2
  unix_listener {dir}/lmtp.sock {{
    mode = 0666
  }}
}}
service auth {{
  {chroot}
  client_limit = 4000
  unix_listener {dir}/auth.sock {{
    mode = 0666
  }}
  unix_listener auth-userdb {{
    mode = 0777
  }}
}}
service anvil {{
  {chroot}
  client_limit = 4000
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  {chroot}
  client_limit = 4000
}}
{more}
"""

OAUTH = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {dir}/oauth2.conf
}}
"""

OAUTH_CONF = """
introspection_mode = post
introspection_url = {url}
force_introspection = yes
active_attribute = active
active_value = true
username_attribute = username
username_format = %Lu
scope = {scope}
rawlog_dir =
"""

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/postfix-data
command_directory = /usr/sbin
daemon_directory = {postfix}
meta_directory = /etc/postfix
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
myhostname = {name}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
smtputf8_enable = yes
virtual_mailbox_domains = static:all
virtual_transport = lmtp:unix:{dir}/lmtp.sock
transport_maps = texthash:{dir}/transport
smtpd_recipient_restrictions = check_recipient_access texthash:{dir}/rejected
smtpd_relay_restrictions = permit_sasl_authenticated, permit_auth_destination, reject
smtpd_sender_login_maps = regexp:{dir}/owners
smtpd_sasl_type = dovecot
smtpd_sasl_path = {dir}/auth.sock
smtpd_sasl_security_options = noanonymous
smtpd_tls_cert_file = {dir}/cert.pem
smtpd_tls_key_file = {dir}/key.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_session_cache_database =
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
in_flow_delay = 0
lmtp_destination_concurrency_limit = 10
default_process_limit = 100
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
delay_warning_time = 1s
bounce_size_limit = 20000
bounce_template_file = {dir}/bounce.cf
{more}
"""

# Of submission only: what is delivered from outside, or reported, is nobody's own.
FILES = """
sender_bcc_maps = regexp:{dir}/copies
"""

# As the built-in one, whose unit of time is the hour.
BOUNCE_CF = """delay_template = <<EOF
Charset: us-ascii
From: MAILER-DAEMON (Mail Delivery System)
Subject: Delayed Mail (still being retried)
Postmaster-Subject: Postmaster Warning: Delayed Mail

This is the mail system at host $myhostname.

Your message could not be delivered for more than $delay_warning_time_seconds second(s).
It will be retried until it is $maximal_queue_lifetime_days day(s) old.
EOF
"""

MASTER_CF = """
{smtp}       inet  n  -  n  -  -  smtpd
{submission} inet  n  -  n  -  -  smtpd
    -o smtpd_tls_security_level=encrypt
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_client_restrictions=permit_sasl_authenticated,reject
    -o smtpd_sender_restrictions=reject_sender_login_mismatch
{submissions} inet n  -  n  -  -  smtpd
    -o smtpd_tls_wrappermode=yes
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_client_restrictions=permit_sasl_authenticated,reject
    -o smtpd_sender_restrictions=reject_sender_login_mismatch
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       1       1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
flush     unix  n       -       n       1000?   0       flush
postlog   unix-dgram n  -       n       -       1       postlogd
"""


class MailHost:
    """introspect: the URL, with user and password, where Dovecot asks about OAuth tokens.
    sent: what the folder with special use Sent is called. capability: Dovecot's imap_capability, to
    leave some out. dovecot, postfix: more lines of configuration. crowd: hundreds of logins at once.
    files: Postfix files a copy of what each login sends into its folder Sent, as Gmail does.
    raw: keep what is said on IMAP lines, in <dir>/raw/<user>."""

    def __init__(self, introspect=None, sent="Sent", capability="", dovecot="", postfix="",
                 crowd=False, raw=False, smtp=True, files=False, scope="https://mail.google.com/"):
        needs(smtp)
        self.dir = tempfile.mkdtemp(prefix="mailhost-")
        os.chmod(self.dir, 0o755)
        self.root = os.geteuid() == 0
        (self.imap_port, self.imaps_port, self.smtp_port, self.submission_port,
         self.submissions_port) = free_ports(5)
        self.ca = os.path.join(self.dir, "ca.pem")
        self.postfix_log = os.path.join(self.dir, "postfix.log")
        self.dovecot_log = os.path.join(self.dir, "dovecot.log")
        self.sent, self.users = sent, {}
        self.dovecot = self.postfix = None
        try:
            self.make_certificates()
            self.tls = ssl.create_default_context(cafile=self.ca)
            self.write("users", "")
            os.chmod(os.path.join(self.dir, "users"), 0o644)
            self.start_dovecot(introspect, scope, capability, dovecot, crowd, raw, smtp)
            if smtp:
                self.start_postfix(postfix + (FILES.format(dir=self.dir) if files else ""))
        except BaseException:
            self.end()
            raise

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return path

    def make_certificates(self):
        at = lambda name: os.path.join(self.dir, name)  # noqa: E731
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run("openssl", "req", "-x509", *curve, "-keyout", at("ca.key"), "-out", self.ca,
            "-subj", "/CN=mailhost CA", "-days", "3650",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        run("openssl", "req", *curve, "-keyout", at("key.pem"), "-out", at("leaf.csr"),
            "-subj", "/CN=" + NAME)
        names = self.write("names", f"subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:{NAME}\n")
        run("openssl", "x509", "-req", "-in", at("leaf.csr"), "-CA", self.ca, "-CAkey", at("ca.key"),
            "-CAcreateserial", "-days", "3650", "-extfile", names, "-out", at("cert.pem"))
        os.chmod(at("key.pem"), 0o600)
        os.unlink(at("ca.key"))

    # -- Dovecot -----------------------------------------------------------------------------------
    def start_dovecot(self, introspect, scope, capability, more, crowd, raw, smtp):
        me = pwd.getpwuid(os.geteuid())
        mail = pwd.getpwnam("mail") if self.root else me
        for name in ("mail", "state", "raw"):
            os.mkdir(os.path.join(self.dir, name), 0o755)
            os.chown(os.path.join(self.dir, name), mail.pw_uid, mail.pw_gid)
        if introspect:
            self.write("oauth2.conf", OAUTH_CONF.format(url=introspect, scope=scope))
        if raw:
            more += f"\nprotocol imap {{\n  rawlog_dir = {self.dir}/raw/%Lu\n}}\n"
        config = self.write("dovecot.conf", DOVECOT.format(
            dir=self.dir, lmtp="lmtp" if smtp else "", sent=sent_name(self.sent),
            internal="dovecot" if self.root else me.pw_name,
            internal_group="dovecot" if self.root else me.pw_gid,
            login="dovenull" if self.root else me.pw_name,
            lmtp_user="mail" if self.root else me.pw_name,
            chroot="" if self.root else "chroot =", mail_uid=mail.pw_uid, mail_gid=mail.pw_gid,
            oauth_mechanisms=" xoauth2 oauthbearer" if introspect else "",
            oauth=OAUTH.format(dir=self.dir) if introspect else "", capability=capability,
            imap=self.imap_port, imaps=self.imaps_port,
            imap_service="client_limit = 25\n  service_count = 0" if crowd else "", more=more))
        self.dovecot_config = config
        self.run_dovecot()

    def run_dovecot(self):
        config = self.dovecot_config
        with open(os.path.join(self.dir, "dovecot.out"), "ab") as out:
            self.dovecot = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", config], stdout=out,
                                            stderr=out, preexec_fn=dies_with_us)
        self.wait_port(self.imaps_port, self.dovecot, "dovecot.out", "dovecot.log")

    def stop_dovecot(self):
        """It is away until run_dovecot: no IMAP, no SASL, no delivery."""
        self.dovecot.terminate()
        self.dovecot.wait(20)
        end = time.monotonic() + 0.5
        while self.children("dovecot/"):  # whoever has a client stays with it
            if time.monotonic() > end:
                for pid in self.children("dovecot/"):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def new_uids(self, address, folder=None):
        """The folder is another one as far as IMAP goes (RFC 9051, 2.3.1.1): each mail has a new UID, under
        a new UIDVALIDITY. Dovecot must be away."""
        at = self.maildir(address, folder)
        for name in os.listdir(at):
            if name.startswith(("dovecot.index", "dovecot-uidlist")):
                os.unlink(os.path.join(at, name))
        for name in os.listdir(self.maildir(address)):
            if name.startswith(("dovecot-uidvalidity", "dovecot.list.index")):
                os.unlink(os.path.join(self.maildir(address), name))

    def wait_port(self, port, process, *logs, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"{process.args[0]} does not listen on {port}:\n"
                           + "".join(self.tail(log) for log in logs))

    def tail(self, name, lines=30):
        try:
            with open(os.path.join(self.dir, name), errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except OSError:
            return ""

    def add(self, *addresses, password=PASSWORD):
        """Makes mailboxes, or changes their password. All at once is quicker."""
        before = dict(self.users)
        for address in addresses:
            self.users[address.lower()] = password
        if self.users != before:
            self.write_users()

    def remove(self, address):
        """Nobody of that address any more: who mails it gets a report."""
        del self.users[address.lower()]
        self.write_users()

    def write_users(self):
        self.write("users", "".join(f"{user}:{{PLAIN}}{password}::::::\n"
                                    for user, password in self.users.items()))
        # Dovecot looks whether the file is another one, but not twice in a second.
        time.sleep(1.01 - time.time() % 1)

    def imap(self, address):
        """A logged-in line of another client."""
        line = imaplib.IMAP4_SSL("127.0.0.1", self.imaps_port, ssl_context=self.tls, timeout=20)
        line.login(address, self.users[address.lower()])
        return line

    def maildir(self, address, folder=None):
        whole = os.path.join(self.dir, "mail", address.lower())
        return os.path.join(whole, "." + folder) if folder else whole

    def mails(self, address, folder=None):
        """[(flags in the file's name, parsed header)] of a folder, without the server's help."""
        found = []
        for part in ("new", "cur"):
            path = os.path.join(self.maildir(address, folder), part)
            try:
                names = sorted(os.listdir(path))
            except FileNotFoundError:
                continue
            for name in names:
                try:
                    with open(os.path.join(path, name), "rb") as file:
                        mail = email.message_from_binary_file(file, policy=email.policy.default)
                except FileNotFoundError:  # it was renamed, as a flag was set: found again below
                    return self.mails(address, folder)
                found.append((name.partition(":2,")[2], mail))
        return found

    def keywords(self, address, folder=None):
        """The keywords that messages of the folder carry, by Message-ID."""
        line = self.imap(address)
        try:
            status, _ = line.select(f'"{folder}"' if folder else "INBOX", readonly=True)
            if status != "OK":
                return {}
            _, rows = line.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        except imaplib.IMAP4.error:
            return {}
        finally:
            line.logout()
        found = {}
        for row in rows:
            if isinstance(row, tuple):
                flags = re.search(rb"FLAGS \(([^)]*)\)", row[0])
                name = email.message_from_bytes(row[1])["Message-ID"]
                found[(name or "").strip()] = [f for f in flags.group(1).decode().split()
                                               if not f.startswith("\\")]
        return found

    # -- Postfix -----------------------------------------------------------------------------------
    def start_postfix(self, more):
        own = pwd.getpwnam("postfix").pw_uid
        drop = grp.getgrnam("postdrop").gr_gid
        for name, owner, group, mode in (
                ("postfix", 0, 0, 0o755), ("postfix-data", own, 0, 0o755), ("queue", 0, 0, 0o755),
                ("queue/pid", 0, 0, 0o755), ("queue/maildrop", own, drop, 0o1730),
                ("queue/public", own, drop, 0o2710), *(
                    (f"queue/{part}", own, 0, 0o700) for part in (
                        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
                        "incoming", "private", "saved", "trace"))):
            path = os.path.join(self.dir, name)
            os.mkdir(path)
            os.chown(path, owner, group)
            os.chmod(path, mode)
        for name in ("transport", "rejected"):
            self.write(name, "")
        self.write("bounce.cf", BOUNCE_CF)
        self.write("copies", f"/^([^+]+)@(.+)$/ ${{1}}+{self.sent}@${{2}}\n")
        self.write("owners", "/^(.+)$/ ${1}\n")
        self.write("postfix/main.cf", MAIN_CF.format(dir=self.dir, postfix=POSTFIX, name=NAME, more=more))
        self.write("postfix/master.cf", MASTER_CF.format(
            smtp=f"127.0.0.1:{self.smtp_port}", submission=f"127.0.0.1:{self.submission_port}",
            submissions=f"127.0.0.1:{self.submissions_port}"))
        config = os.path.join(self.dir, "postfix")
        with open(os.path.join(self.dir, "postfix.out"), "ab") as out:
            self.postfix = subprocess.Popen(
                [POSTFIX + "/master", "-s", "-c", config], stdout=out, stderr=out,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MAIL_CONFIG": config,
                     "MAIL_LOGTAG": "postfix"},
                preexec_fn=dies_with_us)
        self.wait_port(self.submissions_port, self.postfix, "postfix.out", "postfix.log")

    def reject(self, address, answer="550 5.1.1 no such person here"):
        """Refused when it is named to the server that sends."""
        with open(os.path.join(self.dir, "rejected"), "a") as file:
            file.write(f"{address} {answer}\n")
        self.reload()

    def postpone(self, address, answer="450 4.2.0 come back later"):
        """The same, for now."""
        self.reject(address, answer)

    def defer(self, address):
        """Taken, kept in the queue since nobody is there to hand it to, and reported as delayed."""
        with open(os.path.join(self.dir, "transport"), "a") as file:
            file.write(f"{address} lmtp:inet:127.0.0.1:1\n")
        self.reload()

    def reload(self):
        self.postfix.send_signal(signal.SIGHUP)

    def queue(self, which=("incoming", "active", "maildrop", "deferred")):
        """Names of the queue files; with ("incoming", "active"): what is still being delivered."""
        found = []
        for part in which:
            for _, _, names in os.walk(os.path.join(self.dir, "queue", part)):
                found += names
        return found

    def wait_delivered(self, seconds=20):
        """Until nothing is on its way (what is deferred stays), and the log has it all."""
        end = time.monotonic() + seconds
        while self.queue(("incoming", "active", "maildrop")):
            if time.monotonic() > end:
                raise RuntimeError("Postfix's queue does not empty:\n" + self.tail("postfix.log"))
            time.sleep(0.01)

    def submit(self, sender, recipient, mail):
        """Another client's mail: sent as `sender`, over submission."""
        with smtplib.SMTP_SSL("127.0.0.1", self.submissions_port, context=self.tls) as line:
            line.login(sender, self.users[sender.lower()])
            line.sendmail(sender, [recipient], mail)

    def from_outside(self, sender, recipient, mail):
        """Mail from another server; sender may be empty."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as line:
            line.sendmail(sender, [recipient], mail)

    def log(self):
        """What Postfix logged of mails: see Journal."""
        return Journal(self.postfix_log)

    # -- the end -----------------------------------------------------------------------------------
    def end(self):
        # Postfix's master does not wait for its children: they become ours, to be waited for here.
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
        children = self.children()
        for process in (self.postfix, self.dovecot):
            if process and process.poll() is None:
                process.terminate()
        for process in (self.postfix, self.dovecot):
            if process:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.wait_gone()
        for pid in children:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        if os.environ.get("MAILHOST_KEEP"):
            print("kept", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def wait_gone(self, seconds=10):
        """The masters' children end by themselves when their master has; until then they hold files."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.children():
            time.sleep(0.02)
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)

    def children(self, program=""):
        """Processes whose working directory or environment is ours, of programs with that in their path."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                cwd, path = os.readlink(f"/proc/{pid}/cwd"), os.readlink(f"/proc/{pid}/exe")
                with open(f"/proc/{pid}/environ", "rb") as file:
                    environment = file.read()
            except OSError:
                continue
            if int(pid) != os.getpid() and program in path and (cwd.startswith(self.dir + "/")
                                            or self.dir.encode() + b"/" in environment):
                found.append(int(pid))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()


def sent_name(name):
    return f'"{name}"'


class Journal:
    """What Postfix's log says of each mail that it took: {queue id: Taken}."""

    LINE = re.compile(r"postfix[^ ]*/(?:[a-z]+/)*([a-z]+)\[\d+\]: ([0-9A-Za-z]{6,}): (.*)")

    def __init__(self, path):
        self.mails = {}
        with open(path, errors="replace") as file:
            for text in file:
                found = self.LINE.search(text)
                if found:
                    self.add(found.group(1), found.group(2), found.group(3), text)

    def add(self, service, queue_id, text, line):
        mail = self.mails.setdefault(queue_id, Taken(queue_id))
        if service == "smtpd" and text.startswith("client="):
            login = re.search(r"sasl_username=([^, ]+)", text)
            mail.login = login.group(1).lower() if login else None
        elif service == "cleanup" and "message-id=" in text:
            mail.message_id = text.partition("message-id=")[2].strip()
        elif service == "qmgr" and text.startswith("from="):
            mail.sender = text[text.index("<") + 1:text.index(">")].lower()
        elif text.startswith("to="):
            status = re.search(r"status=(\w+)", text)
            to = text[text.index("<") + 1:text.index(">")].lower()
            if status:
                mail.ends.append((to, status.group(1), line.strip()))
        elif service == "qmgr" and text.startswith("removed"):
            mail.removed = True

    def taken(self, login=None):
        """Mails that came over submission, of one login or all."""
        return [m for m in self.mails.values() if m.login and login in (None, m.login)]


class Taken:
    def __init__(self, queue_id):
        self.queue_id, self.login, self.message_id, self.sender = queue_id, None, None, None
        self.ends = []  # (recipient, sent | bounced | deferred, the line)
        self.removed = False
