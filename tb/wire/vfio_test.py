# SPDX-License-Identifier: Apache-2.0
"""`lightcard serve` from the other end of the wire: what QEMU does, and what a driver does.

    vfio_test.py LIGHTCARD [unittest arguments]
"""
import errno
import gzip
import json
import os
import random
import signal
import stat
import struct
import time
import unittest

import vfio_client as wire
from card_client import (CC, COMMAND, CSTS, DEVICE_CONTROL, ERR_STATUS, LIVENESS, MAGIC, MAGIC_VALUE, OP_COPY, OP_MVM,
                         OP_PROGRAM, RAM, RESET_CAUSE, RESET_COUNT, SC_HOST_BUS, TIME_NS, WEIGHT_GEN, Card, dram, sqe, sram)
from served import LIGHTCARD, Served
from vfio_client import (ACTION_TRIGGER, BAR0, BAR2, BAR4, CONFIG, DATA_BOOL, DATA_EVENTFD, DATA_NONE, MSIX, Client, Gone,
                         Memory, Server, eventfd, wait_eventfd)

EXPECTED_REGIONS = {0: 64 << 10, 2: 16 << 30, 4: 16 << 10, 7: 4096}


class StartUp(Served):
    def test_version(self):
        client = self.client(version=False)
        numbers, said = client.version()
        self.assertEqual(numbers, (0, 0))
        self.assertEqual(said, {"capabilities": {"max_msg_fds": 8, "max_data_xfer_size": 1 << 20, "write_multiple": True}})

    def test_version_answer_fits_the_request(self):
        for offer in ({"capabilities": {}}, {}, {"capabilities": {"max_msg_fds": 1, "some_later_key": [1, {"a": 2}]}}, None):
            with self.subTest(offer=offer):
                client = self.client(version=False)
                text = b"" if offer is None else json.dumps(offer).encode() + b"\0"
                answer = client.request(wire.VERSION, bytes(4) + text)
                self.assertLessEqual(len(answer), 4 + max(len(text), 3))
                client.close()

    def test_device_regions_and_interrupts(self):
        client = self.client()
        self.assertEqual(client.info(), (16, 3, 9, 5))
        for index in range(9):
            size = EXPECTED_REGIONS.get(index, 0)
            self.assertEqual(client.region_info(index), (32, 3 if size else 0, index, 0, size, 0))
        self.assertEqual([client.irq_info(i) for i in range(5)],
                         [(16, 0, 0, 0), (16, 0, 1, 0), (16, 1, 2, 32), (16, 0, 3, 0), (16, 0, 4, 0)])

    def test_sizing_leaves_the_card_where_it_is(self):
        card = self.card(bring_up=False)
        card.start_up()
        self.assertEqual(card.client.reg(MAGIC), MAGIC_VALUE)
        for bar, size in ((0, 64 << 10), (2, 16 << 30), (4, 16 << 10)):
            card.client.set_config(0x10 + 4 * bar, 0xffffffff)
            card.client.set_config(0x14 + 4 * bar, 0xffffffff)
            mask = card.client.config(0x10 + 4 * bar, 4) & ~0xf | card.client.config(0x14 + 4 * bar) << 32
            self.assertEqual((1 << 64) - mask, size)
            self.assertEqual(card.client.reg(MAGIC), MAGIC_VALUE)
        card.client.write(CONFIG, 0x10, (0xfebc0000).to_bytes(4, "little"))
        self.assertEqual(card.client.config(0x10), 0xfebc0004)

    def test_registers_answer_only_with_memory_space_on(self):
        client = self.client()
        client.reset()
        self.assertEqual(client.reg(MAGIC), 0xffffffff)
        client.set_config(COMMAND, 2, 2)
        self.assertEqual(client.reg(MAGIC), MAGIC_VALUE)
        client.set_config(0x44, 3, 2)  # D3hot
        self.assertEqual((client.reg(MAGIC), client.reg(CSTS)), (0xffffffff, 0xffffffff))
        client.set_config(0x44, 0, 2)
        self.assertEqual(client.reg(MAGIC), MAGIC_VALUE)

    def test_config_bytes_one_by_one_and_all_at_once(self):
        client = self.client()
        client.reset()
        everything = client.read(CONFIG, 0, 4096)
        self.assertEqual(b"".join(client.read(CONFIG, at, 1) for at in range(0, 0x180)), everything[:0x180])
        self.assertEqual(everything[:4], bytes.fromhex("9b1d2801"))
        self.assertEqual(everything[8:12], bytes.fromhex("01000012"))

    def test_posted_writes_come_before_the_read_behind_them(self):
        client = self.client()
        client.reset()
        client.set_config(COMMAND, 2, 2)
        for i in range(300):
            client.set_reg(LIVENESS, i)
            self.assertEqual(client.reg(LIVENESS), ~i & 0xffffffff)

    def test_write_multi(self):
        client = self.client()
        client.reset()
        client.set_config(COMMAND, 2, 2)
        client.write_multi([(BAR0, LIVENESS, struct.pack("<I", i)) for i in range(50)])
        self.assertEqual(client.reg(LIVENESS), ~49 & 0xffffffff)
        # One wrong write: none of them.
        client.write_multi([(BAR0, LIVENESS, struct.pack("<I", 7)), (BAR0, 1 << 20, b"1234")])
        self.assertEqual(client.reg(LIVENESS), ~49 & 0xffffffff)

    def test_card_memory_window(self):
        client = self.client()
        client.reset()
        client.set_config(COMMAND, 2, 2)
        data = os.urandom(5000)
        client.write(BAR2, 0x123456, data)
        self.assertEqual(client.read(BAR2, 0x123456, 5000), data)

    def test_msix_table_is_the_clients(self):
        client = self.client()
        client.reset()
        client.write(BAR4, 16, b"0123456789abcdef")
        client.write(BAR4, 0x2000, b"\xff" * 8)
        self.assertEqual(client.read(BAR4, 16, 16), b"0123456789abcdef")
        self.assertEqual(client.read(BAR4, 0x2000, 8), bytes(8))

    def test_wall_time_passes_while_idle(self):
        client = self.client()
        client.reset()
        client.set_config(COMMAND, 2, 2)
        first = client.reg(TIME_NS, 8), time.monotonic()
        time.sleep(0.3)
        second = client.reg(TIME_NS, 8), time.monotonic()
        passed = (second[0] - first[0]) * 1e-9
        self.assertAlmostEqual(passed, second[1] - first[1], delta=0.05)


