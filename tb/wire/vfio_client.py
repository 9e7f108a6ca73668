# SPDX-License-Identifier: Apache-2.0
"""A vfio-user client in plain Python: what QEMU does, and what it never would. Standard library only."""
import array
import errno
import fcntl
import json
import mmap
import os
import select
import socket
import struct
import subprocess
import tempfile
import time

VERSION, DMA_MAP, DMA_UNMAP, GET_INFO, GET_REGION_INFO, GET_REGION_IO_FDS, GET_IRQ_INFO, SET_IRQS = range(1, 9)
REGION_READ, REGION_WRITE, DMA_READ, DMA_WRITE, RESET, _, WRITE_MULTI = range(9, 16)
REPLY, NO_REPLY, ERROR = 1, 0x10, 0x20
BAR0, BAR2, BAR4, CONFIG, REGIONS = 0, 2, 4, 7, 9
MSIX, IRQS = 2, 5
DATA_NONE, DATA_BOOL, DATA_EVENTFD, ACTION_TRIGGER = 1, 2, 4, 32
READ, WRITE = 1, 2
HEADER = struct.Struct("<HHIII")

# What QEMU 11 offers, key by key.
QEMU_OFFER = {"capabilities": {"pgsizes": 4096, "max_msg_fds": 16, "max_dma_maps": 65535, "max_data_xfer_size": 1048576,
                               "migration": {"max_bitmap_size": 268435456, "pgsize": 4096}, "write_multiple": True}}


class Refused(Exception):
    """An error reply."""

    def __init__(self, number):
        super().__init__(f"{errno.errorcode.get(number, number)}")
        self.errno = number


class Gone(Exception):
    """The server closed the connection."""


