# SPDX-License-Identifier: Apache-2.0
"""A driver of the card in plain Python, over vfio_client: rings, admin and I/O commands as lightcard_abi.h has them."""
import struct
import time

from vfio_client import (ACTION_TRIGGER, CONFIG, DATA_EVENTFD, MSIX, REGIONS, Client, Memory, eventfd, wait_eventfd)

MAGIC, CC, CSTS, AQA, ASQ, ACQ, BOOT_STATUS = 0x00, 0x20, 0x24, 0x30, 0x38, 0x40, 0x80
LIVENESS, RESET_COUNT, RESET_CAUSE, ERR_STATUS, TIME_NS, WEIGHT_GEN = 0x18, 0x90, 0x94, 0xa0, 0xd8, 0xe0
MAGIC_VALUE, BOOT_READY = 0x4c433031, 1 << 30
OP_COPY, OP_PROGRAM, OP_MVM = 0x02, 0x10, 0x20
ADM_CREATE_SQ, ADM_CREATE_CQ, ADM_IDENTIFY, ADM_LOG = 0x01, 0x05, 0x06, 0x02
COMMAND, DEVICE_CONTROL, MSIX_CONTROL = 0x04, 0x68, 0x52
SC_HOST_BUS = 0x08
RAM = 0x1_0000_0000  # where guest memory lies on the bus


def host(address):
    return address


def dram(offset):
    return 1 << 56 | offset


def sram(offset):
    return 2 << 56 | offset


def sqe(opcode, src=0, dst=0, length=0, weight_id=0, flags=0, tail=b""):
    """All but the cid, which the ring fills in."""
    return struct.pack("<BBHHHQQQII24s", opcode, flags, 0, 0, 0, weight_id, src, dst, length, 0, tail)


class Ring:
    """A submission and a completion ring in guest memory."""

    def __init__(self, card, qid, base, entries, vector_fd):
        self.card, self.qid, self.entries, self.fd = card, qid, entries, vector_fd
        self.sq, self.cq = base, base + 0x1000
        self.tail = self.head = self.cid = 0
        self.phase = 1

    def submit(self, command, ring=True):
        self.cid = (self.cid + 1) % 0x10000
        command = command[:2] + struct.pack("<H", self.cid) + command[4:]
        self.card.memory.write(self.sq + 64 * self.tail, command)
        self.tail = (self.tail + 1) % self.entries
        if ring:
            self.ring()
        return self.cid

    def ring(self):
        self.card.client.set_reg(0x1000 + 8 * self.qid, self.tail)

    def poll(self):
        """(cid, status, result), or None."""
        result, _, _, cid, status = struct.unpack("<QHHHH", self.card.memory.read(self.cq + 16 * self.head, 16))
        if status & 1 != self.phase:
            return None
        self.head = (self.head + 1) % self.entries
        if self.head == 0:
            self.phase ^= 1
        self.card.client.set_reg(0x1004 + 8 * self.qid, self.head)
        return cid, status >> 1, result

    def wait(self, seconds=20):
        end = time.monotonic() + seconds
        while (done := self.poll()) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"no completion in queue {self.qid}")
            self.card.idle(end)
            wait_eventfd(self.fd, 0.001 if self.card.by_message else 1)
        return done

    def run(self, command):
        cid = self.submit(command)
        done = self.wait()
        assert done[0] == cid, (done, cid)
        return done[1], done[2]


