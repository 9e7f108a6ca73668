# SPDX-License-Identifier: Apache-2.0
"""Calibrations and plans: saved, compared, refused, run."""
import json

from binary import CHECK_FAILED, Case, NETWORK, OK, USAGE, data, digits, main


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


if __name__ == "__main__":
    main()
