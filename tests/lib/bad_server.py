#!/usr/bin/env python3
"""An HTTP server that misbehaves on purpose, on a free loopback port.

    bad_server.py [--tls CERT KEY]

Prints its port and ends when its standard input does. The first part of a request's path names the
behaviour (a function below whose name starts with do_); what follows makes URLs unique, so that
`/flaky/7` can count its own requests. /log answers with the requests seen, one JSON object a line.
"""

import collections
import email.utils
import gzip
import json
import socket
import ssl
import struct
import sys
import threading
import time

BODY = b"A line of an honest body.\n" * 40
LARGE = bytes(range(256)) * 8192  # 2 MB
ETAG = '"v1"'
BOMB = gzip.compress(b"\0" * (100 << 20))
FOREVER_S = 30

seen = collections.Counter()
log = []
lock = threading.Lock()


class Gone(Exception):
    """The connection is over."""


class Connection:
    def __init__(self, sock, port):
        self.sock, self.port, self.pending, self.n_requests = sock, port, b"", 0

    def read_request(self):
        while b"\r\n\r\n" not in self.pending:
            more = self.sock.recv(65536)
            if not more:
                raise Gone
            self.pending += more
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.headers = {k.lower(): v.strip() for k, _, v in (l.partition(":") for l in lines[1:])}
        self.n_requests += 1
        with lock:
            seen[self.path] += 1
            self.count = seen[self.path]
            log.append({"path": self.path, "headers": self.headers, "at": time.time()})

    def send(self, data):
        self.sock.sendall(data)

    def head(self, status="200 OK", *headers):
        self.send(("HTTP/1.1 %s\r\n%s\r\n" % (status, "".join(h + "\r\n" for h in headers))).encode())

    def reply(self, body=BODY, status="200 OK", *headers):
        self.head(status, "Content-Length: %d" % len(body), *headers)
        self.send(body)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def wait(self):
        """Until the client gives up."""
        self.sock.settimeout(FOREVER_S)
        self.sock.recv(1)
        raise Gone


def do_ok(c):
    c.reply(BODY, "200 OK", "Content-Type: text/plain", "ETag: " + ETAG)

def do_slow(c):
    time.sleep(0.1)
    c.reply()

def do_stall_body(c):
    c.head("200 OK", "Content-Length: 5000")
    c.send(BODY)
    c.wait()

def do_stall_head(c):
    c.wait()

def do_trickle_body(c):
    c.head("200 OK", "Content-Length: 5000")
    for _ in range(500):
        c.send(b"x")
        time.sleep(0.05)

def do_trickle_head(c):
    c.send(b"HTTP/1.1 200 OK\r\n")
    for i in range(500):
        c.send(b"X-%d: y\r\n" % i)
        time.sleep(0.1)

def do_reset_head(c):
    c.reset()

def do_reset_body(c):
    c.head("200 OK", "Content-Length: 5000")
    c.send(BODY)
    time.sleep(0.1)
    c.reset()

def do_close_head(c):
    raise Gone

def do_close_in_head(c):
    c.send(b"HTTP/1.1 200 OK\r\nContent-Len")
    raise Gone

def do_close_body(c):
    c.head("200 OK", "Content-Length: 5000")
    c.send(BODY)
    raise Gone

def do_length_short(c):
    c.head("200 OK", "Content-Length: 10")
    c.send(BODY)

def do_length_none(c):
    c.head("200 OK")
    c.send(BODY)
    raise Gone

def do_length_negative(c):
    c.head("200 OK", "Content-Length: -5")
    c.send(BODY)
    raise Gone

def do_length_word(c):
    c.head("200 OK", "Content-Length: many")
    c.send(BODY)
    raise Gone

def do_length_conflict(c):
    c.head("200 OK", "Content-Length: 10", "Content-Length: 20")
    c.send(BODY)
    raise Gone

def do_length_huge(c):
    c.head("200 OK", "Content-Length: 10737418240")
    c.send(BODY)
    c.wait()

def do_chunk_ok(c):
    c.head("200 OK", "Transfer-Encoding: chunked")
    for i in range(0, len(BODY), 100):
        part = BODY[i:i + 100]
        c.send(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
    c.send(b"0\r\nTrailer: x\r\n\r\n")

def do_chunk_cut(c):
    c.head("200 OK", "Transfer-Encoding: chunked")
    c.send(b"100\r\nabc")
    raise Gone

def do_chunk_no_end(c):
    c.head("200 OK", "Transfer-Encoding: chunked")
    c.send(b"3\r\nabc\r\n")
    raise Gone

def do_chunk_bad(c):
    c.head("200 OK", "Transfer-Encoding: chunked")
    c.send(b"zz\r\nabc\r\n0\r\n\r\n")
    raise Gone

def do_chunk_size_huge(c):
    c.head("200 OK", "Transfer-Encoding: chunked")
    c.send(b"ffffffffffffffffffff\r\nabc")
    c.wait()

def do_chunk_extensions(c):
    c.head("200 OK", "Transfer-Encoding: chunked")
    while True:
        c.send(b"1;%s\r\nx\r\n" % (b"y" * 1000))

def do_chunk_trailers(c):
    c.head("200 OK", "Transfer-Encoding: chunked")
    c.send(b"0\r\n")
    while True:
        c.send(b"X-Trailer: filler filler filler\r\n" * 100)

def do_chunk_and_length(c):
    c.head("200 OK", "Transfer-Encoding: chunked", "Content-Length: 5")
    c.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))

