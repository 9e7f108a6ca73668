# SPDX-License-Identifier: Apache-2.0
"""Cells that live from run to run, and dies that warm."""
import json

from binary import Case, USAGE, data, digits, main


class PcmState(Case):
    """One card over several runs: what its cells keep without power, and what happens to it in a day."""

    def drift(self, *more):
        return self.report(*digits(), "--labels", data("mnist/test500-labels-idx1-ubyte.gz"), "--count", "100", "--no-fp32",
                           "--card", "lc128-electrical", *more)

    def test_cells_go_on_from_run_to_run(self):
        file = self.path("card.pcm")
        once = self.drift("--pcm-state", file)
        held = json.loads(self.lightcard("pcm", file, "--json").stdout)
        banks = [bank for bank in held["cores"][0]["banks"] if bank["programs"] > 0]
        self.assertEqual(len(banks), once["workload"]["tiles"])
        self.assertEqual({max(bank["wear_cycles"]) for bank in banks}, {1})
        self.drift("--pcm-state", file, "--age", "2d")
        held = json.loads(self.lightcard("pcm", file, "--json").stdout)
        banks = [bank for bank in held["cores"][0]["banks"] if bank["programs"] > 0]
        self.assertEqual({max(bank["wear_cycles"]) for bank in banks}, {2})
        self.assertTrue(all(172800 < bank["age_s"] < 172801 for bank in banks))
        self.assertIn("lc128-electrical", self.lightcard("pcm", file).stdout)

    def test_what_is_not_this_cards_state_is_refused_and_kept(self):
        file = self.path("card.pcm")
        self.drift("--pcm-state", file)
        with open(file, "rb") as whole:
            state = whole.read()
        run = [*digits(), "--count", "2", "--no-fp32", "--card", "lc128-electrical", "--pcm-state"]
        self.refused(USAGE, *run, file, "--seed", "9", says=["of another card", "seed 1, this card has 9"])
        bent = bytearray(state)
        bent[len(bent) // 2] ^= 1
        for name, content, why in (("cut.pcm", state[:-100], "cut short"), ("bent.pcm", bytes(bent), "checksum"),
                                   ("long.pcm", state + b"x", "bytes follow"), ("other.pcm", b"PNG", "")):
            path = self.path(name, content)
            self.refused(USAGE, *run, path, says=[name, why])
            self.refused(USAGE, "pcm", path, says=[name, why])
            with open(path, "rb") as kept:
                self.assertEqual(kept.read(), content)
        self.refused(USAGE, "pcm", self.path("none.pcm"), says=["none.pcm"])
        self.refused(USAGE, "pcm", says=["file is needed"])

    def test_a_day_and_its_compensation(self):
        numerics = ("--set", "run.numerics=int8")  # the tighter of the two: block floating point forgives more
        fresh = self.drift(*numerics)
        aged = self.drift(*numerics, "--age", "1d")
        mended = self.drift(*numerics, "--age", "1d", "--compensate", "columns")
        self.check_energy(self.path("report.json"))
        correct = [report["accuracy"]["top1"] for report in (fresh, aged, mended)]
        self.assertLess(correct[1], correct[0] - 20)
        self.assertGreater(correct[2], correct[1] + 20)
        self.assertEqual(mended["counters"]["calibrations"], 1)
        self.assertGreater(mended["counters"]["calibrating_ps"], 0)
        self.assertEqual(fresh["counters"]["calibrations"], 0)
        spent = [a for a in mended["energy"]["accounts"] if a["category"] == "calibration"]
        self.assertEqual(len(spent), 4)
        self.assertTrue(all(account["joules"] > 0 for account in spent))
        self.assertTrue(any(note.startswith("Compensation measured 9 banks") for note in mended["notes"]))
        self.refused(USAGE, *digits(), "--compensate", "drifts", says=["did you mean 'drift'"])
        self.refused(USAGE, *digits(), "--age", "1 parsec", says=["--age"])

    def test_a_throttled_die_takes_longer(self):
        hot = ("--set", "run.thermal=loop", "--set", "card.power.throttle_temperature=1")
        self.assertEqual(self.drift()["counters"]["throttled_ps"], 0)
        report = self.drift(*hot)
        self.check_energy(self.path("report.json"))
        self.assertGreater(report["counters"]["throttled_ps"], 0)
        self.assertGreater(report["counters"]["hottest_die_c"], 30)


if __name__ == "__main__":
    main()