class FreePace(Served):
    arguments = ("--pace", "free")

    def test_idle_time_stands_still(self):
        client = self.client()
        client.set_config(COMMAND, 2, 2)
        first = client.reg(TIME_NS, 8)
        time.sleep(0.2)
        self.assertLess(client.reg(TIME_NS, 8) - first, 10_000)


class Identity(Served):
    """The PCI identity is a placeholder: another is a matter of configuration."""
    arguments = ("--set", "card.link.vendor_id=0x1234", "--set", "card.link.device_id=0x5678")

    def test_vendor_and_device(self):
        client = self.client()
        self.assertEqual(client.config(0x00), 0x56781234)
        self.assertEqual(client.config(0x2c), 0x56781234, "subsystem")


class Commands(Served):
    def test_identify_copy_and_interrupts(self):
        card = self.card()
        self.assertEqual(card.identify()[:6], (MAGIC_VALUE, 1, 128, 4, 1, 2))
        self.assertTrue(card.works())
        wait_eventfd(card.vectors[1], 0)
        card.queue.submit(sqe(OP_COPY, src=RAM, dst=dram(0), length=64))
        self.assertEqual(wait_eventfd(card.vectors[1]), 1)
        self.assertIsNotNone(card.queue.poll())
        self.assertEqual(wait_eventfd(card.vectors[2], 0), 0)

    def test_memory_that_could_shrink(self):
        card = self.card(sealed=False)
        self.assertTrue(card.works())
        os.ftruncate(card.ram.fd, 0x20000)  # under the card's feet
        self.assertEqual(card.copy(dram(0), RAM + 0x10000, 4096)[0], 0)
        self.assertEqual(card.copy(dram(0), RAM + 0x30000, 4096)[0], SC_HOST_BUS)
        self.assertEqual(card.copy(RAM + 0x30000, dram(0), 4096)[0], SC_HOST_BUS)
        self.assertEqual(os.fstat(card.ram.fd).st_size, 0x20000)

    def test_by_message(self):
        card = self.card(by_message=True)
        self.assertTrue(card.works(length=30_000))
        self.assertTrue(card.client.dma_messages)
        self.assertEqual(card.copy(dram(0), RAM + card.ram.size - 100, 200)[0], SC_HOST_BUS)

    def test_many_commands_at_once(self):
        card = self.card()
        for burst in range(40):
            cids = [card.queue.submit(sqe(OP_COPY, src=RAM + 64 * i, dst=dram(64 * i), length=64), ring=False)
                    for i in range(15)]
            card.queue.ring()
            self.assertEqual(sorted(card.queue.wait()[0] for _ in cids), sorted(cids), burst)

    def test_one_tile(self):
        """A product with weights in PCM, exact in `ideal`, checked against integers; the weights outlive the client."""
        card = self.card()
        rows, cols, vectors = 96, 40, 5
        draw = random.Random(3)
        weights = [[draw.randint(-127, 127) for _ in range(rows)] for _ in range(cols)]
        inputs = [[draw.randint(0, 255) for _ in range(rows)] for _ in range(vectors)]
        card.memory.write(RAM + 0x10000, b"".join(struct.pack(f"<{rows}b", *row) for row in weights))
        card.memory.write(RAM + 0x20000, bytes(4 * cols))
        card.memory.write(RAM + 0x30000, b"".join(bytes(vector) for vector in inputs))
        for dst, src, length in ((dram(0x100000), RAM + 0x10000, rows * cols), (dram(0x200000), RAM + 0x20000, 4 * cols),
                                 (sram(0), RAM + 0x30000, rows * vectors)):
            self.assertEqual(card.copy(dst, src, length)[0], 0)
        card.memory.write(RAM + 0x40000, struct.pack("<HHHHIIQQ", 0, 0, rows, cols, rows, 0, dram(0x100000),
                                                     dram(0x200000)).ljust(192, b"\0"))
        before = card.client.reg(WEIGHT_GEN, 8)
        self.assertEqual(card.queue.run(sqe(OP_PROGRAM, src=RAM + 0x40000, length=192, weight_id=42))[0], 0)
        self.assertEqual(card.client.reg(WEIGHT_GEN, 8), before + 1)

        operation = struct.pack("<4H4BIQ", 0, 0, rows, cols, 3, 0, 2, 0, 0, 1)
        operation += struct.pack("<Q6IQ2I6H2h", sram(0), 1, 1, vectors, rows, 1, vectors, rows * vectors, rows * vectors, rows,
                                 1, 1, 1, 1, 1, 1, 0, 0)
        operation += struct.pack("<QQII", sram(0x100000), 0, 0, 4 * cols)
        operation += struct.pack("<QQiii", sram(0x200000), 0, -2**31, 2**31 - 1, 0)
        expected = [[sum(w * x for w, x in zip(column, vector)) for column in weights] for vector in inputs]

        def product(which):
            which.memory.write(RAM + 0x40000, operation.ljust(192, b"\0"))
            self.assertEqual(which.queue.run(sqe(OP_MVM, src=RAM + 0x40000, length=192, weight_id=42))[0], 0)
            self.assertEqual(which.copy(RAM + 0x50000, sram(0x100000), 4 * cols * vectors)[0], 0)
            sums = struct.unpack(f"<{cols * vectors}i", which.memory.read(RAM + 0x50000, 4 * cols * vectors))
            self.assertEqual([list(sums[i * cols:(i + 1) * cols]) for i in range(vectors)], expected)

        product(card)
        card.close()
        after = self.card()
        self.assertEqual(after.client.reg(WEIGHT_GEN, 8), before + 1)
        after.memory.write(RAM + 0x30000, b"".join(bytes(vector) for vector in inputs))
        self.assertEqual(after.copy(sram(0), RAM + 0x30000, rows * vectors)[0], 0)
        product(after)

    def test_dma_stays_inside_its_map(self):
        card = self.card()
        card.client.dma_map(RAM + card.ram.size + 4096, 4096, card.ram.fd, 0x20000, wire.READ)
        end = RAM + card.ram.size
        for address, length in ((end - 100, 200), (end, 64), (RAM - 64, 64), (2**56 - 64, 64)):
            self.assertEqual(card.copy(dram(0), address, length)[0], SC_HOST_BUS, hex(address))
        self.assertEqual(card.copy(dram(0), end + 4096, 4096)[0], 0)
        before = card.memory.read(RAM + 0x20000, 4096)
        self.assertEqual(card.copy(end + 4096, dram(0x9000), 4096)[0], SC_HOST_BUS, "a read-only map")
        self.assertEqual(card.memory.read(RAM + 0x20000, 4096), before)
        self.assertTrue(card.works())

    def test_descriptor_across_two_maps(self):
        card = self.card()
        other = Memory(0x10000)
        self.addCleanup(other.close)
        end = RAM + card.ram.size
        card.client.dma_map(end, 0x10000, other.fd)
        data = os.urandom(4096)
        card.memory.write(end - 1000, data[:1000])
        other.write(0, data[1000:])
        self.assertEqual(card.copy(dram(0), end - 1000, 4096)[0], 0)
        self.assertEqual(card.copy(RAM + 0x10000, dram(0), 4096)[0], 0)
        self.assertEqual(card.memory.read(RAM + 0x10000, 4096), data)


