#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands between a vfio-user client and a server, and writes down what they say, for vfio_test.py to replay.

    record.py LISTEN CONNECT OUTPUT.txt.gz

One line a message: C (client) or S (server), its file descriptors (m: memory, e: eventfd; - for none), its bytes in hex.
data/qemu-11.1-linux-6.12.txt.gz: stock QEMU 11.1.3 with 512 MiB of shared memory boots Debian's Linux 6.12 under TCG, which
reads the configuration space, enables the device, does a function-level reset through sysfs and powers off.
"""
import array
import gzip
import os
import select
import socket
import sys

from vfio_client import HEADER


def message(sock):
    """Bytes and file descriptors of one message; None at the end."""
    data, fds, size = b"", array.array("i"), HEADER.size
    while len(data) < size:
        part, ancillary, _, _ = sock.recvmsg(size - len(data), 4096)
        if not part:
            return None
        for _, _, rights in ancillary:
            fds.frombytes(rights[:len(rights) // fds.itemsize * fds.itemsize])
        data += part
        if len(data) == HEADER.size:
            size = HEADER.unpack(data)[2]
    return data, fds


def kind(fd):
    return "e" if "eventfd" in os.readlink(f"/proc/self/fd/{fd}") else "m"


def main(listen, connect, output):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(listen)
    listener.listen(1)
    client, _ = listener.accept()
    server = socket.socket(socket.AF_UNIX)
    server.connect(connect)
    with gzip.open(output, "wt", encoding="ascii") as file:
        while True:
            ready = select.select([client, server], [], [])[0]
            source, target = (server, client) if server in ready else (client, server)  # answers first
            if (got := message(source)) is None:
                return
            data, fds = got
            file.write(f"{'S' if source is server else 'C'} {''.join(map(kind, fds)) or '-'} {data.hex()}\n")
            target.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else [])
            for fd in fds:
                os.close(fd)


if __name__ == "__main__":
    main(*sys.argv[1:])
