# SPDX-License-Identifier: Apache-2.0
"""`lightcard sweep`."""
import json
import os

from binary import CHECK_FAILED, Case, SOURCE, USAGE, data, digits, main


class Sweeps(Case):
    GRID = """schema: lightcard/sweep/1
title: seeds and gains <&>
arguments: [--model, {lenet}, --inputs, {digits}, --input-scale, 1/255, --count, 8, --batch, 8]
set: {{run.numerics: abfp}}
axes:
  - {{label: gain, parameter: run.analog_gain, values: [1, 8], logarithmic: on}}
  - label: noise
    cases:
      - {{label: none, set: {{run.fidelity: ideal}}}}
      - {{label: "all, of seed 5", set: {{run.fidelity: stat, run.seed: 5}}}}
figures:
  - {{label: correlation, path: accuracy.agreements.0.correlation}}
  - {{label: time, path: latency.steady_per_image_ps, unit: us, scale: 1/1000000}}
  - {{label: nowhere, path: no.such.figure}}
"""

    def grid(self, text=GRID):
        text = text.format(lenet=data("lenet_mnist.onnx"), digits=data("mnist/test500-images-idx3-ubyte.gz"))
        return self.path("grid.yaml", text.encode())

    def test_every_point_is_a_run(self):
        csv, js, html = self.path("a.csv"), self.path("a.json"), self.path("a.html")
        done = self.lightcard("sweep", self.grid(), "--csv", csv, "--json", js, "--html", html, "--jobs", 2)
        self.assertIn("all, of seed 5", done.stdout)
        with open(js, encoding="utf-8") as file:
            points = json.load(file)["points"]
        self.assertEqual(len(points), 4)
        self.assertEqual([point["axes"]["gain"] for point in points], ["1", "1", "8", "8"])
        # The last point by hand.
        report = self.report(*points[3]["command"])
        self.assertEqual(points[3]["config_hash"], report["card"]["config_hash"])
        self.assertEqual(points[3]["figures"]["correlation"], report["accuracy"]["agreements"][0]["correlation"])
        self.assertAlmostEqual(points[3]["figures"]["time"], report["latency"]["steady_per_image_ps"] / 1e6)
        self.assertIsNone(points[3]["figures"]["nowhere"])
        self.assertEqual(points[0]["figures"]["correlation"], points[2]["figures"]["correlation"])
        self.assertLess(points[1]["figures"]["correlation"], points[3]["figures"]["correlation"])
        with open(csv, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 5)
        self.assertTrue(lines[4].startswith('8,"all, of seed 5",'), lines[4])
        with open(html, encoding="utf-8") as file:
            page = file.read()
        self.assertIn("seeds and gains &lt;&amp;&gt;", page)
        self.assertEqual(page.count("<svg"), 3)
        self.assertNotIn("nan", page)

    def test_seeds_give_means_and_their_errors(self):
        js, html = self.path("s.json"), self.path("s.html")
        text = self.GRID.replace("axes:", "seeds: 3\naxes:").replace(", run.seed: 5", "")
        done = self.lightcard("sweep", self.grid(text), "--json", js, "--html", html, "--jobs", 2)
        self.assertIn(" +- ", done.stdout)
        with open(js, encoding="utf-8") as file:
            points = json.load(file)["points"]
        self.assertEqual(len(points), 4)
        noisy = points[3]
        figures = [self.report(*noisy["command"][:-1], f"run.seed={seed}")["accuracy"]["agreements"][0]["correlation"]
                   for seed in (1, 2, 3)]
        mean = sum(figures) / 3
        self.assertAlmostEqual(noisy["figures"]["correlation"], mean, places=12)
        spread = (sum((figure - mean) ** 2 for figure in figures) / 2 / 3) ** 0.5
        self.assertAlmostEqual(noisy["standard_errors"]["correlation"], spread, places=12)
        self.assertEqual(points[0]["standard_errors"]["correlation"], 0, "ideal has no seed")
        with open(html, encoding="utf-8") as file:
            self.assertIn("class=\"error\"", file.read())
        self.refused(USAGE, "sweep", self.grid(self.GRID.replace("axes:", "seeds: 0\naxes:")), says=["seeds"])

    def test_a_point_that_fails_is_named(self):
        done = self.lightcard("sweep", self.grid(), "--set", "card.core.n=0", "--json", self.path("b.json"),
                              status=CHECK_FAILED)
        self.assertIn("card.core.n", done.stdout)

    def test_mistakes_are_named_with_their_place(self):
        for old, new, says in (("label: gain", "lable: gain", ["grid.yaml:6", "label"]),
                               ("figures:", "figure:", ["grid.yaml:11", "figures"]),
                               ("values: [1, 8]", "values: []", ["no points"]),
                               ("run.seed: 5", "run.seed: $five", ["$five"]),
                               ("--count, 8", "--set, a=b", ["--set belongs to the sweep"]),
                               ("lightcard/sweep/1", "lightcard/sweep/2", ["lightcard/sweep/1"]),
                               ("values: [1, 8]", "values: [0, 8]", ["logarithmic"])):
            self.refused(USAGE, "sweep", self.grid(self.GRID.replace(old, new)), says=says)
        self.refused(USAGE, "sweep", says=["sweep file"])
        self.refused(USAGE, "sweep", self.path("missing.yaml"), says=["missing.yaml"])

    def test_shipped_sweeps_name_every_point(self):
        folder = os.path.join(SOURCE, "configs", "sweeps")
        names = sorted(os.listdir(folder))
        self.assertGreaterEqual(len(names), 3)
        for name in names:
            lines = self.lightcard("sweep", os.path.join(folder, name), "--commands").stdout.splitlines()
            self.assertGreaterEqual(len(lines), 10, name)
            self.assertTrue(all(line.startswith("lightcard run --model ") for line in lines), name)


if __name__ == "__main__":
    main()