def do_bytewise(c):
    head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in head.encode() + b"10;x\r\n0123456789abcdef\r\n0\r\nT: x\r\n\r\n":
        c.send(bytes([byte]))

def do_folded(c):
    c.send(b"HTTP/1.1 200 OK\r\nX: folded\r\n line\r\nContent-Length:\r\n\t%d\r\n\r\n%s" % (len(BODY), BODY))

def do_folded_first(c):
    c.send(b"HTTP/1.1 200 OK\r\n %s\r\n %s\r\nContent-Length: 0\r\n\r\n" % (b"x" * 50, b"y" * 3000))

def do_bare_lf(c):
    c.send(b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%s" % (len(BODY), BODY))

def do_http_10(c):
    c.send(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
    raise Gone

def do_head_nul(c):
    c.head("200 OK", "X-Nul: a\0b", "Content-Length: 0")

def do_kept_gone(c):
    """Serves one request a connection and drops the next one unanswered."""
    if c.n_requests > 1:
        raise Gone
    c.reply()

def do_kept_reset(c):
    if c.n_requests > 1:
        c.reset()
    c.reply()

def do_gzip_bomb(c):
    c.reply(BOMB, "200 OK", "Content-Encoding: gzip", "Content-Type: text/html")

def do_endless_body(c):
    c.head("200 OK")
    while True:
        c.send(BODY * 100)

def do_endless_chunks(c):
    c.head("200 OK", "Transfer-Encoding: chunked")
    while True:
        c.send(b"%x\r\n%s\r\n" % (len(BODY), BODY))

def do_endless_1xx(c):
    while True:
        c.send(b"HTTP/1.1 100 Continue\r\n\r\n")

def do_endless_404(c):
    c.head("404 Not Found")
    while True:
        c.send(BODY * 100)

def do_early_hints(c):
    c.head("103 Early Hints", "Link: </x>; rel=preload", "Content-Length: 99999")
    c.reply()

def do_header_flood(c):
    c.send(b"HTTP/1.1 200 OK\r\n")
    for i in range(100000):
        c.send(b"X-Header-%d: filler filler filler filler\r\n" % i)

def do_header_long(c):
    c.send(b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * (2 << 20))
    c.wait()

def do_http_09(c):
    c.send(b"<html>no status line</html>\n" * 20)
    raise Gone

def do_garbage(c):
    c.send(bytes(range(256)) * 50)
    raise Gone

def do_status_word(c):
    c.send(b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n")

def do_404(c):
    c.reply(b"<html>not here</html>", "404 Not Found")

def do_410(c):
    c.reply(b"", "410 Gone")

def do_500(c):
    c.reply(b"oops", "500 Internal Server Error")

def do_204(c):
    c.head("204 No Content")

def do_empty(c):
    c.reply(b"")

def do_206(c):
    c.reply(BODY[:10], "206 Partial Content", "Content-Range: bytes 0-9/%d" % len(BODY))

def do_304(c):
    c.head("304 Not Modified")

def do_etag(c):
    if c.headers.get("if-none-match") == ETAG:
        c.head("304 Not Modified", "ETag: " + ETAG)
    else:
        c.reply(BODY, "200 OK", "ETag: " + ETAG)

def do_flaky(c):
    if c.count < 3:
        c.reply(b"try again", "502 Bad Gateway")
    else:
        c.reply()

def do_429_seconds(c):
    if c.count == 1:
        c.reply(b"", "429 Too Many Requests", "Retry-After: 1")
    else:
        c.reply()

def do_503_date(c):
    if c.count == 1:
        c.reply(b"", "503 Service Unavailable", "Retry-After: " + email.utils.formatdate(time.time() + 2, usegmt=True))
    else:
        c.reply()

def do_429_forever(c):
    c.reply(b"", "429 Too Many Requests", "Retry-After: 0")

def do_503_long(c):
    c.reply(b"", "503 Service Unavailable", "Retry-After: 86400")

def redirect(c, target, status="302 Found"):
    c.reply(b"moved", status, "Location: " + target)

def do_redirect_ok(c):
    redirect(c, "http://127.0.0.1:%d/ok/target" % c.port)

def do_redirect_relative(c):
    redirect(c, "../ok/relative", "308 Permanent Redirect")

def do_redirect_loop(c):
    redirect(c, c.path)

def do_redirect_file(c):
    redirect(c, "file:///etc/passwd")

def do_redirect_gopher(c):
    redirect(c, "gopher://127.0.0.1:%d/x" % c.port)

def do_redirect_private(c):
    redirect(c, "http://10.1.2.3/")

def do_redirect_metadata(c):
    redirect(c, "http://[::ffff:a9fe:a9fe]/latest/meta-data/")

def do_redirect_credentials(c):
    redirect(c, "http://user:secret@127.0.0.1:%d/ok" % c.port)

def do_redirect_nowhere(c):
    c.reply(b"", "302 Found")

def do_redirect_other_host(c):
    redirect(c, "http://127.0.0.2:%d/ok/other" % c.port)

def do_early_close(c):
    c.reply()
    raise Gone  # without having said Connection: close

def do_close_says(c):
    c.reply(BODY, "200 OK", "Connection: close")
    raise Gone

def large(c, etag, start=0, stop=len(LARGE), first=None):
    part = LARGE[start:stop]
    headers = ["Content-Length: %d" % (len(LARGE) - start), "ETag: " + etag, "Accept-Ranges: bytes"]
    if start or first is not None:
        shown = start if first is None else first
        headers.append("Content-Range: bytes %d-%d/%d" % (shown, len(LARGE) - 1, len(LARGE)))
        c.head("206 Partial Content", *headers)
    else:
        c.head("200 OK", *headers)
    c.send(part)
    if stop < len(LARGE):
        raise Gone

def range_start(c, etag):
    value = c.headers.get("range", "")
    if value.startswith("bytes=") and c.headers.get("if-range") == etag:
        return int(value[6:].rstrip("-"))
    return 0

def do_resume(c):
    start = range_start(c, ETAG)
    large(c, ETAG, start, min(len(LARGE), start + 900000))

def do_resume_changed(c):
    if c.count == 1:
        large(c, ETAG, 0, 1000000)
    large(c, '"v2"', range_start(c, '"v2"'))

def do_resume_wrong(c):
    if c.count == 1:
        large(c, ETAG, 0, 1000000)
    start = range_start(c, ETAG)
    large(c, ETAG, start, first=start + 5) if start else large(c, ETAG)

def do_resume_416(c):
    if c.count == 1:
        large(c, ETAG, 0, 1000000)
    if range_start(c, ETAG):
        c.reply(b"", "416 Range Not Satisfiable", "Content-Range: bytes */%d" % len(LARGE))
    else:
        large(c, ETAG)

def do_large(c):
    large(c, ETAG)

def do_large_slow(c):
    start = range_start(c, ETAG)
    headers = ["Content-Length: %d" % (len(LARGE) - start), "ETag: " + ETAG]
    if start:
        c.head("206 Partial Content", "Content-Range: bytes %d-%d/%d" % (start, len(LARGE) - 1, len(LARGE)), *headers)
    else:
        c.head("200 OK", *headers)
    for at in range(start, len(LARGE), 65536):
        c.send(LARGE[at:at + 65536])
        time.sleep(0.05)

def do_log(c):
    with lock:
        body = "".join(json.dumps(entry) + "\n" for entry in log).encode()
    c.reply(body)


def do_robots(c):
    rules = b"User-agent: gristmill\nDisallow: /ok/secret\nAllow: /\n"
    if c.sock.getsockname()[0] == "127.0.0.1":
        return c.reply(rules)
    c.head("200 OK")
    c.send(rules)
    while True:  # the other host's has no end
        c.send(b"# and so on\n" * 1000)


def serve(sock, port, tls):
    with sock:
        try:
            if tls:
                sock = tls.wrap_socket(sock, server_side=True)
            c = Connection(sock, port)
            while True:
                c.read_request()
                name = c.path.split("?")[0].split("/")[1].replace("-", "_").replace(".txt", "")
                globals().get("do_" + name, do_404)(c)
        except (Gone, OSError):
            pass


def main():
    tls = None
    if sys.argv[1:2] == ["--tls"]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[2], sys.argv[3])
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    port = listener.getsockname()[1]
    second = socket.socket()  # another host on the same port
    second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    second.bind(("127.0.0.2", port))
    second.listen(256)

    def accept(which):
        while True:
            sock, _ = which.accept()
            threading.Thread(target=serve, args=(sock, port, tls), daemon=True).start()

    for which in (listener, second):
        threading.Thread(target=accept, args=(which,), daemon=True).start()
    print(port, flush=True)
    sys.stdin.buffer.read()


main()