class Client:
    """One connection. Messages from the server (DMA) are answered while waiting for a reply, from `dma_source`."""

    def __init__(self, path, timeout=20):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.next_id = 1
        self.dma = None          # object with read(address, count) and write(address, data); None: leave unanswered
        self.dma_messages = []   # (command, address, count) in order
        self.dma_id = None       # of the last one
        self.replies = {}
        self.recording = None    # list of (direction, bytes, number of fds), if wanted

    def close(self):
        self.sock.close()

    # --- messages
    def send_raw(self, data, fds=()):
        if self.recording is not None:
            self.recording.append(("C", bytes(data), len(fds)))
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.sock.sendmsg([data], ancillary)
        if sent < len(data):
            self.sock.sendall(data[sent:])

    def send(self, command, body=b"", flags=0, fds=(), size=None):
        number = self.next_id
        self.next_id = self.next_id % 0xffff + 1
        self.send_raw(HEADER.pack(number, command, 16 + len(body) if size is None else size, flags, 0) + body, fds)
        return number

    def receive_exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                part = self.sock.recv(count - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Gone()
            data += part
        return data

    def receive(self):
        head = self.receive_exactly(16)
        number, command, size, flags, error = HEADER.unpack(head)
        body = self.receive_exactly(size - 16)
        if self.recording is not None:
            self.recording.append(("S", head + body, 0))
        if flags & 0xf == 0:
            self.serve_dma(number, command, body)
            return None
        self.replies[number] = (command, flags, error, body)
        return number

    def serve_dma(self, number, command, body):
        address, count = struct.unpack_from("<QQ", body)
        self.dma_messages.append((command, address, count))
        self.dma_id = number
        if self.dma is None:
            return
        try:
            if command == DMA_READ:
                answer = body[:16] + self.dma.read(address, count)
            else:
                self.dma.write(address, body[16:])
                answer = body[:16]
            self.send_raw(HEADER.pack(number, command, 16 + len(answer), REPLY, 0) + answer)
        except KeyError:
            self.send_raw(HEADER.pack(number, command, 16, REPLY | ERROR, errno.EFAULT))

    def reply_to(self, number):
        while number not in self.replies:
            self.receive()
        command, flags, error, body = self.replies.pop(number)
        if flags & ERROR:
            raise Refused(error)
        return body

    def request(self, command, body=b"", fds=(), size=None):
        return self.reply_to(self.send(command, body, 0, fds, size))

    def pump(self, seconds):
        """Answers DMA messages for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.sock], [], [], left)[0]:
                self.receive()

    # --- commands
    def version(self, offer=QEMU_OFFER):
        text = b"" if offer is None else json.dumps(offer).encode() + b"\0"
        body = self.request(VERSION, struct.pack("<HH", 0, 0) + text)
        return struct.unpack_from("<HH", body), json.loads(body[4:].rstrip(b"\0") or b"{}")

    def dma_map(self, iova, size, fd=None, offset=0, flags=READ | WRITE):
        return self.request(DMA_MAP, struct.pack("<IIQQQ", 32, flags, offset, iova, size), () if fd is None else (fd,))

    def dma_unmap(self, iova, size, flags=0):
        return self.request(DMA_UNMAP, struct.pack("<IIQQ", 24, flags, iova, size))

    def info(self):
        return struct.unpack("<IIII", self.request(GET_INFO, struct.pack("<IIII", 16, 0, 0, 0)))

    def region_info(self, index):
        return struct.unpack("<IIIIQQ", self.request(GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, index, 0, 0, 0)))

    def irq_info(self, index):
        return struct.unpack("<IIII", self.request(GET_IRQ_INFO, struct.pack("<IIII", 16, 0, index, 0)))

    def set_irqs(self, flags, start, count, fds=(), index=MSIX, data=b""):
        return self.request(SET_IRQS, struct.pack("<IIIII", 20, flags, index, start, count) + data, fds)

    def read(self, region, offset, count):
        body = self.request(REGION_READ, struct.pack("<QII", offset, region, count))
        assert struct.unpack_from("<QII", body) == (offset, region, count) and len(body) == 16 + count
        return body[16:]

    def write(self, region, offset, data, posted=False):
        body = struct.pack("<QII", offset, region, len(data)) + data
        if posted:
            self.send(REGION_WRITE, body, NO_REPLY)
        else:
            assert self.request(REGION_WRITE, body) == body[:16]

    def write_multi(self, writes):
        body = struct.pack("<Q", len(writes))
        for region, offset, data in writes:
            body += struct.pack("<QII8s", offset, region, len(data), data)
        self.send(WRITE_MULTI, body, NO_REPLY)

    def reset(self):
        self.request(RESET)

    # --- shorthands
    def config(self, offset, count=4):
        return int.from_bytes(self.read(CONFIG, offset, count), "little")

    def set_config(self, offset, value, count=4):
        self.write(CONFIG, offset, value.to_bytes(count, "little"))

    def reg(self, offset, count=4):
        return int.from_bytes(self.read(BAR0, offset, count), "little")

    def set_reg(self, offset, value, count=4):
        self.write(BAR0, offset, value.to_bytes(count, "little"), posted=True)


class Memory:
    """Guest memory in a memfd, as QEMU's memory-backend-memfd: sealed against shrinking unless told otherwise."""
    F_ADD_SEALS, SEALS = 1033, 0x1 | 0x2 | 0x4  # SEAL, SHRINK, GROW

    def __init__(self, size, sealed=True):
        self.size = size
        self.fd = os.memfd_create("guest", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, size)
        if sealed:
            fcntl.fcntl(self.fd, self.F_ADD_SEALS, self.SEALS)
        self.bytes = mmap.mmap(self.fd, size)

    def read(self, address, count):
        if address + count > self.size:
            raise KeyError(address)
        return self.bytes[address:address + count]

    def write(self, address, data):
        if address + len(data) > self.size:
            raise KeyError(address)
        self.bytes[address:address + len(data)] = data

    def close(self):
        if self.fd is not None:
            self.bytes.close()
            os.close(self.fd)
        self.fd = None


def eventfd():
    return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)


def wait_eventfd(fd, seconds=10):
    """Count of the eventfd, 0 if nothing came in time."""
    return os.eventfd_read(fd) if select.select([fd], [], [], seconds)[0] else 0


class Server:
    """`lightcard serve` in a process of its own."""

    def __init__(self, command, *arguments, path=None):
        self.folder = tempfile.TemporaryDirectory(prefix="lc")
        self.path = path or os.path.join(self.folder.name, "card.sock")
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([command, "serve", *arguments, "--socket", self.path], stdout=self.log,
                                        stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            if "listens on" in self.text():
                return
            time.sleep(0.01)
        said = self.text()
        self.stop()
        raise RuntimeError("server did not start: " + said)

    def text(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Exit status after SIGTERM."""
        if self.alive():
            self.process.terminate()
        status = self.process.wait(timeout=20)
        self.log.close()
        self.folder.cleanup()
        return status
