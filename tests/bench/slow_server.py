#!/usr/bin/env python3
"""An HTTP server on a free loopback port that answers every request DELAY seconds after it came,
for any number of connections at once. Prints its port, ends when its standard input does.

    slow_server.py DELAY"""

import asyncio
import sys

BODY = b"It took a while.\n" * 8
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(BODY)) + BODY


async def serve(reader, writer, delay_s):
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(delay_s)
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    delay_s = float(sys.argv[1])
    server = await asyncio.start_server(lambda r, w: serve(r, w, delay_s), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: sys.stdin.buffer.read1(1) or end.set())
    await end.wait()
    server.close()


asyncio.run(main())
