# SPDX-License-Identifier: Apache-2.0
"""`lightcard serve --trace`: what guest and card did, with the card's time and the host's in every record.

    trace_test.py LIGHTCARD [unittest arguments]
"""
import json
import os
import tempfile
import time
import unittest

from card_client import RAM, Card, dram
from served import LIGHTCARD
from vfio_client import Server

PAUSE = 0.3


class Trace(unittest.TestCase):
    def record(self, pace):
        """The records of a session with two copies and a pause in between."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace.json")
            server = Server(LIGHTCARD, "--set", "run.fidelity=ideal", "--pace", pace, "--trace", path)
            try:
                card = Card(server.path)
                self.assertEqual(card.copy(dram(0), RAM + 0x20000, 4096)[0], 0)
                time.sleep(PAUSE)
                self.assertEqual(card.copy(dram(0x1000), RAM + 0x20000, 4096)[0], 0)
                card.close()
            finally:
                self.assertEqual(server.stop(), 0)
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
        names = {event["tid"]: event["args"]["name"] for event in document["traceEvents"] if event["name"] == "thread_name"}
        records = [event for event in document["traceEvents"] if event["ph"] != "M"]
        for record in records:
            record["track"] = names[record["tid"]]
            record["card"] = record["args"]["t0_ps" if record["ph"] == "X" else "t_ps"] * 1e-12
            record["wall"] = record["args"]["wall_ns"] * 1e-9
        return records

    def copies(self, records):
        found = [r for r in records if r["track"] == "control_chip.dma" and r["name"] == "COPY"]
        self.assertEqual(len(found), 2)
        return found

    def test_every_record_has_both_clocks(self):
        records = self.record("wall")
        walls = [record["wall"] for record in records]
        self.assertEqual(walls, sorted(walls), "records are written in the order of the host's clock")
        self.assertGreater(len(records), 20)
        self.assertTrue(any(r["track"] == "host_link" and r["name"] == "MSI-X" for r in records))
        doorbells = [r for r in records if r["track"] == "guest" and r["name"] == "write BAR0 0x1008"]
        self.assertEqual(len(doorbells), 2)
        for doorbell, copy in zip(doorbells, self.copies(records)):
            self.assertLessEqual(doorbell["card"], copy["card"])
            self.assertLess(doorbell["wall"], copy["wall"])

    def test_idle_card_time_follows_the_wall(self):
        first, second = self.copies(self.record("wall"))
        self.assertGreaterEqual(second["wall"] - first["wall"], PAUSE)
        self.assertGreaterEqual(second["card"] - first["card"], PAUSE * 0.9)

    def test_or_stands_still(self):
        first, second = self.copies(self.record("free"))
        self.assertGreaterEqual(second["wall"] - first["wall"], PAUSE)
        self.assertLess(second["card"] - first["card"], PAUSE / 10)

    def test_a_file_that_cannot_be_written(self):
        with self.assertRaisesRegex(RuntimeError, "cannot write"):
            Server(LIGHTCARD, "--trace", "/nonexistent/trace.json")


if __name__ == "__main__":
    unittest.main()
