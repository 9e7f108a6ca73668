# SPDX-License-Identifier: Apache-2.0
"""The control socket of `lightcard serve`, and what a client of the card sees of it.

    control_test.py LIGHTCARD [unittest arguments]
"""
import json
import os
import random
import stat
import subprocess
import tempfile
import time
import unittest

from card_client import (CSTS, LIVENESS, MAGIC, MAGIC_VALUE, OP_COPY, RAM, RESET_CAUSE, RESET_COUNT, TIME_NS, Card, dram, sqe)
from controlled import Controlled
from served import LIGHTCARD
from vfio_client import Server

HEARTBEAT, LAGGING = 0xd0, 1 << 6


class Look(Controlled):
    def test_status_and_sensors(self):
        control = self.control()
        status = control.ask("status")
        self.assertEqual((status["card"], status["paused"], status["active_faults"]), ("lc128", False, 0))
        names = {sensor["name"]: sensor for sensor in control.ask("sensors")["sensors"]}
        self.assertEqual(names["link_lanes"]["value"], 16)
        self.assertEqual(names["energy"]["unit"], "uJ")
        self.assertIn("lag", names)
        self.assertEqual(control.ask("registers")["registers"]["MAGIC"], f"0x{MAGIC_VALUE:08x}")

    def test_dump_has_it_all(self):
        card = self.card()
        self.assertTrue(card.works())
        dump = self.control().ask("dump")
        for part in ("status", "registers", "sensors", "faults", "events", "errors", "weights", "wear", "calibration",
                     "diagnostics"):
            self.assertIn(part, dump)
        self.assertEqual(len(dump["wear"]), 2)

    def test_while_a_client_works(self):
        card = self.card(megabytes=64)
        control = self.control()
        for _ in range(20):
            card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + (32 << 20), length=8 << 20))
            self.assertTrue(control.ask("status")["ok"])
            self.assertEqual(card.queue.wait()[1], 0)

    def test_command_line(self):
        done = self.ctl("sensors")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("link_lanes", done.stdout)
        done = self.ctl("--json", "status")
        self.assertTrue(json.loads(done.stdout)["ok"])
        done = self.ctl("sensor")
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'sensors'", done.stderr)
        done = self.ctl("inject", "fault=interupt_lost")
        self.assertEqual(done.returncode, 4)
        self.assertIn("did you mean 'interrupt_lost'", done.stderr)
        done = self.ctl("step", "time=1us")
        self.assertIn("not paused", done.stderr)

    def test_socket_is_for_this_user_only(self):
        status = os.stat(self.path)
        self.assertTrue(stat.S_ISSOCK(status.st_mode))
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)

    def test_nonsense(self):
        control = self.control()
        draw = random.Random(1)
        for _ in range(300):
            line = bytes(draw.randrange(256) for _ in range(draw.randrange(200))).replace(b"\n", b"")
            if not line.strip(b" \t\r"):
                continue
            control.file.write(line + b"\n")
            control.file.flush()
            self.assertFalse(json.loads(control.file.readline())["ok"])
        self.assertTrue(control.ask("status")["ok"])
        control.file.write(b"x" * 70_000)
        control.file.flush()
        self.assertIn("too long", json.loads(control.file.readline())["error"])
        try:
            self.assertEqual(control.file.readline(), b"", "and is let go")
        except ConnectionResetError:
            pass
        self.assertTrue(self.control().ask("status")["ok"])

    def test_clients_side_by_side(self):
        controls = [self.control() for _ in range(8)]
        for control in controls:
            self.assertTrue(control.ask("status")["ok"])
        ninth = self.control()
        self.assertIn("too many", json.loads(ninth.file.readline())["error"])