class Interrupts(Served):
    def test_assign_and_drop(self):
        client = self.client()
        fds = [eventfd() for _ in range(32)]
        for start in range(0, 32, 8):
            client.set_irqs(DATA_EVENTFD | ACTION_TRIGGER, start, 8, fds[start:start + 8])
        client.set_irqs(DATA_NONE | ACTION_TRIGGER, 3, 2)
        self.assertEqual([wait_eventfd(fd, 0) for fd in fds], [1 if 3 <= i < 5 else 0 for i in range(32)])
        client.set_irqs(DATA_BOOL | ACTION_TRIGGER, 0, 3, data=b"\1\0\1")
        self.assertEqual([wait_eventfd(fd, 0) for fd in fds[:3]], [1, 0, 1])
        client.set_irqs(DATA_EVENTFD | ACTION_TRIGGER, 4, 1)  # no descriptor: taken away
        client.set_irqs(DATA_NONE | ACTION_TRIGGER, 0, 32)
        self.assertEqual([wait_eventfd(fd, 0) for fd in fds], [0 if i == 4 else 1 for i in range(32)])
        client.set_irqs(DATA_NONE | ACTION_TRIGGER, 0, 0)  # all of them
        client.set_irqs(DATA_NONE | ACTION_TRIGGER, 0, 32)
        self.assertEqual([wait_eventfd(fd, 0) for fd in fds], [0] * 32)

    def test_refusals(self):
        client = self.client()
        fd = eventfd()
        for flags, start, count, fds, index, data in (
                (DATA_EVENTFD | ACTION_TRIGGER, 32, 1, (fd,), MSIX, b""),
                (DATA_EVENTFD | ACTION_TRIGGER, 31, 2, (fd, fd), MSIX, b""),
                (DATA_EVENTFD | ACTION_TRIGGER, 0, 2, (fd,), MSIX, b""),
                (DATA_EVENTFD | ACTION_TRIGGER, 0xffffffff, 2, (fd, fd), MSIX, b""),
                (DATA_EVENTFD | ACTION_TRIGGER, 0, 0, (), MSIX, b""),
                (DATA_EVENTFD | ACTION_TRIGGER, 0, 1, (fd,), 0, b""),
                (DATA_EVENTFD | ACTION_TRIGGER, 0, 1, (fd,), 5, b""),
                (DATA_EVENTFD | DATA_BOOL | ACTION_TRIGGER, 0, 1, (fd,), MSIX, b""),
                (DATA_EVENTFD, 0, 1, (fd,), MSIX, b""),
                (DATA_NONE | ACTION_TRIGGER, 0, 1, (fd,), MSIX, b""),
                (DATA_BOOL | ACTION_TRIGGER, 0, 4, (), MSIX, b"\1\1"),
                (DATA_EVENTFD | ACTION_TRIGGER, 0, 1, (0,), MSIX, b""),  # not an eventfd
                (0x1000 | DATA_NONE | ACTION_TRIGGER, 0, 0, (), MSIX, b"")):
            with self.subTest(flags=flags, start=start, count=count, index=index):
                self.assert_refused(errno.EINVAL, client.set_irqs, flags, start, count, fds, index, data)
        self.assert_refused(errno.ENOTSUP, client.set_irqs, DATA_NONE | 8, 0, 1)

    def test_full_counter_does_not_stop_the_card(self):
        card = self.card()
        os.eventfd_write(card.vectors[1], 2**64 - 2)
        for _ in range(3):
            card.queue.submit(sqe(OP_COPY, src=RAM, dst=dram(0), length=64))
        self.assertEqual(sum(card.queue.wait() is not None for _ in range(3)), 3)