class Card:
    """The card brought up: BARs sized, MSI-X, admin queue, one I/O queue."""

    def __init__(self, path, by_message=False, sealed=True, megabytes=4, bring_up=True):
        self.client = Client(path)
        self.by_message = by_message
        self.ram = Memory(megabytes << 20, sealed)
        self.memory = Offset(self.ram)
        self.vectors = [eventfd() for _ in range(3)]
        self.client.version()
        if by_message:
            self.client.dma = self.memory
            self.client.dma_map(RAM, self.ram.size)
        else:
            self.client.dma_map(RAM, self.ram.size, self.ram.fd)
        if bring_up:
            self.start_up()
            self.enable()

    def start_up(self):
        """What QEMU and a kernel do before a driver sees the card."""
        client = self.client
        client.info()
        for index in range(REGIONS):
            client.region_info(index)
        client.read(CONFIG, 0, 4096)
        client.irq_info(MSIX)
        client.set_irqs(DATA_EVENTFD | ACTION_TRIGGER, 0, 1)
        client.reset()
        for bar in range(6):
            client.set_config(0x10 + 4 * bar, 0xffffffff)
            client.set_config(0x10 + 4 * bar, 0)
        self.power_on()

    def power_on(self):
        """What is lost at a function-level reset."""
        self.client.set_config(COMMAND, 0x0406, 2)
        self.client.set_config(MSIX_CONTROL, 0x8000, 2)
        for vector, fd in enumerate(self.vectors):
            self.client.set_irqs(DATA_EVENTFD | ACTION_TRIGGER, vector, 1, (fd,))

    def enable(self, entries=16):
        client = self.client
        assert client.reg(MAGIC) == MAGIC_VALUE
        self.until(BOOT_STATUS, BOOT_READY, BOOT_READY)
        self.memory.write(RAM, bytes(0x4000))
        self.admin = Ring(self, 0, RAM, entries, self.vectors[0])
        client.set_reg(AQA, (entries - 1) << 16 | (entries - 1))
        for offset, value in ((ASQ, self.admin.sq), (ACQ, self.admin.cq)):
            client.set_reg(offset, value & 0xffffffff)
            client.set_reg(offset + 4, value >> 32)
        client.set_reg(CC, 1)
        self.until(CSTS, 1, 1)
        self.queue = Ring(self, 1, RAM + 0x2000, entries, self.vectors[1])
        for opcode, base, extra in ((ADM_CREATE_CQ, self.queue.cq, (0, 1)), (ADM_CREATE_SQ, self.queue.sq, (1, 0))):
            status, _ = self.admin.run(sqe(opcode, src=base, tail=struct.pack("<HHHH", 1, entries, *extra)))
            assert status == 0, status

    def until(self, offset, mask, value, seconds=10):
        end = time.monotonic() + seconds
        while self.client.reg(offset) & mask != value:
            assert time.monotonic() < end, f"register 0x{offset:x} reads 0x{self.client.reg(offset):x}"

    def idle(self, end):
        """Lets the server's DMA messages through."""
        if self.by_message:
            self.client.pump(min(0.002, max(0, end - time.monotonic())))

    def copy(self, dst, src, length, **more):
        return self.queue.run(sqe(OP_COPY, src=src, dst=dst, length=length, **more))

    def identify(self):
        status, _ = self.admin.run(sqe(ADM_IDENTIFY, dst=RAM + 0x8000, length=512))
        assert status == 0
        return struct.unpack("<12I6Q16s32s", self.memory.read(RAM + 0x8000, 144))

    def works(self, length=100_000, seed=7):
        """Bytes go to card memory and come back."""
        data = bytes((i * seed + (i >> 8)) & 0xff for i in range(length))
        self.memory.write(RAM + 0x10000, data)
        self.memory.write(RAM + 0x40000, bytes(length))
        return (self.copy(dram(0x1000), RAM + 0x10000, length)[0] == 0 and
                self.copy(RAM + 0x40000, dram(0x1000), length)[0] == 0 and
                self.memory.read(RAM + 0x40000, length) == data)

    def function_reset(self):
        """FLR as a guest does it, and what it restores afterwards."""
        control = self.client.config(DEVICE_CONTROL, 2)
        self.client.set_config(DEVICE_CONTROL, control | 0x8000, 2)
        self.power_on()

    def close(self):
        self.client.close()
        self.ram.close()


class Offset:
    """Guest memory by bus address."""

    def __init__(self, memory):
        self.inner = memory

    def read(self, address, count):
        return self.inner.read(address - RAM, count)

    def write(self, address, data):
        if address < RAM:
            raise KeyError(address)
        self.inner.write(address - RAM, data)
