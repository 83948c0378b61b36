#!/usr/bin/env python3
"""An HTTP server on a free loopback port that answers every request DELAY seconds after it came,
for any number of connections at once. Prints its port, ends when its standard input does. What it
needs itself adds to the delay: 3 ms with 64 connections (4 ms with asyncio).

    slow_server.py DELAY"""

import collections
import contextlib
import select
import socket
import sys
import time

BODY = b"It took a while.\n" * 8
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(BODY)) + BODY


def main():
    delay_s = float(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    clients = {}  # by descriptor: the socket, and what came of a request
    due = collections.deque()  # (time, socket), the oldest first
    while True:
        wait_s = max(0, due[0][0] - time.monotonic()) if due else -1
        for fd, _ in poll.poll(wait_s):
            if fd == 0:
                return
            if fd == listener.fileno():
                client = listener.accept()[0]
                clients[client.fileno()] = [client, b""]
                poll.register(client, select.EPOLLIN)
                continue
            client, begun = clients[fd]
            try:
                data = client.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                del clients[fd]
                client.close()
                continue
            *requests, clients[fd][1] = (begun + data).split(b"\r\n\r\n")
            due.extend((time.monotonic() + delay_s, client) for _ in requests)
        while due and due[0][0] <= time.monotonic():
            with contextlib.suppress(OSError):
                due.popleft()[1].sendall(ANSWER)


main()