class Maps(Served):
    def test_unmap_is_the_end(self):
        """After the answer to DMA_UNMAP not one byte moves, copy under way or not."""
        card = self.card(megabytes=64)
        window, size = RAM + (32 << 20), 16 << 20
        for attempt in range(5):
            card.queue.submit(sqe(OP_COPY, src=dram(0), dst=window, length=size))
            card.ram.bytes[32 << 20:48 << 20] = b"\xa5" * size
            card.client.dma_unmap(RAM, card.ram.size)
            before = bytes(card.ram.bytes)
            time.sleep(0.05)
            self.assertEqual(bytes(card.ram.bytes), before, attempt)
            card.client.dma_map(RAM, card.ram.size, card.ram.fd)
            card.function_reset()
            card.enable()
        self.assertTrue(card.works())

    def test_unmap_ends_messages_under_way(self):
        card = self.card(by_message=True)
        card.client.dma = None  # from now on nobody answers
        card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + 0x10000, length=64))
        time.sleep(0.1)
        start = time.monotonic()
        card.client.dma_unmap(RAM, card.ram.size)
        self.assertLess(time.monotonic() - start, 1)

    def test_rules(self):
        client = self.client()
        memory = Memory(0x10000)
        self.addCleanup(memory.close)
        client.dma_map(0x100000, 0x4000, memory.fd, 0x1000)
        client.dma_map(0x104000, 0x1000)
        for iova, size, fd, offset, number in ((0x100000, 0x1000, memory.fd, 0, errno.EEXIST),
                                               (0x0ff000, 0x1001, memory.fd, 0, errno.EEXIST),
                                               (0x0ff000, 0x10000, None, 0, errno.EEXIST),
                                               (0x200000, 0x10001, memory.fd, 0, errno.EINVAL),
                                               (0x200000, 0x1000, memory.fd, 0xf001, errno.EINVAL),
                                               (0x200000, 0x1000, memory.fd, 2**64 - 1, errno.EINVAL),
                                               (0x200000, 0, memory.fd, 0, errno.EINVAL),
                                               (2**64 - 0x1000, 0x1001, None, 0, errno.EINVAL)):
            with self.subTest(iova=iova, size=size, offset=offset):
                self.assert_refused(number, client.dma_map, iova, size, fd, offset)
        self.assert_refused(errno.EINVAL, client.dma_unmap, 0x100000, 0x1000)
        self.assert_refused(errno.EINVAL, client.dma_unmap, 0x101000, 0x4000)
        self.assert_refused(errno.EINVAL, client.dma_unmap, 0x100000, 0)
        self.assert_refused(errno.EINVAL, client.dma_unmap, 1, 2**64 - 1 , 4)
        self.assert_refused(errno.ENOTSUP, client.dma_unmap, 0x100000, 0x4000, 1)
        client.dma_unmap(0x0, 0x8000_0000)  # more than there is
        client.dma_unmap(0x0, 0x8000_0000)  # and nothing at all
        client.dma_map(2**64 - 0x1000, 0x1000)
        client.dma_unmap(0, 0, 2)
        self.assert_refused(errno.EINVAL, client.dma_unmap, 0, 1, 2)

    def test_wrong_descriptors(self):
        client = self.client()
        read_only = os.open("/proc/self/exe", os.O_RDONLY)
        pipe = os.pipe()
        self.addCleanup(lambda: [os.close(fd) for fd in (read_only, *pipe)])
        self.assert_refused(errno.EINVAL, client.dma_map, 0, 0x1000, pipe[0])
        self.assert_refused(errno.EACCES, client.dma_map, 0, 0x1000, read_only)
        client.dma_map(0, 0x1000, read_only, 0, wire.READ)

    def test_page_by_page(self):
        """As with a virtual IOMMU: thousands of maps into one file, none beside its neighbour. One that goes fails alone."""
        card = self.card(megabytes=48)
        base, count, first = 0x40_0000_0000, 8192, 0x10_0000
        pages = list(range(count))
        random.Random(1).shuffle(pages)
        for begin in range(0, count, 256):
            numbers = [card.client.send(wire.DMA_MAP, struct.pack("<IIQQQ", 32, 3, first + 4096 * pages[i], base + 4096 * i, 4096),
                                        0, (card.ram.fd,)) for i in range(begin, begin + 256)]
            for number in numbers:
                card.client.reply_to(number)
        data = os.urandom(1 << 20)
        for offset in range(0, count * 4096, len(data)):
            card.client.write(BAR2, offset, data[offset >> 20:] + data[:offset >> 20])
        self.assertEqual(card.copy(base, dram(0), count * 4096)[0], 0)
        for i, page in enumerate(pages):
            turn, at = i * 4096 >> 20, i * 4096 & 0xf_ffff
            wanted = (data[turn:] + data[:turn])[at:at + 4096]
            self.assertEqual(card.memory.read(RAM + first + 4096 * page, 4096), wanted, i)
        card.client.dma_unmap(base + 4096 * 5000, 4096)
        self.assertEqual(card.copy(base + 4096 * 5000, dram(0), 4096)[0], SC_HOST_BUS)
        for neighbour in (4999, 5001):
            self.assertEqual(card.copy(base + 4096 * neighbour, dram(0), 4096)[0], 0)
        card.client.dma_unmap(base, count * 4096)
        self.assertEqual(card.copy(base, dram(0), 4096)[0], SC_HOST_BUS)
        self.assertTrue(card.works())


