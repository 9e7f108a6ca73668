# SPDX-License-Identifier: Apache-2.0
"""`lightcard serve --map-bar2`: the client maps card memory, and sees what the card sees.

    window_test.py LIGHTCARD [unittest arguments]
"""
import fcntl
import mmap
import os
import random
import socket
import struct
import unittest

import vfio_client as wire
from card_client import RAM, dram
from controlled import Controlled
from vfio_client import BAR2, HEADER, Memory

MAP, CAPABILITIES = 4, 8
SIZE = 16 << 30
FAR = SIZE - (1 << 20)  # the last MiB


class Window(Controlled):
    more = ("--map-bar2",)

    def region_info(self, client, index, room):
        """Reply and file descriptors of GET_REGION_INFO with room for so many bytes."""
        client.send(wire.GET_REGION_INFO, struct.pack("<IIIIQQ", room, 0, index, 0, 0, 0))
        data, fds, _, _ = socket.recv_fds(client.sock, 16 + 256, 4)
        _, command, size, flags, _ = HEADER.unpack_from(data)
        self.assertEqual((command, size, flags), (wire.GET_REGION_INFO, len(data), wire.REPLY))
        return data[16:], fds

    def mapped(self, client):
        data, fds = self.region_info(client, BAR2, 64)
        self.assertEqual(struct.unpack("<IIIIQQ", data[:32]), (64, 3 | MAP | CAPABILITIES, BAR2, 32, SIZE, 0))
        self.assertEqual(struct.unpack("<HHIIIQQ", data[32:]), (1, 1, 0, 1, 0, 0, SIZE))
        self.assertEqual(len(fds), 1)
        self.addCleanup(os.close, fds[0])
        memory = mmap.mmap(fds[0], SIZE)
        self.addCleanup(memory.close)
        return memory, fds[0]

    def test_the_client_is_told_first_how_much_room_the_answer_needs(self):
        client = self.client()
        data, fds = self.region_info(client, BAR2, 32)
        self.assertEqual(struct.unpack("<IIIIQQ", data), (64, 3 | MAP, BAR2, 0, SIZE, 0))
        self.assertEqual(fds, [])
        for index in (0, 4, 7):
            data, fds = self.region_info(client, index, 64)
            self.assertEqual(struct.unpack("<IIII", data[:16]), (32, 3, index, 0), "only BAR2 can be mapped")
            self.assertEqual(fds, [])

    def test_nobody_can_cut_it_short(self):
        _, fd = self.mapped(self.client())
        self.assertEqual(fcntl.fcntl(fd, 1034) & Memory.SEALS, Memory.SEALS)
        for size in (0, SIZE + 4096):
            with self.assertRaises(PermissionError):
                os.ftruncate(fd, size)

    def test_both_see_the_same_bytes(self):
        card = self.card()
        memory, _ = self.mapped(card.client)
        noise = random.Random(1)
        for at in (0, 0x12345, FAR):
            out = noise.randbytes(5000)
            memory[at:at + len(out)] = out
            self.assertEqual(card.client.read(BAR2, at, len(out)), out, "by message")
            self.assertEqual(card.copy(RAM + 0x20000, dram(at), len(out))[0], 0)
            self.assertEqual(card.memory.read(RAM + 0x20000, len(out)), out, "by DMA of the card")
            back = noise.randbytes(5000)
            card.memory.write(RAM + 0x20000, back)
            self.assertEqual(card.copy(dram(at), RAM + 0x20000, len(back))[0], 0)
            self.assertEqual(memory[at:at + len(back)], back)
            card.client.write(BAR2, at, b"posted", posted=True)
            card.client.reg(0)
            self.assertEqual(card.client.read(BAR2, at, 6), b"posted")
            self.assertEqual(memory[at:at + 6], b"posted")

    def test_resets_keep_it_and_power_on_clears_it(self):
        card = self.card()
        memory, _ = self.mapped(card.client)
        memory[100:104], memory[FAR:FAR + 4] = b"kept", b"here"
        card.client.reset()
        self.assertEqual((memory[100:104], memory[FAR:FAR + 4]), (b"kept", b"here"))
        self.control().ask("reset", kind="cold")
        self.assertEqual((memory[100:104], memory[FAR:FAR + 4]), (bytes(4), bytes(4)))

    def test_it_is_part_of_a_saved_card(self):
        client = self.client()
        memory, _ = self.mapped(client)
        memory[70000:70005], memory[FAR:FAR + 5] = b"saved", b"there"
        start = memory[0:5]
        path = os.path.join(self.folder.name, "state")
        self.control().ask("save", path=path)
        self.assertLess(os.path.getsize(path), 32 << 20, "pages that nobody wrote cost nothing")
        memory[70000:70005], memory[0:5] = b"other", b"later"
        self.control().ask("restore", path=path)
        self.assertEqual((memory[70000:70005], memory[FAR:FAR + 5], memory[0:5]), (b"saved", b"there", start))

    def test_the_next_client_finds_what_the_last_one_wrote(self):
        first = self.client()
        memory, _ = self.mapped(first)
        memory[5:9] = b"next"
        first.close()
        memory, _ = self.mapped(self.client())
        self.assertEqual(memory[5:9], b"next")


if __name__ == "__main__":
    unittest.main()
