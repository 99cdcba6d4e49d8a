"""A small HTTP/1.1 server that misbehaves by path, for tests/unit/net/http.c.

Prints "PLAIN TLS" (two ports of 127.0.0.1), then serves until its parent is gone. With a
directory as argument the second port speaks TLS with server.pem there; without, it is 0.
"""
import os
import socket
import ssl
import sys
import threading
import time

counts = {}
lock = threading.Lock()


def read_request(stream):
    line = stream.readline()
    if not line:
        return None
    method, path, _ = line.decode().split(" ", 2)
    headers, raw = {}, []
    while True:
        line = stream.readline()
        if line in (b"\r\n", b""):
            break
        raw.append(line)
        name, value = line.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return method, path, raw, body


def answer(body, status="200 OK", extra=b""):
    return (b"HTTP/1.1 " + status.encode() + b"\r\nContent-Length: %d\r\n" % len(body) + extra
            + b"\r\n" + body)


def serve_one(conn, number, method, path, raw, body):
    """False: the connection ends here."""
    what = path.split("?")[0]
    if what == "/count":
        name = path.split("?")[1]
        conn.sendall(answer(b"%d" % counts.get(name, 0)))
        return True
    with lock:
        counts[what] = counts.get(what, 0) + 1
        seen = counts[what]
    if what == "/echo":
        conn.sendall(answer(method.encode() + b"\r\n" + b"".join(raw) + b"\r\n" + body,
                            extra=b"X-Number: %d\r\nRetry-After:  7 \r\n" % number))
    elif what == "/die":            # accepted, and not a byte of an answer
        return False
    elif what == "/die-once" and seen == 1:
        return False
    elif what == "/hang":
        time.sleep(30)
        return False
    elif what == "/drip":
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(300):
            conn.sendall(b"x")
            time.sleep(0.1)
    elif what == "/big":
        conn.sendall(answer(b"x" * 100000))
    elif what == "/headers":
        conn.sendall(answer(b"", extra=b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000)
                                                for i in range(80))))
    elif what == "/redirect":
        conn.sendall(answer(b"", "302 Found", b"Location: /target\r\n"))
    elif what == "/cut":
        conn.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":")
        return False
    elif what == "/early":
        conn.sendall(b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" + answer(b"late"))
    elif what == "/401":
        conn.sendall(answer(b"no", "401 Unauthorized", b"WWW-Authenticate: Bearer\r\n"))
    elif what == "/garbage":
        conn.sendall(b"220 mail.acme.example ESMTP\r\n")
        return False
    elif what == "/nothing":
        conn.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    else:
        conn.sendall(answer(b"ok"))
    return True


def serve(conn, context):
    try:
        if context:
            conn = context.wrap_socket(conn, server_side=True)
        stream = conn.makefile("rb")
        number = 0
        while True:
            asked = read_request(stream)
            number += 1
            if not asked or not serve_one(conn, number, *asked):
                break
        stream.close()
        conn.close()
    except (OSError, ValueError):     # also: TLS spoken to the plain port
        conn.close()


def listen(context):
    sock = socket.create_server(("127.0.0.1", 0), backlog=128)

    def loop():
        while True:
            conn, _ = sock.accept()
            threading.Thread(target=serve, args=(conn, context), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    return sock.getsockname()[1]


def main():
    context, tls = None, 0
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(sys.argv[1], "server.pem"))
        tls = listen(context)
    print(f"{listen(None)} {tls}", flush=True)
    sys.stdin.read()


main()