class Resets(Served):
    def test_function_reset_in_mid_transfer(self):
        card = self.card(megabytes=64)
        for attempt in range(10):
            count = card.client.reg(RESET_COUNT)
            card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + (32 << 20), length=16 << 20))
            if attempt % 2:
                time.sleep(0.002 * attempt)
            card.function_reset()
            self.assertEqual(card.client.reg(RESET_COUNT), count + 1)
            self.assertEqual((card.client.reg(RESET_CAUSE), card.client.reg(CSTS) & 1), (2, 0))
            self.assertEqual(card.client.config(DEVICE_CONTROL, 4) & 0x0020_8000, 0)
            card.enable()
            self.assertTrue(card.works(), attempt)

    def test_function_reset_takes_what_it_should(self):
        card = self.card()
        client = card.client
        client.set_config(0x3c, 0x0b, 1)
        client.set_config(DEVICE_CONTROL, client.config(DEVICE_CONTROL, 2) | 0x8000, 2)
        self.assertEqual(client.reg(MAGIC), 0xffffffff, "memory space is off")
        self.assertEqual((client.config(COMMAND, 2), client.config(0x3c, 1), client.config(0x52, 2)), (0, 0, 0x001f))
        card.power_on()
        self.assertEqual(client.reg(CC), 0)

    def test_device_reset_is_the_same(self):
        card = self.card()
        count = card.client.reg(RESET_COUNT)
        card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + 0x10000, length=1 << 20))
        card.client.reset()
        self.assertEqual(card.client.config(COMMAND, 2), 0)
        card.power_on()
        self.assertEqual(card.client.reg(RESET_COUNT), count + 1)
        card.enable()
        self.assertTrue(card.works())

    def test_reset_while_a_message_is_under_way(self):
        card = self.card(by_message=True)
        card.client.dma = None
        card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + 0x10000, length=64))
        time.sleep(0.1)
        start = time.monotonic()
        card.function_reset()
        self.assertLess(time.monotonic() - start, 1)
        card.client.dma = card.memory
        card.enable()
        self.assertTrue(card.works(length=5000))

    def test_bus_mastering_off(self):
        card = self.card()
        card.client.set_config(COMMAND, 0x0402, 2)
        card.memory.write(card.queue.cq, bytes(16))
        card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + 0x10000, length=64))
        time.sleep(0.1)
        self.assertIsNone(card.queue.poll())
        self.assertNotEqual(card.client.reg(ERR_STATUS), 0)


