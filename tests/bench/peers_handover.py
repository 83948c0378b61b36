#!/usr/bin/env python3
"""What Python takes to hand a record to another process and back to order: the peers of the
engine's hand-over. Every record is an object of its own: the same one repeated would be pickled
once a chunk and make the pool look 50 times faster than it is.

    peers_handover.py pool BYTES CHUNK    ProcessPoolExecutor(2).map
    peers_handover.py queue BYTES         multiprocessing.Queue to a worker and another one back
    peers_handover.py oneway BYTES        multiprocessing.Queue to a worker, no answer

Prints "ns_per_record BYTES NS"."""

import concurrent.futures
import multiprocessing
import sys
import threading
import time


def touch(record):
    return record[0]


def records(n_bytes, n_records):
    return [number.to_bytes(8, "little") + bytes(n_bytes - 8) for number in range(n_records)]


def count_for(n_bytes, chunk):
    """Enough records for about a second."""
    if n_bytes >= 1 << 20:
        return 192
    return {1: 4000, 32: 100_000}.get(chunk, 300_000)


def pool_ns(n_bytes, chunk):
    batch = records(n_bytes, count_for(n_bytes, chunk))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        list(pool.map(touch, [b"warm"] * 64, chunksize=8))
        start = time.perf_counter_ns()
        total = sum(pool.map(touch, batch, chunksize=chunk))
        elapsed = time.perf_counter_ns() - start
    assert total == sum(record[0] for record in batch)
    return elapsed / len(batch)


def echo(inbox, outbox):
    for record in iter(inbox.get, None):
        outbox.put(touch(record))


def feed(inbox, n_bytes, n_records):
    for record in records(n_bytes, n_records):
        inbox.put(record)
    inbox.put(None)


def queue_ns(n_bytes):
    """To a worker and its answer back, as every pipeline of queues does it."""
    n_records = 192 if n_bytes >= 1 << 20 else 30_000
    inbox, outbox = multiprocessing.Queue(64), multiprocessing.Queue(64)
    worker = multiprocessing.Process(target=echo, args=(inbox, outbox))
    worker.start()
    feeder = threading.Thread(target=feed, args=(inbox, n_bytes, n_records))
    start = time.perf_counter_ns()
    feeder.start()
    for _ in range(n_records):
        outbox.get()
    elapsed = time.perf_counter_ns() - start
    feeder.join()
    worker.join()
    return elapsed / n_records


def produce(queue, n_bytes, n_records):
    batch = records(n_bytes, n_records)
    queue.put(b"start")
    for record in batch:
        queue.put(record)


def oneway_ns(n_bytes):
    """From one process to another, nothing back: less than the job needs."""
    n_records = 192 if n_bytes >= 1 << 20 else 60_000
    queue = multiprocessing.Queue(64)
    producer = multiprocessing.Process(target=produce, args=(queue, n_bytes, n_records))
    producer.start()
    queue.get()
    start = time.perf_counter_ns()
    for _ in range(n_records):
        queue.get()
    elapsed = time.perf_counter_ns() - start
    producer.join()
    return elapsed / n_records


def main():
    kind, n_bytes = sys.argv[1], int(sys.argv[2])
    if kind == "pool":
        ns = pool_ns(n_bytes, int(sys.argv[3]))
    else:
        ns = {"queue": queue_ns, "oneway": oneway_ns}[kind](n_bytes)
    print(f"ns_per_record {n_bytes} {ns:.1f}")


if __name__ == "__main__":
    main()