class Time(Controlled):
    def test_pause_step_resume(self):
        card = self.card()
        control = self.control()
        self.assertTrue(control.ask("pause")["paused"])
        first = control.ask("status")["time_ns"]
        time.sleep(0.2)
        self.assertEqual(control.ask("status")["time_ns"], first)
        begin = time.monotonic()
        self.assertEqual(card.client.reg(MAGIC), MAGIC_VALUE)
        self.assertTrue(card.client.reg(CSTS) & LAGGING, "slow, not dead")
        for i in range(100):
            card.client.set_reg(LIVENESS, i)
            card.client.reg(CSTS)
        self.assertLess(time.monotonic() - begin, 1, "nobody waits for a model that stands still")
        card.queue.submit(sqe(OP_COPY, src=RAM, dst=dram(0), length=64))
        time.sleep(0.1)
        self.assertIsNone(card.queue.poll())
        self.assertEqual(control.ask("step", time="1 ms")["time_ns"], first + 1_000_000)
        self.assertEqual(card.queue.wait()[1], 0)
        self.assertFalse(control.ask("resume")["paused"])
        self.assertEqual(card.client.reg(LIVENESS), ~99 & 0xffffffff)
        self.assertTrue(card.works())

    def test_pause_in_mid_command(self):
        card = self.card(megabytes=64)
        control = self.control()
        card.queue.submit(sqe(OP_COPY, src=dram(0), dst=RAM + (32 << 20), length=16 << 20))
        control.ask("pause")
        for _ in range(50):
            control.ask("step", time="100 us")
        control.ask("resume")
        self.assertEqual(card.queue.wait()[1], 0)

    def test_a_paused_card_takes_a_reset_later(self):
        card = self.card()
        control = self.control()
        count = card.client.reg(RESET_COUNT)
        control.ask("pause")
        begin = time.monotonic()
        card.client.reset()
        self.assertLess(time.monotonic() - begin, 1)
        control.ask("resume")
        card.power_on()
        self.assertEqual(card.client.reg(RESET_COUNT), count + 1)
        card.enable()
        self.assertTrue(card.works())

    def test_advance(self):
        control = self.control()
        self.assertTrue(control.ask("advance", time="30 d")["ok"])
        answer = control.say('{"command": "advance", "time": "30"}')
        self.assertEqual((answer["ok"], answer["where"]), (False, "time"))
        self.assertFalse(control.say('{"command": "step", "time": "1 h"}')["ok"])


class Break(Controlled):
    def test_inject_and_clear(self):
        card = self.card()
        control = self.control()
        control.ask("inject", fault="queue_stuck", queue=1)
        cid = card.queue.submit(sqe(OP_COPY, src=RAM, dst=dram(0), length=64))
        time.sleep(0.1)
        self.assertIsNone(card.queue.poll())
        faults = control.ask("faults")
        self.assertEqual(faults["active"][0]["fault"], "queue_stuck queue=1")
        self.assertTrue(control.ask("clear", fault="queue_stuck")["cleared"])
        self.assertEqual(card.queue.wait()[:2], (cid, 0))
        events = control.ask("log", page="events")["entries"]
        self.assertEqual((events[0]["type"], events[0]["info"]), ("fault", 8))

    def test_all_ones_until_a_bus_reset(self):
        card = self.card()
        self.control().ask("inject", fault="all_ones")
        self.assertEqual(card.client.reg(MAGIC), 0xffffffff)
        self.assertEqual(card.client.reg(HEARTBEAT), 0xffffffff)
        card.client.reset()
        card.power_on()
        self.assertEqual(card.client.reg(MAGIC), MAGIC_VALUE)
        self.assertEqual(card.client.reg(RESET_CAUSE), 3)
        card.enable()
        self.assertTrue(card.works())

    def test_link_shows_in_the_configuration_space(self):
        card = self.card()
        control = self.control()
        control.ask("inject", fault="link", lanes=8, generation=3)
        self.assertEqual(card.client.config(0x72, 2) & 0x3ff, 3 | 8 << 4)
        self.assertTrue(card.client.config(0x110) & 1)
        control.ask("clear", fault="link")
        self.assertEqual(card.client.config(0x72, 2) & 0x3ff, 4 | 16 << 4)

    def test_refusals_say_which_field(self):
        control = self.control()
        for fields, where in (({"fault": "interrupt_lost", "vector": 32}, "vector"),
                              ({"fault": "interrupt_lost", "vectr": 3}, "vectr"),
                              ({"fault": "drift", "time": "soon"}, "time"),
                              ({"fault": "none"}, "fault"), ({}, "fault"),
                              ({"fault": "laser_line", "lane": 4}, "lane"),
                              ({"fault": "firmware_hang", "at": "1 s", "after_mvms": 3}, "after_mvms")):
            answer = control.say(json.dumps({"command": "inject", "id": 5, **fields}))
            self.assertEqual((answer["ok"], answer["id"], answer["where"]), (False, 5, where))
        self.assertEqual(control.ask("faults")["active"], [])

    def test_resets_behind_the_drivers_back(self):
        for kind, cause in (("flr", 2), ("bus", 3)):
            card = self.card()
            count = card.client.reg(RESET_COUNT)
            self.control().ask("reset", kind=kind)
            self.assertEqual(card.client.reg(MAGIC), 0xffffffff, "memory space is off")
            card.power_on()
            self.assertEqual((card.client.reg(RESET_COUNT), card.client.reg(RESET_CAUSE)), (count + 1, cause))
            card.enable()
            self.assertTrue(card.works())
            card.close()
        card = self.card()
        self.control().ask("reset", kind="cold")
        card.power_on()
        self.assertEqual(card.client.reg(RESET_COUNT), 0)
        self.assertLess(card.client.reg(TIME_NS, 8), 5_000_000_000)
        card.enable()
        self.assertTrue(card.works())


