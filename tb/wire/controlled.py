# SPDX-License-Identifier: Apache-2.0
"""A client of the control socket, and a served card that has one."""
import json
import os
import socket
import subprocess
import tempfile

from served import LIGHTCARD, Served


class Control:
    """A client that speaks the lines."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(90)
        self.socket.connect(path)
        self.file = self.socket.makefile("rwb")

    def say(self, line):
        self.file.write(line.encode() + b"\n")
        self.file.flush()
        return json.loads(self.file.readline())

    def ask(self, command, **fields):
        answer = self.say(json.dumps({"command": command, **fields}))
        assert answer["ok"], answer
        return answer

    def close(self):
        self.file.close()
        self.socket.close()


class Controlled(Served):
    more = ("--set", "run.inject=on")

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = os.path.join(cls.folder.name, "ctl.sock")
        cls.arguments = ("--set", "run.fidelity=ideal", "--control", cls.path, *cls.more)
        super().setUpClass()

    def control(self):
        control = Control(self.path)
        self.addCleanup(control.close)
        return control

    def ctl(self, *words):
        return subprocess.run([LIGHTCARD, "ctl", self.path, *words], capture_output=True, text=True, timeout=90, check=False)