class Life(Served):
    def test_client_dies_at_any_point(self):
        """And the card is ready for the next one, with nothing of the last one's left."""
        descriptors = None
        for how in range(12):
            card = Card(self.server.path, by_message=how % 3 == 1, bring_up=how > 1)
            if how > 1:
                card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + (1 << 20), length=1 << 20))
            if how % 2:
                card.client.send_raw(b"\1\0\11\0\xff\xff")  # half a header
            card.close()
            probe = self.client()
            probe.info()
            now = len(os.listdir(f"/proc/{self.server.process.pid}/fd"))
            descriptors = descriptors or now
            self.assertEqual(now, descriptors)
            probe.close()
        self.assertTrue(self.card().works())

    def test_second_client_is_told_so(self):
        first = self.client()
        second = Client(self.server.path)
        self.assert_refused(errno.EBUSY, second.version)
        with self.assertRaises(Gone):
            second.receive()
        second.close()
        silent = [Client(self.server.path) for _ in range(20)]  # say nothing, cost nothing
        self.assertEqual(first.info(), (16, 3, 9, 5))
        for client in silent:
            client.close()
        first.close()
        self.assertEqual(self.client().info(), (16, 3, 9, 5))

    def test_socket_is_for_this_user_only(self):
        status = os.stat(self.server.path)
        self.assertTrue(stat.S_ISSOCK(status.st_mode))
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)

    def test_two_servers(self):
        other = Server(LIGHTCARD, "--set", "run.fidelity=ideal")
        mine, its = self.card(), Card(other.path)
        try:
            data = os.urandom(4096), os.urandom(4096)
            mine.client.write(BAR2, 0, data[0])
            its.client.write(BAR2, 0, data[1])
            self.assertEqual((mine.client.read(BAR2, 0, 4096), its.client.read(BAR2, 0, 4096)), data)
            self.assertTrue(mine.works() and its.works())
            mine.function_reset()
            self.assertTrue(its.works())
        finally:
            its.close()
            self.assertEqual(other.stop(), 0)


