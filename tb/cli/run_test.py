# SPDX-License-Identifier: Apache-2.0
"""`lightcard run`: what it prints, writes and returns."""
import array
import json
import os
import re
import struct
import subprocess
import zlib

from binary import BINARY, Case, NETWORK, USAGE, data, digits, main


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


if __name__ == "__main__":
    main()
