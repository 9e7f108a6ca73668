# SPDX-License-Identifier: Apache-2.0
"""What every test of the socket stands on: a served card, and clients that are closed again."""
import sys
import unittest

from card_client import Card
from vfio_client import Client, Refused, Server

LIGHTCARD = sys.argv.pop(1)  # the command; every test script takes it as its first argument


class Served(unittest.TestCase):
    """One server a class; every test is a new client of it."""
    arguments = ("--set", "run.fidelity=ideal")

    @classmethod
    def setUpClass(cls):
        cls.server = Server(LIGHTCARD, *cls.arguments)
        cls.addClassCleanup(cls.end)

    @classmethod
    def end(cls):
        status = cls.server.stop()
        assert status == 0, f"server ended with {status}"

    def tearDown(self):
        self.assertTrue(self.server.alive(), self.server.text())

    def client(self, version=True):
        client = Client(self.server.path)
        self.addCleanup(client.close)
        if version:
            client.version()
        return client

    def card(self, **how):
        card = Card(self.server.path, **how)
        self.addCleanup(card.close)
        return card

    def assert_refused(self, number, call, *arguments, **more):
        with self.assertRaises(Refused) as caught:
            call(*arguments, **more)
        self.assertEqual(caught.exception.errno, number)
