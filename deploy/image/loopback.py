"""The network of a container that has only a loopback: how a script gets into it, and a name server for it."""

import ctypes
import os
from contextlib import contextmanager


def name_server(server, answered):
    """Answers 127.0.0.1 for by-dns.test, and for every other name that there is none."""
    while True:
        query, sender = server.recvfrom(512)
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = int.from_bytes(query[at + 1 : at + 3], "big")
        name = ".".join(labels)
        answered.append(name)
        known, address = name == "by-dns.test", kind == 1
        head = query[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + (b"\0\1" if known and address else b"\0\0") + b"\0" * 4
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1" if known and address else b""
        server.sendto(head + query[12 : at + 5] + answer, sender)


@contextmanager
def network_of(pid):
    """This thread is in the network of that process: what it opens lies there."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        enter(other)
        yield
    finally:
        enter(own)
        os.close(own)
        os.close(other)


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")
