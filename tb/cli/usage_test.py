# SPDX-License-Identifier: Apache-2.0
"""What commands say of themselves and of wrong use, and which cards there are."""
import json
import os
import re

from binary import Case, NETWORK, SOURCE, USAGE, data, digits, main


class Help(Case):
    def commands(self):
        """As the command itself lists them."""
        names = re.findall(r"(?m)^  ([a-z]+) +\S", self.lightcard("--help").stdout)
        self.assertLessEqual({"run", "info", "config", "regs"}, set(names))
        return names

    def options(self, command):
        text = self.lightcard(command, "--help").stdout
        return set(re.findall(r"^\s+(?:-\w \[ )?(--[a-z0-9-]+)", text, re.MULTILINE))

    def test_every_command_explains_itself(self):
        for command in self.commands():
            text = self.lightcard(command, "--help").stdout
            self.assertTrue(text.startswith(f"usage: lightcard {command} "))
            self.assertIn("Examples:", text)
            self.assertIn("--help", text)

    def test_synopses_name_real_options(self):
        for command in self.commands():
            usage = self.lightcard(command, "--help").stdout.splitlines()[0]
            self.assertLessEqual(set(re.findall(r"--[a-z0-9-]+", usage)), self.options(command), command)

    def test_manual_page_has_exactly_these_options(self):
        with open(os.path.join(SOURCE, "docs", "lightcard.1"), encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        sections = dict(zip(["", *re.findall(r"^\.SH (.*)$", page, re.MULTILINE)], re.split(r"^\.SH .*$", page, flags=re.MULTILINE)))
        for command in self.commands():
            section = sections[f"lightcard {command}"]
            heads = "\n".join(re.findall(r"^\.TP\n(.*)$", section, re.MULTILINE))
            named = set(re.findall(r"--[a-z0-9-]+", heads))
            if "Takes the options of \\fBrun\\fR and" in section:
                named |= self.options("run")
            self.assertEqual(named - {"--help"}, self.options(command) - {"--help"}, command)
        for status in range(5):
            self.assertIn(f"\n.B {status}\n", sections["EXIT STATUS"])

    def test_no_command_and_version(self):
        self.assertIn("usage:", self.lightcard(status=USAGE).stderr)
        self.assertRegex(self.lightcard("--version").stdout, r"^lightcard \d+\.\d+\.\d+$")


class WrongUse(Case):
    def test_names_the_nearest(self):
        self.refused(USAGE, "rnu", says=["unknown command 'rnu'", "run"])
        self.refused(USAGE, "run", "--modle", "x", says=["--modle", "did you mean '--model'"])
        self.refused(USAGE, "config", "--brif", says=["did you mean '--brief'"])
        self.refused(USAGE, "info", "lc182", says=["lc128"])
        self.refused(USAGE, "regs", "CSTZ", says=["CSTS"])
        self.refused(USAGE, "info", "--set", "card.pcm.bank=3", says=["card.pcm.banks"])
        self.refused(USAGE, "run", "--model", data("lenet_mnist.onnx"), "--inputs", "x", "--fidelity", "idael", says=["ideal"])

    def test_wrong_values(self):
        self.refused(USAGE, "info", "--set", "card.pcm.banks", says=["PATH=VALUE"])
        self.refused(USAGE, "info", "--set", "card.core.symbol_rate=13", says=["card.core.symbol_rate"])
        self.refused(USAGE, "info", "--set", "card.core.symbol_rate=13 GW", says=["card.core.symbol_rate"])
        self.refused(USAGE, "info", "--batch", "many", says=["--batch"])
        self.refused(USAGE, "info", "--batch", "0", says=["--batch"])
        self.refused(USAGE, "config", "--match", "no such thing", says=["no such thing"])
        self.refused(USAGE, "config", "lc128", "lc64")
        for wrong in (["--input-scale", "1/0"], ["--mean", "a"], ["--std", "0"], ["--mean", "1,2"], ["--input-layout", "chwn"],
                      ["--input-type", "u9"], ["--count", "0"], ["--percentile", "0"], ["--calibration-count", "0"],
                      ["--resize", "-1"], ["--check"], ["--batch", "-1"], ["--threads", "0"]):
            self.refused(USAGE, *digits(), *wrong, says=[wrong[0].lstrip("-").replace("threads", "host.threads")])

    def test_missing_files_are_named(self):
        self.refused(USAGE, "run", says=["--model"])
        self.refused(USAGE, "run", "--model", data("lenet_mnist.onnx"), says=["--inputs"])
        self.refused(USAGE, "run", "--model", "/nowhere/net.onnx", "--inputs", "x", says=["/nowhere/net.onnx", "No such file"])
        self.refused(USAGE, "run", "--model", data("lenet_mnist.onnx"), "--inputs", "/nowhere/x.idx", says=["/nowhere/x.idx"])
        self.refused(USAGE, *digits(), "--labels", "/nowhere/l.idx", says=["/nowhere/l.idx"])
        self.refused(USAGE, *digits(), "--calibrate", "/nowhere/c.idx", says=["/nowhere/c.idx"])
        self.refused(USAGE, *digits(), "--count", "2", "--report", "/nowhere/r.json", says=["/nowhere/r.json"])
        self.refused(USAGE, *digits(), "--count", "2", "--trace", "/nowhere/t.json", says=["/nowhere/t.json"])
        self.refused(USAGE, *digits(), "--count", "2", "--html", "/nowhere/r.html", says=["/nowhere/r.html"])
        self.refused(USAGE, "info", "/nowhere/card.yaml", says=["/nowhere/card.yaml"])

    def test_reading_needs_keys_that_fit(self):
        read = ["read", *digits()[1:], "--count", "1"]
        self.refused(USAGE, *read, says=["--keys", "one a line"])
        self.refused(USAGE, *read, "--key", "keys.txt", says=["option --key ", "did you mean '--keys'"])
        self.refused(USAGE, *read, "--keys", self.path("missing.txt"), says=["missing.txt"])
        self.refused(NETWORK, *read, "--keys", self.path("keys.txt", b"a\nb\n"), says=["[1, steps, classes]"])

    def test_full_disk_is_reported(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        self.refused(USAGE, *digits(), "--count", "2", "--quiet", "--report", "/dev/full", says=["/dev/full", "cannot write"])

    def test_networks_that_are_none(self):
        with open(data("lenet_mnist.onnx"), "rb") as file:
            whole = file.read()
        for name, content in (("empty", b""), ("text", b"not a network"), ("cut", whole[: len(whole) // 2])):
            net = self.path(name + ".onnx", content)
            self.refused(NETWORK, "run", "--model", net, "--inputs", data("mnist/test500-images-idx3-ubyte.gz"), says=[net])

    def test_inputs_of_another_shape(self):
        self.refused(USAGE, "run", "--model", data("resnet8_cifar10_fp32.onnx"), "--inputs", data("mnist/test500-images-idx3-ubyte.gz"),
                     says=["28x28", "3x32x32"])
        self.refused(USAGE, *digits(), "--labels", self.path("few.u8", b"\1\2"), "--count", "3", says=["2 labels for 3 images"])

    def test_batch_too_large_for_the_scratchpad(self):
        self.refused(NETWORK, *digits(), "--count", "2", "--batch", "1000000", says=["batch"])


class Cards(Case):
    def test_info_of_the_reference(self):
        info = json.loads(self.lightcard("info", "lc128", "--json").stdout)
        self.assertAlmostEqual(info["peak_tops"], 1703.936, places=6)
        self.assertAlmostEqual(info["writing"]["tile_s"], 1.28e-3, places=9)
        self.assertAlmostEqual(info["writing"]["resnet50_pass_s"], 2.017, places=3)
        self.assertEqual(info["resnet50"]["tiles"], 1576)
        self.assertEqual(info["light"]["combining"], "ideal")
        text = self.lightcard("info").stdout
        for part in ("1,703.9 TOPS", "a bound", "reading of the announcement", "42.67 min", "127 images/s"):
            self.assertIn(part, text)

    def test_every_shipped_card_has_info_and_config(self):
        cards = [name[:-5] for name in os.listdir(os.path.join(SOURCE, "configs", "cards")) if name.endswith(".yaml")]
        self.assertIn("lc128", cards)
        for card in cards:
            text = self.lightcard("info", card).stdout
            self.assertNotRegex(text, r"\b(nan|inf)\b")
            entries = json.loads(self.lightcard("config", card, "--json").stdout)["parameters"]
            for entry in entries:
                if entry["path"].startswith("card.") and entry["path"] not in ("card.name", "card.note"):
                    self.assertTrue(entry["source"] and entry["grade"], entry["path"])

    def test_library_says_that_it_cannot_be_built(self):
        text = self.lightcard("info", "lc128-library").stdout
        self.assertIn("cannot be built as one die", text)
        self.assertIn("62.6 reticles", text)
        self.assertIn("in the bank switch", text)

    def test_yaml_comes_back_with_the_same_hash(self):
        mine = self.path("mine.yaml")
        self.lightcard("config", "lc128", "--set", "card.pcm.banks=8", "--yaml", mine)
        first = json.loads(self.lightcard("config", "lc128", "--set", "card.pcm.banks=8", "--json", "-").stdout)
        again = json.loads(self.lightcard("config", mine, "--json", "-").stdout)
        self.assertEqual(first["config_hash"], again["config_hash"])
        self.assertNotEqual(first["config_hash"], json.loads(self.lightcard("config", "--json").stdout)["config_hash"])

    def test_config_text_and_match(self):
        text = self.lightcard("config", "lc128", "--match", "endurance").stdout
        self.assertIn("card.pcm.endurance", text)
        self.assertNotIn("card.core.lanes", text)
        brief = self.lightcard("config", "lc128", "--brief").stdout
        self.assertGreater(len(brief.splitlines()), 90)

    def test_register_documents_are_the_committed_ones(self):
        for option, path in (("--header", "model/control_chip/lightcard_regs.h"), ("--markdown", "docs/registers.md")):
            with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
                self.assertEqual(self.lightcard("regs", option).stdout, file.read())
        names = [r["name"] for r in json.loads(self.lightcard("regs", "--json").stdout)["registers"]]
        for name in names:
            self.assertIn(name, self.lightcard("regs", name).stdout)


if __name__ == "__main__":
    main()
