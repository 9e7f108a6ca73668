# SPDX-License-Identifier: Apache-2.0
"""The `lightcard` binary from outside: what it prints, writes and returns, and what it makes of wrong input.

    cli_test.py LIGHTCARD SOURCE_DIR [unittest arguments]
"""
import array
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

BINARY, SOURCE = "", ""
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
            heads = "\n".join(re.findall(r"^\.TP\n(.*)$", sections[f"lightcard {command}"], re.MULTILINE))
            self.assertEqual(set(re.findall(r"--[a-z0-9-]+", heads)), self.options(command) - {"--help"}, command)
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


class Run(Case):
    def test_ideal_equals_the_int8_reference(self):
        for net, inputs in (("lenet_mnist.onnx", [*digits()[3:], "--count", "60"]),
                            ("resnet8_cifar10_fp32.onnx", ["--inputs", data("golden/img7_32raw.in.f32")])):
            report = self.report("run", "--model", data(net), *inputs, "--fidelity", "ideal", "--check")
            agreement = {a["reference"]: a for a in report["accuracy"]["agreements"]}
            self.assertEqual(agreement["int8"]["differing_outputs"], 0)
            self.assertGreater(agreement["fp32"]["correlation"], 0.99)
            self.assertEqual(report["guest_errors"], 0)
            self.assertEqual(report["counters"]["failed_commands"], 0)
            self.check_energy(self.path("report.json"))

    def test_accuracy_on_labels(self):
        report = self.report(*digits(), "--labels", data("mnist/test500-labels-idx1-ubyte.gz"), "--count", "200", "--fidelity", "ideal",
                             "--html", self.path("report.html"))
        self.assertEqual(report["accuracy"]["labelled_images"], 200)
        self.assertGreaterEqual(report["accuracy"]["top1_share"], 0.96)
        self.assertLess(abs(report["accuracy"]["top1_share"] - report["accuracy"]["fp32_top1_share"]), 0.02)
        with open(self.path("report.html"), encoding="utf-8") as page:
            self.assertIn(report["limit"]["sentence"].split(":")[0], page.read())

    def test_noise_follows_the_seed_and_nothing_else(self):
        hashes = {}
        for name, extra in (("plain", []), ("threads", ["--threads", "2"]), ("trace", ["--trace", self.path("trace.json")]),
                            ("seed", ["--seed", "2"])):
            outputs = self.path(name + ".f32")
            report = self.report(*digits(), "--count", "20", "--outputs", outputs, *extra)
            with open(outputs, "rb") as file:
                hashes[name] = (report["report_hash"], file.read())
            self.check_energy(self.path("report.json"))
        self.assertEqual(len(hashes["plain"][1]), 20 * 10 * 4)
        self.assertEqual(hashes["plain"], hashes["threads"])
        self.assertEqual(hashes["plain"], hashes["trace"])
        self.assertNotEqual(hashes["plain"][1], hashes["seed"][1])
        self.assertNotEqual(hashes["plain"][0], hashes["seed"][0])

    def test_outputs_are_the_networks(self):
        outputs = self.path("out.f32")
        self.lightcard("run", "--model", data("lenet_mnist.onnx"), "--inputs", data("golden/mnist8.in.f32"), "--fidelity", "ideal",
                       "--quiet", "--outputs", outputs)
        ours, golden = array.array("f"), array.array("f")
        with open(outputs, "rb") as file:
            ours.frombytes(file.read())
        with open(data("golden/lenet_mnist.out.f32"), "rb") as file:
            golden.frombytes(file.read())
        self.assertEqual(len(ours), len(golden))
        largest = max(abs(value) for value in golden)
        for a, b in zip(ours, golden):
            self.assertLess(abs(a - b), 0.06 * largest)

    def test_saved_program_and_codes_are_what_the_card_took_and_gave(self):
        program, codes, given, values = (self.path(name) for name in ("net.lcp", "codes", "given", "values.f32"))
        self.lightcard(*digits(), "--count", 3, "--fidelity", "ideal", "--no-fp32", "--quiet", "--save-program", program,
                       "--save-codes", codes, "--save-output-codes", given, "--outputs", values)
        with open(program, "rb") as file:
            self.assertEqual(file.read(8), b"LCPROG\r\n")
        self.assertEqual(os.path.getsize(codes), 3 * 28 * 28)
        with open(given, "rb") as file, open(values, "rb") as reals:
            whole, real = array.array("i", file.read()), array.array("f", reals.read())
        self.assertEqual(len(whole), 3 * 10)
        for label in range(10):  # a scale a channel, the same for every image
            scales = [real[10 * image + label] / whole[10 * image + label] for image in range(3) if whole[10 * image + label]]
            self.assertTrue(scales)
            for scale in scales:
                self.assertGreater(scale, 0)
                self.assertAlmostEqual(scale / scales[0], 1, places=5)
        self.lightcard(*digits(), "--count", 3, "--fidelity", "ideal", "--plan", "--save-program", self.path("again.lcp"))
        with open(program, "rb") as one, open(self.path("again.lcp"), "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_weights_that_stay_are_written_once(self):
        moving = self.report(*digits(), "--count", "32", "--batch", "8", "--no-fp32")
        resident = self.report(*digits(), "--count", "32", "--batch", "8", "--no-fp32", "--set", "card.pcm.banks=16")
        tiles = moving["workload"]["tiles"]
        self.assertEqual(moving["weights"]["inference_tile_loads"], 4 * tiles)
        self.assertEqual(moving["limit"]["engine"], "writer0")
        self.assertEqual(resident["weights"]["inference_tile_loads"], 0)
        self.assertEqual(resident["weights"]["tile_loads"], tiles)
        self.assertIsNone(resident["weights"]["life_at_this_load_s"])
        self.assertGreater(resident["throughput"]["images_per_second"], 10 * moving["throughput"]["images_per_second"])
        self.check_energy(self.path("report.json"))

    def test_report_to_standard_output_is_json_alone(self):
        for option in (["--report", "-"], ["--json"]):
            done = self.lightcard(*digits(), "--count", "2", "--no-fp32", *option)
            self.assertEqual(json.loads(done.stdout)["schema"], "lightcard/report/1")

    def test_text_report_ends_with_the_limit(self):
        text = self.lightcard(*digits(), "--count", "4").stdout
        self.assertTrue(text.startswith("lenet_mnist on lc128: 4 images"))
        self.assertRegex(text.strip().split("\n\n")[-1], r"^Limited by ")
        self.assertNotRegex(text, r"\b(nan|inf)\b")

    def test_timeline_nests(self):
        trace = self.path("trace.json")
        self.lightcard(*digits(), "--count", "8", "--quiet", "--no-fp32", "--trace", trace)
        with open(trace, encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
        rows, joules = {}, 0
        for event in events:
            if event["ph"] == "X":
                rows.setdefault(event["tid"], []).append((round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)))
        self.assertIn("power.laser", {event["name"] for event in events if event["ph"] == "C"})
        self.assertGreaterEqual(len(rows), 4)
        for spans in rows.values():
            open_ends = []
            for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
                while open_ends and open_ends[-1] <= start:
                    open_ends.pop()
                self.assertTrue(not open_ends or end <= open_ends[-1])
                open_ends.append(end)

    def test_pictures(self):
        rows = b"".join(b"\0" + bytes((x * 4 + y) % 256 for x in range(40) for _ in range(3)) for y in range(50))
        chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        png = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 50, 8, 2, 0, 0, 0)) +
               chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
        labels = self.path("labels.csv", b"file,class\nother.png,3\nsmall.png,7\n")
        report = self.report("run", "--model", data("resnet8_cifar10_fp32.onnx"), "--inputs", self.path("small.png", png), "--labels",
                             labels, "--no-fp32")
        self.assertEqual(report["workload"]["images"], 1)
        self.assertEqual(report["accuracy"]["labelled_images"], 1)
        self.refused(USAGE, "run", "--model", data("resnet8_cifar10_fp32.onnx"), "--inputs", self.path("cut.png", png[:60]), says=["cut.png"])

    def test_plan_of_a_network_by_its_shapes(self):
        path = self.path("plan.json")
        self.lightcard("plan", "resnet50-224", "--card", "lc128-library", "--json", path)
        with open(path, encoding="utf-8") as file:
            plan = json.load(file)
        self.assertEqual((plan["weight_layers"], plan["tiles"], plan["tile_vectors"]), (54, 1576, 314512))
        self.assertTrue(plan["resident"])
        text = self.lightcard("plan", data("lenet_mnist.onnx"), "--layers").stdout
        self.assertEqual(text, self.lightcard("plan", data("lenet_mnist.onnx"), "--layers").stdout)
        for words in ("reloaded", "wear life", "What would move", "limited by"):
            self.assertIn(words, text)
        self.refused(NETWORK, "plan", "resnet50-22", says=["resnet50-224"])
        self.refused(USAGE, "plan", "resnet50-224", "--dim", "T", says=["--dim takes NAME=VALUE"])

    def test_a_photo_gets_its_name(self):
        names = self.path("names.txt", "\n".join(f"digit {i}" for i in range(10)).encode())
        text = self.lightcard(*digits(), "--count", "2", "--fidelity", "ideal", "--classes", names, "--top", "3").stdout
        self.assertRegex(text, r"image 0: digit 7 [0-9.e+-]+; digit \d")
        report = self.report(*digits(), "--count", "2", "--fidelity", "ideal", "--classes", names)
        self.assertEqual(report["predictions"][0]["guesses"][0]["name"], "digit 7")
        self.assertEqual(len(report["predictions"][0]["guesses"]), 5)

    def test_a_quantised_network_is_taken_as_given(self):
        report = self.report("run", "--model", data("kws_dscnn_qdq.onnx"), "--inputs", data("kws/samples100.s8"), "--count", "40",
                             "--labels", data("kws/labels100.u8"), "--input-scale", "0.5847029", "--mean", "48.53034",
                             "--fidelity", "ideal", "--check")
        self.assertGreaterEqual(report["accuracy"]["top1_share"], 0.8)
        self.assertTrue(any("comes quantised" in note for note in report["notes"]))

    def test_lost_accuracy_is_named_and_repaired(self):
        keywords = ["run", "--model", data("kws_dscnn_qdq.onnx"), "--inputs", data("kws/samples100.s8"),
                    "--labels", data("kws/labels100.u8"), "--input-scale", "0.5847029", "--mean", "48.53034"]
        broken = self.report(*keywords, "--set", "run.depthwise=pcm", "--repair", "3")
        self.assertLess(broken["accuracy"]["top1_share"], 0.5)
        self.assertIn("To try: --set run.depthwise=digital", broken["limit"]["loss_sentence"])
        tried = broken["limit"]["tried"]
        self.assertGreaterEqual(len(tried), 2)
        self.assertTrue(tried[0].startswith("--set run.depthwise=digital: "), tried)
        shares = [float(re.search(r"([0-9.]+) % top-1", line).group(1)) for line in tried]
        self.assertGreater(shares[0], 70)
        self.assertGreater(max(shares), 80)
        # By default the planner does the first of these itself.
        self.assertGreater(self.report(*keywords)["accuracy"]["top1_share"], 0.7)
        self.refused(USAGE, *digits(), "--repair", "2", "--no-fp32", says=["--repair"])

    def test_plan_explains_and_stops(self):
        text = self.lightcard(*digits(), "--count", "2", "--plan").stdout
        self.assertIn("tile", text)
        self.assertNotIn("Limited by", text)

    def test_tampered_report_is_found(self):
        self.report(*digits(), "--count", "2", "--no-fp32")
        path = self.path("report.json")
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        report["counters"]["sram_bits"] += 8
        with open(path, "w", encoding="utf-8") as file:
            json.dump(report, file)
        self.check_energy(path, status=1)


