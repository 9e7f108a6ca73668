# SPDX-License-Identifier: Apache-2.0
"""`lightcard serve` and clients that get it wrong: an errno for every message, and the card still works.

    vfio_malformed_test.py LIGHTCARD [unittest arguments]
"""
import errno
import os
import random
import struct
import time
import unittest

import vfio_client as wire
from card_client import ERR_STATUS, OP_COPY, RAM, dram, sqe
from served import Served
from vfio_client import Gone


class Malformed(Served):
    """Every way to get a message wrong: an errno, and the conversation goes on."""

    def test_each_command(self):
        client = self.client()
        access = struct.Struct("<QII")
        wrong = {
            "VERSION again": (wire.VERSION, bytes(4)),
            "GET_INFO short": (wire.GET_INFO, bytes(15)),
            "GET_INFO argsz": (wire.GET_INFO, struct.pack("<IIII", 15, 0, 0, 0)),
            "REGION_INFO index": (wire.GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, 9, 0, 0, 0)),
            "REGION_INFO short": (wire.GET_REGION_INFO, bytes(31)),
            "REGION_INFO argsz": (wire.GET_REGION_INFO, struct.pack("<IIIIQQ", 31, 0, 0, 0, 0, 0)),
            "IRQ_INFO index": (wire.GET_IRQ_INFO, struct.pack("<IIII", 16, 0, 5, 0)),
            "DMA_MAP short": (wire.DMA_MAP, bytes(31)),
            "DMA_MAP argsz": (wire.DMA_MAP, struct.pack("<IIQQQ", 31, 3, 0, 0, 4096)),
            "DMA_UNMAP long": (wire.DMA_UNMAP, bytes(25)),
            "SET_IRQS short": (wire.SET_IRQS, bytes(19)),
            "READ no region": (wire.REGION_READ, access.pack(0, 9, 4)),
            "READ absent region": (wire.REGION_READ, access.pack(0, 1, 4)),
            "READ nothing": (wire.REGION_READ, access.pack(0, 0, 0)),
            "READ too much": (wire.REGION_READ, access.pack(0, 2, (1 << 20) + 1)),
            "READ beyond": (wire.REGION_READ, access.pack((64 << 10) - 3, 0, 4)),
            "READ wraps": (wire.REGION_READ, access.pack(2**64 - 2, 0, 4)),
            "READ tail": (wire.REGION_READ, access.pack(0, 0, 4) + b"x"),
            "WRITE short": (wire.REGION_WRITE, access.pack(0x18, 0, 4) + b"123"),
            "WRITE long": (wire.REGION_WRITE, access.pack(0x18, 0, 4) + b"12345"),
            "WRITE beyond": (wire.REGION_WRITE, access.pack(4094, 7, 4) + b"1234"),
            "MULTI count": (wire.WRITE_MULTI, struct.pack("<Q", 2**61)),
            "MULTI zero": (wire.WRITE_MULTI, struct.pack("<Q", 0)),
            "MULTI width": (wire.WRITE_MULTI, struct.pack("<QQII8s", 1, 0x18, 0, 9, b"")),
            "RESET body": (wire.RESET, b"1"),
        }
        for name, (command, body) in wrong.items():
            with self.subTest(name):
                self.assert_refused(errno.EINVAL, client.request, command, body)
        for command in (0, wire.GET_REGION_IO_FDS, wire.DMA_READ, wire.DMA_WRITE, 14, 16, 17, 18, 19, 0xffff):
            with self.subTest(command=command):
                self.assert_refused(errno.ENOTSUP, client.request, command, bytes(16))
        self.assertEqual(client.info(), (16, 3, 9, 5))

    def test_descriptors_where_none_belong(self):
        client = self.client()
        fd = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assert_refused(errno.EINVAL, client.request, wire.GET_INFO, struct.pack("<IIII", 16, 0, 0, 0), (fd,))
        self.assert_refused(errno.EINVAL, client.request, wire.DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, 0, 4096), (fd, fd))
        self.assertEqual(client.info(), (16, 3, 9, 5))

    def test_no_reply_means_none(self):
        client = self.client()
        client.send(wire.REGION_WRITE, struct.pack("<QII", 0, 9, 4) + b"1234", wire.NO_REPLY)
        client.send(99, b"", wire.NO_REPLY)
        client.send(wire.DMA_READ, bytes(16), wire.REPLY)  # an answer to nothing
        client.send(wire.GET_INFO, bytes(16), wire.REPLY)
        self.assertEqual(client.info(), (16, 3, 9, 5))

    def test_before_version(self):
        client = self.client(version=False)
        self.assert_refused(errno.EINVAL, client.request, wire.GET_INFO, struct.pack("<IIII", 16, 0, 0, 0))
        for body, number in ((b"\0\0\0", errno.EINVAL), (b"\1\0\0\0", errno.ENOTSUP), (b"\0\0\0\0{}", errno.EINVAL),
                             (b"\0\0\0\0[1]\0", errno.EINVAL), (b"\0\0\0\0{\"a\":\0", errno.EINVAL),
                             (b"\0\0\0\0" + b"[" * 3000 + b"\0", errno.EINVAL), (b"\0\0\0\0" + b" " * 5000 + b"{}\0", errno.EINVAL),
                             (b'\0\0\0\0{"capabilities":{"max_data_xfer_size":1}}\0', errno.EINVAL)):
            self.assert_refused(number, client.request, wire.VERSION, body)
        client.version()
        self.assertEqual(client.info(), (16, 3, 9, 5))

    def test_streams_that_make_no_sense_are_closed(self):
        for header in (wire.HEADER.pack(1, wire.GET_INFO, 15, 0, 0), wire.HEADER.pack(1, wire.GET_INFO, 0, 0, 0),
                       wire.HEADER.pack(1, wire.REGION_WRITE, 0xffffffff, 0, 0), wire.HEADER.pack(1, wire.GET_INFO, 32, 7, 0)):
            client = self.client()
            client.send_raw(header)
            with self.assertRaises(Gone):
                client.receive()
            client.close()
        self.assertEqual(self.client().info(), (16, 3, 9, 5))

    def test_byte_by_byte(self):
        client = self.client()
        message = wire.HEADER.pack(77, wire.GET_INFO, 32, 0, 0) + struct.pack("<IIII", 16, 0, 0, 0)
        for byte in message:
            client.send_raw(bytes([byte]))
            time.sleep(0.001)
        self.assertEqual(client.reply_to(77), struct.pack("<IIII", 16, 3, 9, 5))

    def test_answers_to_dma_that_are_wrong(self):
        card = self.card(by_message=True)
        card.client.dma = None
        for answer in (lambda i, a, n: wire.HEADER.pack(i, wire.DMA_READ, 16, 0x21, errno.EIO),
                       lambda i, a, n: wire.HEADER.pack(i, wire.DMA_READ, 32, 1, 0) + struct.pack("<QQ", a, 0)):
            card.queue.submit(sqe(OP_COPY, src=RAM + 0x10000, dst=dram(0), length=64))
            before = len(card.client.dma_messages)
            while len(card.client.dma_messages) == before:
                card.client.receive()
            # The first message of a command fetches its entry: its failure is an error of the card's, not of the client's.
            card.client.send_raw(answer(card.client.dma_id, *card.client.dma_messages[-1][1:]))
            time.sleep(0.05)
            self.assertNotEqual(card.client.reg(ERR_STATUS), 0)
            card.client.dma = card.memory
            card.function_reset()
            card.enable()
            card.client.dma = None

    def test_random_bytes(self):
        draw = random.Random(11)
        for _ in range(60):
            client = self.client(version=draw.random() < 0.7)
            try:
                for _ in range(draw.randint(1, 20)):
                    body = draw.randbytes(draw.choice((0, 8, 16, 20, 24, 32, 40, 64)))
                    client.send(draw.randint(0, 20), body, draw.choice((0, 0, 0, 0x10, 1, 0x21)))
            except (BrokenPipeError, ConnectionResetError):
                pass
            client.close()
        self.assertTrue(self.card().works())

    def test_random_registers(self):
        """Any register, any width, any value: the card answers, resets and works."""
        card = self.card()
        draw = random.Random(5)
        for _ in range(3000):
            offset = draw.choice((draw.randrange(0, 0x110), draw.randrange(0x1000, 0x1040), draw.randrange(0, 0xffff)))
            width = draw.choice((1, 2, 3, 4, 4, 4, 4, 8, 8))
            if offset + width > 0x10000:
                continue
            if draw.random() < 0.7:
                card.client.set_reg(offset, draw.getrandbits(8 * width), width)
            else:
                card.client.reg(offset, width)
        card.client.reset()
        card.power_on()
        card.enable()
        self.assertTrue(card.works())

    def test_random_config(self):
        card = self.card()
        draw = random.Random(6)
        for _ in range(600):
            width = draw.choice((1, 2, 4))
            card.client.set_config(draw.randrange(0, 0x1a0 - width), draw.getrandbits(8 * width), width)
        card.client.reset()
        card.power_on()
        self.assertEqual(card.client.config(0), 0x01281d9b)
        card.enable()
        self.assertTrue(card.works())


if __name__ == "__main__":
    unittest.main()
