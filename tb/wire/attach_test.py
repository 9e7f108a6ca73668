# SPDX-License-Identifier: Apache-2.0
"""`lightcard run --attach`: a served card gives what a card in the same process gives, and says what is wrong.

    attach_test.py LIGHTCARD [unittest arguments]
"""
import os
import subprocess
import tempfile
import unittest

from card_client import Card
from served import LIGHTCARD
from vfio_client import Server

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
IMAGES = 20
NETWORK = ("--model", os.path.join(DATA, "lenet_mnist.onnx"), "--inputs",
           os.path.join(DATA, "mnist", "test500-images-idx3-ubyte.gz"), "--input-scale", "1/255", "--count", str(IMAGES), "--no-fp32",
           "--quiet")


def run(*arguments):
    return subprocess.run([LIGHTCARD, "run", *NETWORK, *arguments], capture_output=True, text=True, timeout=100, check=False)


class Attach(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def outputs(self, *arguments):
        path = os.path.join(self.folder, "outputs")
        done = run("--outputs", path, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path, "rb") as file:
            return file.read()

    def serve(self, *arguments):
        server = Server(LIGHTCARD, *arguments)
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0))
        return server

    def test_same_bits_with_noise(self):
        server = self.serve()
        served = self.outputs("--attach", server.path)
        self.assertEqual(len(served), IMAGES * 10 * 4)
        self.assertEqual(served, self.outputs())

    def test_same_integers_and_again(self):
        server = self.serve("--set", "run.fidelity=ideal")
        own = self.outputs("--fidelity", "ideal", "--check")
        for _ in range(2):  # one after the other; the weights of the first are in its way
            self.assertEqual(self.outputs("--fidelity", "ideal", "--check", "--attach", server.path), own)

    def test_says_what_is_wrong(self):
        done = run("--attach", os.path.join(self.folder, "nobody.sock"))
        self.assertEqual(done.returncode, 4)
        self.assertIn("nobody.sock", done.stderr)
        server = self.serve("--set", "run.fidelity=ideal")
        done = run("--attach", server.path)
        self.assertEqual(done.returncode, 4)
        self.assertIn("configuration", done.stderr)
        self.assertIn("--fidelity", done.stderr)
        card = Card(server.path, bring_up=False)
        done = run("--attach", server.path, "--fidelity", "ideal")
        card.close()
        self.assertEqual(done.returncode, 4)
        self.assertIn("busy", done.stderr)
        done = run("--attach", server.path, "--report", os.path.join(self.folder, "r.json"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("--report", done.stderr)
        done = run("--attach", server.path, "--faults", "interrupts")
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