class Cache(Case):
    """Compiled programs on disk: the same run, a warning and the same run when an entry is damaged, none with --no-cache."""

    def run_once(self, *extra):
        environment = dict(os.environ, XDG_CACHE_HOME=self.path("cache"))
        done = subprocess.run([BINARY, *digits(), "--count", "5", "--no-fp32", "--quiet", "--outputs", self.path("out.f32"),
                               "--report", self.path("report.json"), *extra], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("report.json"), encoding="utf-8") as report, open(self.path("out.f32"), "rb") as outputs:
            return json.load(report)["report_hash"], outputs.read(), done.stderr

    def entries(self):
        folder = self.path("cache/lightcard")
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))] if os.path.isdir(folder) else []

    def test_a_cached_program_is_the_same_program(self):
        self.assertEqual(self.run_once("--no-cache")[2], "")
        self.assertEqual(self.entries(), [])
        cold = self.run_once()
        self.assertEqual(len(self.entries()), 1)
        before = os.stat(self.entries()[0]).st_ino
        self.assertEqual(self.run_once(), cold)
        self.assertEqual(os.stat(self.entries()[0]).st_ino, before)  # used, not written again
        self.run_once("--batch", "2")
        self.assertEqual(len(self.entries()), 2)

    def test_a_damaged_entry_is_compiled_anew(self):
        cold = self.run_once()
        path = self.entries()[0]
        size = os.path.getsize(path)
        for at in (3, 40, 70, size // 2, size - 1, None):
            with open(path, "rb") as file:
                whole = bytearray(file.read())
            if at is None:
                whole = whole[:-10]
            else:
                whole[at] ^= 0x20
            with open(path, "wb") as file:
                file.write(whole)
            again = self.run_once()
            self.assertEqual(again[:2], cold[:2])
            self.assertIn("cannot be used", again[2])
            self.assertIn(os.path.basename(path), again[2])
            self.assertEqual(self.run_once(), cold)  # written anew


class TimingOnly(Case):
    def test_time_and_energy_are_those_of_the_run_with_data(self):
        shape = ["--count", "6", "--batch", "3"]
        whole = self.report(*digits(), *shape, "--no-fp32")
        timing = self.report("run", "--model", data("lenet_mnist.onnx"), "--timing-only", *shape)
        for report in (whole, timing):
            report["counters"].pop("adc_clipped")
        for part in ("counters", "energy", "latency", "throughput", "engines", "weights", "time"):
            self.assertEqual(timing[part], whole[part], part)
        self.check_energy(self.path("report.json"))

    def test_a_card_without_data_runs_nothing(self):
        self.refused(USAGE, *digits(), "--set", "run.fidelity=timing", says=["--timing-only"])

    def test_what_needs_data_is_refused(self):
        for option in (["--fidelity", "ideal"], ["--check"], ["--outputs", self.path("o.f32")]):
            self.refused(USAGE, "run", "--model", data("lenet_mnist.onnx"), "--timing-only", *option, says=["needs data"])
class Calibration(Case):
    def calibrate(self, *more, status=OK):
        path = self.path("lenet.cal.json")
        self.lightcard("calibrate", "--model", data("lenet_mnist.onnx"), "--inputs", data("mnist/test500-images-idx3-ubyte.gz"),
                       "--input-scale", "1/255", "--count", "64", "-o", path, *more, status=status)
        return path

    def outputs(self, *more):
        path = self.path("outputs.f32")
        self.lightcard(*digits(), "--count", "64", "--no-fp32", "--quiet", "--outputs", path, *more)
        with open(path, "rb") as file:
            return file.read()

    def test_a_run_from_the_file_is_the_run_from_its_samples(self):
        for method in (["--method", "min-max"], ["--method", "percentile", "--percentile", "99.9"]):
            path = self.calibrate(*method)
            straight = self.outputs(*(["--percentile", "99.9"] if "percentile" in method else []))
            self.assertEqual(self.outputs("--calibration", path), straight)
        least = self.outputs("--calibration", self.calibrate("--method", "mse"))
        self.assertNotEqual(least, straight)
        self.assertEqual(len(least), len(straight))
        # Ranges from elsewhere than the images that run.
        report = self.report(*digits(), "--count", "100", "--labels", data("mnist/test500-labels-idx1-ubyte.gz"), "--calibration", path)
        self.assertGreater(report["accuracy"]["top1_share"], 0.95)

    def test_settings_by_layer_are_kept_and_followed(self):
        names = [layer["name"] for layer in self.report(*digits(), "--count", "1")["layers"] if layer["tile_vectors"] > 0]
        first, second, third = names[:3]
        path = self.calibrate("--layer-passes", f"{first}=4", "--layer-engine", f"{second}=digital", "--layer-numerics", f"{third}=int8")
        layers = {layer["name"]: layer for layer in self.report(*digits(), "--count", "4", "--calibration", path)["layers"]}
        plain = {layer["name"]: layer for layer in self.report(*digits(), "--count", "4")["layers"]}
        self.assertEqual(layers[first]["adc_samples"], 4 * plain[first]["adc_samples"])
        self.assertEqual(layers[second]["adc_samples"], 0)
        self.assertGreater(layers[second]["digital_macs"], 0)
        self.assertEqual(layers[third]["adc_samples"], plain[third]["adc_samples"])
        self.refused(NETWORK, *digits(), "--count", "1", "--calibration", path, "--layer-numerics", f"{third}=abfp",
                     says=[path, third, "int8"])
        self.refused(NETWORK, *digits(), "--count", "1", "--layer-engine", "conv9=digital", says=["conv9"])
        self.refused(USAGE, *digits(), "--layer-engine", f"{first}=digitol", says=["digital"])
        self.refused(USAGE, *digits(), "--layer-passes", f"{first}=65", says=["1 .. 64"])

    def test_wrong_files_are_refused_by_name(self):
        path = self.calibrate()
        with open(path, "rb") as file:
            whole = file.read()

        def says(content, *texts, more=()):
            other = self.path("other.cal.json", content)
            self.refused(NETWORK, *digits(), "--count", "1", "--calibration", other, *more, says=[other, *texts])
        says(whole[:len(whole) // 2], "truncated")
        says(b"", "truncated")
        says(b"[" * 100000, "truncated")
        says(b'{"schema": "lightcard/calibration/9"}', "schema lightcard/calibration/1")
        says(b'{"schema": "lightcard/calibration/1"}', "checksum")
        says(whole.replace(b'"samples": 64', b'"samples": 65'), "changed")
        says(whole, "of network 'lenet_mnist'", more=["--random-weights", "3"])
        says(whole, "int8", more=["--set", "run.numerics=int8"])
        says(whole, "64", more=["--card", "lc64"])
        self.refused(NETWORK, *digits(), "--count", "1", "--calibration", "/nowhere/c.json", says=["/nowhere/c.json"])
        self.refused(USAGE, *digits(), "--calibration", path, "--percentile", "99", says=["--calibration"])
        self.refused(USAGE, "calibrate", "--model", data("lenet_mnist.onnx"), "--inputs", "x", "--method", "msee", says=["mse"])


class Plans(Case):
    def save(self, name, *more):
        path = self.path(name)
        self.lightcard("plan", data("lenet_mnist.onnx"), "--save", path, *more)
        return path

    def outputs(self, *more):
        path = self.path("outputs.f32")
        self.lightcard(*digits(), "--count", "4", "--no-fp32", "--quiet", "--outputs", path, *more)
        with open(path, "rb") as file:
            return file.read()

    def test_a_plan_is_saved_compared_and_run(self):
        with open(self.save("plan.json"), encoding="utf-8") as file:
            first, second = [layer["name"] for layer in json.load(file)["layers"]][:2]
        plain = self.save("plain.json")
        told = ["--layer-engine", f"{first}=digital", "--layer-passes", f"{second}=4"]
        other = self.save("other.json", *told)
        same = self.lightcard("plan", "--diff", plain, self.path("plan.json"))
        self.assertEqual(same.stdout, "")
        lines = self.lightcard("plan", "--diff", plain, other, status=CHECK_FAILED).stdout.splitlines()
        self.assertEqual(len(lines), 4, lines)
        self.assertTrue(lines[0].startswith(f"- {first}: ") and lines[1] == f"+ {first}: digital engine", lines)
        self.assertTrue(lines[3].startswith(f"+ {second}: ") and lines[3].endswith("4 passes"), lines)
        # The plan is what the options are.
        self.assertEqual(self.outputs("--plan", other), self.outputs(*told))
        self.assertEqual(self.outputs("--plan", plain), self.outputs())
        self.assertNotEqual(self.outputs("--plan", other), self.outputs())
        self.assertEqual(self.report(*digits(), "--count", "4", "--plan", self.save("batch.json", "--batch", "2"))["workload"]["batch"], 2)

    def test_wrong_plans_are_refused_by_name(self):
        path = self.save("plan.json")
        with open(path, "rb") as file:
            whole = file.read()
        self.refused(NETWORK, *digits(), "--plan", path, "--random-weights", "1", says=[path, "lenet_mnist"])
        self.refused(NETWORK, *digits(), "--plan", path, "--card", "lc64", says=[path, "tiles of 64"])
        self.refused(NETWORK, *digits(), "--plan", self.path("cut.json", whole[:200]), says=["cut.json", "truncated"])
        self.refused(NETWORK, *digits(), "--plan", self.path("edited.json", whole.replace(b'"passes": 1', b'"passes": 2', 1)),
                     says=["edited.json", "checksum"])
        workload = self.path("resnet.json")
        self.lightcard("plan", "resnet50-224", "--save", workload)
        self.refused(NETWORK, *digits(), "--plan", workload, says=[workload, "workload"])
        self.refused(USAGE, "plan", "--diff", path, says=["two plans"])
        self.refused(USAGE, "plan", "--diff", path, "/nowhere/p.json", says=["/nowhere/p.json"])
        self.refused(NETWORK, "plan", data("lenet_mnist.onnx"), "--layer-passes", "no=2", says=["no product is called 'no'"])

    def test_page_says_when_this_card_is_better(self):
        page = self.path("plan.html")
        text = self.lightcard("plan", "resnet50-224", "--html", page).stdout
        self.assertIn("When is this card better?", text)
        self.assertIn("against A100 SXM 80 GB: faster", text)
        self.assertIn("limits the card to", text.splitlines()[-2] + text.splitlines()[-1])
        with open(page, encoding="utf-8") as file:
            content = file.read()
        self.assertEqual(content.count("<svg"), 3)
        self.assertNotIn("<script", content)
        for machine in ("this card, reloading", "a bank for every tile", "ideal digital card", "Cloud AI 100"):
            self.assertIn(machine, content)


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
    BINARY, SOURCE = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