class Recorded(Served):
    """What a real client said, said again: every answer is the same, bit for bit. Made with record.py."""
    arguments = ()

    def replay(self, name):
        memory = Memory(512 << 20)
        event = eventfd()
        self.addCleanup(memory.close)
        self.addCleanup(os.close, event)
        client = self.client(version=False)
        with gzip.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", name), "rt") as file:
            for number, line in enumerate(file, 1):
                who, descriptors, text = line.split()
                expected = bytes.fromhex(text)
                if who == "C":
                    client.send_raw(expected, [{"m": memory.fd, "e": event}[kind] for kind in descriptors.strip("-")])
                else:
                    self.assertEqual(client.receive_exactly(len(expected)).hex(), text, f"{name}:{number}")
        client.close()
        return number

    def test_linux_boots_in_qemu(self):
        for _ in range(3):  # and a client leaves no trace that the next one could see
            self.assertGreater(self.replay("qemu-11.1-linux-6.12.txt.gz"), 2000)


class Lifetime(unittest.TestCase):
    def test_paths(self):
        server = Server(LIGHTCARD)
        with self.assertRaisesRegex(RuntimeError, "another server listens here"):
            Server(LIGHTCARD, path=server.path)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        self.assertTrue(os.path.exists(server.path), "left behind")
        again = Server(LIGHTCARD, path=server.path)
        client = Client(server.path)
        self.assertEqual(client.version()[0], (0, 0))
        client.close()
        self.assertEqual(again.stop(), 0)
        self.assertFalse(os.path.exists(server.path))
        with open(server.path, "w", encoding="utf-8") as file:
            file.write("keep me")
        with self.assertRaisesRegex(RuntimeError, "is no socket"):
            Server(LIGHTCARD, path=server.path)
        self.assertTrue(os.path.isfile(server.path))
        with self.assertRaisesRegex(RuntimeError, "not a usable socket path"):
            Server(LIGHTCARD, path=server.path + "x" * 200)
        server.stop()

    def test_ends_with_a_client_in_mid_command(self):
        server = Server(LIGHTCARD)
        card = Card(server.path)
        card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + (1 << 20), length=1 << 20))
        self.assertEqual(server.stop(), 0)
        with self.assertRaises((Gone, BrokenPipeError)):
            card.client.info()
            card.client.info()
        card.close()


if __name__ == "__main__":
    unittest.main()
