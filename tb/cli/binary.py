# SPDX-License-Identifier: Apache-2.0
"""The `lightcard` binary from outside: what the tests of this folder share.

    FILE_test.py LIGHTCARD SOURCE_DIR [unittest arguments]
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BINARY, SOURCE = sys.argv[1:3]
OK, CHECK_FAILED, USAGE, NETWORK, CARD = range(5)


def data(name):
    return os.path.join(SOURCE, "tb", "data", name)


def digits():
    return ["run", "--model", data("lenet_mnist.onnx"), "--inputs", data("mnist/test500-images-idx3-ubyte.gz"),
            "--input-scale", "1/255"]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lightcard_cli_")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def lightcard(self, *arguments, status=OK):
        done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, done.stdout[-2000:] + done.stderr)
        return done

    def refused(self, status, *arguments, says=()):
        """Wrong input: the status, nothing on standard output, one line (and usage) that names what is wrong."""
        done = self.lightcard(*arguments, status=status)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith("lightcard"), done.stderr)
        self.assertLessEqual(len(done.stderr.splitlines()), 2, done.stderr)
        for text in says:
            self.assertIn(text, done.stderr)

    def report(self, *arguments):
        path = self.path("report.json")
        self.lightcard(*arguments, "--quiet", "--report", path)
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def check_energy(self, path, status=0):
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "scripts", "check-energy.py"), path],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