class Keep(Controlled):
    def test_save_and_restore(self):
        control = self.control()
        path = os.path.join(self.folder.name, "state")
        card = self.card()
        data = os.urandom(4096)
        card.memory.write(RAM + 0x10000, data)
        self.assertEqual(card.copy(dram(0x5000), RAM + 0x10000, 4096)[0], 0)
        control.ask("save", path=path)
        card.memory.write(RAM + 0x10000, bytes(4096))
        self.assertEqual(card.copy(dram(0x5000), RAM + 0x10000, 4096)[0], 0)
        control.ask("restore", path=path)
        # The rings are where they were when it was saved: a driver begins anew.
        card.client.reset()
        card.power_on()
        card.enable()
        self.assertEqual(card.copy(RAM + 0x20000, dram(0x5000), 4096)[0], 0)
        self.assertEqual(card.memory.read(RAM + 0x20000, 4096), data)

    def test_what_is_no_state(self):
        control = self.control()
        path = os.path.join(self.folder.name, "junk")
        with open(path, "wb") as file:
            file.write(b"LCARCHIV" + os.urandom(500))
        for name in (path, "/nonexistent/state"):
            self.assertFalse(control.say(json.dumps({"command": "restore", "path": name}))["ok"])
        self.assertFalse(control.say('{"command": "save", "path": "/nonexistent/state"}')["ok"])
        self.assertTrue(self.card().works())


class Scenario(unittest.TestCase):
    def test_from_power_on(self):
        server = Server(LIGHTCARD, "--faults", "slow-boot", "--set", "run.fidelity=ideal")
        card = Card(server.path, bring_up=False)
        try:
            card.start_up()
            time.sleep(0.3)
            self.assertEqual(card.client.reg(0x80) & 0xff, 2, "loading")
            begin = time.monotonic()
            card.enable()
            self.assertGreater(time.monotonic() - begin, 1)
            self.assertTrue(card.works())
        finally:
            card.close()
            self.assertEqual(server.stop(), 0)

    def test_bad_ones_end_before_anything_starts(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("schema: lightcard/faults/1\nfaults:\n  - {fault: laser_line, lane: 9}\n")
            file.flush()
            done = subprocess.run([LIGHTCARD, "serve", "--socket", "x.sock", "--faults", file.name], capture_output=True,
                                  text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(":3: faults[0].lane: lane must be 0 .. 3", done.stderr)


if __name__ == "__main__":
    unittest.main()
