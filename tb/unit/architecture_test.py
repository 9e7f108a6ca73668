# SPDX-License-Identifier: Apache-2.0
"""Claims of docs/architecture.md about the source tree and the link graph, each with a test that its checker can fail.

    architecture_test.py ROOT [NAME=LIBRARY.a ...] -- [unittest arguments]
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = "."
ARCHIVES = {}  # CMake target -> static library

BLOCKS = ["card_memory", "control_chip", "converters", "host_link", "pcm_memory", "photonic_core", "power"]

# Headers of a block that its siblings may include; everything else of a block is its own business. Blocks meet at TLM
# sockets (model/common/transactions.h) and in model/card.
SHARED_HEADERS = {
    "model/control_chip/lightcard_abi.h",  # the command interface
    "model/control_chip/lightcard_regs.h",
    "model/converters/transfer_curve.h",  # a converter's static errors, as the numeric kernel applies them
    "model/pcm_memory/effective_tile.h",  # what the banks hand to the optics
    "model/photonic_core/link_budget.h",
    "model/photonic_core/mvm.h",  # the numeric kernel
} | {f"model/{block}/parameters.h" for block in BLOCKS}

# folder -> folders it may include from, besides itself. `shared` = SHARED_HEADERS.
MAY_INCLUDE = {
    "model/common": [],
    **{f"model/{block}": ["model/common", "shared"] for block in BLOCKS},
    "model/card": ["model/"],
    "platform/driver": ["model/common", "shared"],
    # The compiler asks the card's own decoder whether the card will take its commands.
    "platform/compiler": ["model/common", "shared", "model/card/config.h", "model/card/peak.h",
                          "model/control_chip/decode.h", "platform/driver"],
    "platform/report": ["model/common", "shared", "model/card/config.h", "model/card/counters.h"],
    "platform/host": ["model/", "platform/driver"],
    "platform/vfio_user": ["model/", "platform/driver"],
    "platform/linux": ["shared"],
    "platform/smi": ["model/common", "shared", "platform/driver", "platform/linux"],
    "platform/cli": ["model/", "platform/"],
}
# The transactions between blocks carry the tile and the kernel's operands; no other header of model/common looks up.
INCLUDE_EXCEPTIONS = {
    ("model/common/transactions.h", "model/pcm_memory/effective_tile.h"),
    ("model/common/transactions.h", "model/photonic_core/mvm.h"),
}

SYSTEMC_FREE_FOLDERS = ["model/common", "platform/compiler", "platform/driver", "platform/linux", "platform/report",
                        "platform/smi"]
SYSTEMC_ALLOWED = {"model/common/transactions.h"}
SYSTEMC_HEADER = re.compile(r"^(systemc(\.h)?|sysc/.*|tlm(\.h)?|tlm_.*)$")
# Libraries that may need SystemC to link. Everything else must not.
SYSTEMC_LIBRARIES = {"lightcard_model", "lightcard_host", "lightcard_vfio_server"}

# What a kernel driver is built from: under the kernel's licence, or BSD.
KERNEL_HEADERS = ("model/control_chip/lightcard_abi.h", "model/control_chip/lightcard_regs.h")

SOURCE = re.compile(r"\.(h|hpp|cpp|cc|c|py|sh|cmake)$|^[a-z-]+$|^CMakeLists.txt$")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def sources(root, folders, pattern=r"\.(h|cpp)$"):
    for folder in folders:
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if re.search(pattern, name):
                    yield os.path.relpath(os.path.join(path, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def includes(root, path):
    """What a file includes: our own headers relative to the root, others as written."""
    for name in INCLUDE.findall(read(root, path)):
        if name.startswith("lightcard/"):
            yield name[len("lightcard/"):]
        elif os.path.exists(os.path.join(root, os.path.dirname(path), name)):
            yield os.path.normpath(os.path.join(os.path.dirname(path), name))
        else:
            yield name


def folder_of(path):
    return "/".join(path.split("/")[:2])


def check_include_direction(root):
    """Every include goes down the layers, and into a sibling block only through its shared headers."""
    errors = []
    for path in sources(root, ["model", "platform"]):
        own = folder_of(path)
        allowed = MAY_INCLUDE.get(own)
        if allowed is None:
            errors.append(f"{path}: folder {own} has no place in the layers (MAY_INCLUDE)")
            continue
        for target in includes(root, path):
            if not target.startswith(("model/", "platform/", "tb/")) or target.startswith(own + "/"):
                continue
            fine = any(target in SHARED_HEADERS if rule == "shared" else
                       target == rule or target.startswith(rule if rule.endswith("/") else rule + "/")
                       for rule in allowed)
            if not fine and (path, target) not in INCLUDE_EXCEPTIONS:
                errors.append(f"{path} includes {target}: {own} may include {', '.join(allowed) or 'nothing else'}")
    return errors


def check_includes_exist(root):
    """A lightcard/ include names a file of the tree, written from the root."""
    errors = []
    for path in sources(root, ["model", "platform", "tb"]):
        for name in INCLUDE.findall(read(root, path)):
            if name.startswith("lightcard/") and not os.path.exists(os.path.join(root, name[len("lightcard/"):])):
                errors.append(f"{path} includes {name}, which does not exist")
            if name.startswith(("model/", "platform/", "../")):
                errors.append(f"{path} includes {name}: write it as lightcard/...")
    return errors


def systemc_path(root, path, seen):
    """How `path` reaches a SystemC header: the list of files, or None."""
    if path in seen:
        return None
    seen.add(path)
    for target in includes(root, path):
        if SYSTEMC_HEADER.match(target):
            return [path, target]
        if os.path.exists(os.path.join(root, target)) and target.startswith(("model/", "platform/")):
            deeper = systemc_path(root, target, seen)
            if deeper:
                return [path] + deeper
    return None


def check_no_systemc(root):
    """No SystemC header is reachable from the layers that a guest, a fuzzer or a compiler would use."""
    errors = []
    for path in sources(root, SYSTEMC_FREE_FOLDERS):
        chain = None if path in SYSTEMC_ALLOWED else systemc_path(root, path, set())
        if chain:
            errors.append(" -> ".join(chain))
    return errors


def check_spdx(root, paths):
    """The licence stands in the first two lines (a script's first is #!)."""
    errors = []
    for path in paths:
        head = read(root, path).split("\n")[:2]
        licence = "Apache-2.0"
        if path in KERNEL_HEADERS or path.startswith("platform/linux/") and not path.endswith(".clang-format"):
            licence = "GPL-2.0-only OR BSD-3-Clause"
        if path == "platform/linux/lightcard_uapi.h":
            licence = "(GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause"
        if not any(f"SPDX-License-Identifier: {licence}" in line for line in head):
            errors.append(f"{path}: no 'SPDX-License-Identifier: {licence}' in the first two lines")
    return errors


def public_headers(root):
    """The headers that cmake/LightcardPackage.cmake installs."""
    listed = re.search(r"set\(LIGHTCARD_PUBLIC_HEADERS\s+([^)]*)\)", read(root, "cmake/LightcardPackage.cmake")).group(1)
    rules = [re.compile("^" + re.escape(glob).replace(r"\*", "[^/]*") + "$") for glob in listed.split()]
    return {path for path in sources(root, ["model", "platform"], r"\.h$") if any(rule.match(path) for rule in rules)}


def check_public_headers_closed(root):
    """An installed header includes only installed headers of ours."""
    public = public_headers(root)
    return [f"{path} is installed, {target} is not" for path in sorted(public) for target in includes(root, path)
            if target.startswith(("model/", "platform/")) and target not in public]


def check_no_sc_main(root):
    """Libraries never define sc_main: the platform that uses the card has its own."""
    folders = ["model", "platform/driver", "platform/compiler", "platform/report", "platform/host", "platform/vfio_user"]
    return [f"{path} defines sc_main" for path in sources(root, folders) if re.search(r"\bsc_main\s*\(", read(root, path))]


SIMULATION_CONTROL = re.compile(r"\b(sc_start|sc_stop|sc_set_time_resolution|set_global_quantum|sc_pause)\s*\(|"
                                r"tlm_global_quantum::instance\(\)\.set\s*\(|sc_report_handler::set_actions")


def check_simulation_control(root):
    """The model never starts, stops or configures the simulation; it belongs to the platform around the card."""
    errors = []
    for path in sources(root, ["model"]):
        code = re.sub(r'"(\\.|[^"\\\n])*"|//.*', "", read(root, path))  # without texts and comments
        errors += [f"{path}: {match.group(0)}" for match in SIMULATION_CONTROL.finditer(code)]
    return errors


def undefined_systemc(archive):
    names = subprocess.run(["nm", "-C", "--undefined-only", archive], check=True, capture_output=True, text=True).stdout
    return sorted(set(re.findall(r"\b((?:sc_core|sc_dt|tlm|tlm_utils)::[\w:~<>]+)", names)))


def writable_objects(archive):
    """Demangled names of objects in .data, .bss and thread-local sections (.data.rel.ro is constant after relocation)."""
    table = subprocess.run(["objdump", "-C", "-t", archive], check=True, capture_output=True, text=True).stdout
    return sorted({match.group(1) for match in
                   re.finditer(r"^[0-9a-f]+ .{5}[^d]. \.(?:data|bss|tbss|tdata)(?!\.rel\.ro)\S*\t[0-9a-f]+ +(.*)$",
                               table, re.MULTILINE)})


def declared_constant(root, name):
    """A static table that is built at first use is writable to the linker and constant to everybody else."""
    last = re.escape(name.split("::")[-1].split("[")[0])
    pattern = re.compile(r"\bconst(expr)?\b[^;={}()]*[\s&*>]" + last + r"\s*(\[[^\]]*\]\s*)*[={(;]")
    return any(pattern.search(read(root, path)) for path in sources(root, ["model", "platform"]))


# Objects that other people's headers and the address sanitizer put into ours.
FOREIGN_OBJECT = re.compile(r"^(\.hidden )?(guard variable|__odr_asan|DW\.ref\.|std::|__gnu_cxx::|sc_core::|sc_dt::|tlm::|tlm_utils::|"
                            r"nlohmann::|onnx::|google::|YAML::)")


def check_no_mutable_globals(root, archives):
    """Two cards live in one process: no object of ours outlives them."""
    errors = []
    for library, archive in archives.items():
        for name in writable_objects(archive):
            if not FOREIGN_OBJECT.match(name) and not declared_constant(root, name):
                errors.append(f"{library}: {name} is mutable and global")
    return errors


class Architecture(unittest.TestCase):
    def none(self, errors):
        if errors:
            self.fail("\n" + "\n".join(errors))

    def test_include_direction(self):
        self.none(check_include_direction(ROOT))

    def test_includes_exist(self):
        self.none(check_includes_exist(ROOT))

    def test_no_systemc_header(self):
        self.none(check_no_systemc(ROOT))

    def test_licence_line(self):
        folders = ["model", "platform", "tb", "cmake", "scripts", ".ci"]
        self.none(check_spdx(ROOT, [p for p in sources(ROOT, folders, SOURCE.pattern) if "/data/" not in p]))

    def test_public_headers_closed(self):
        self.assertIn("model/card/card.h", public_headers(ROOT))
        self.none(check_public_headers_closed(ROOT))

    def test_no_sc_main_in_libraries(self):
        self.none(check_no_sc_main(ROOT))

    def test_model_does_not_control_simulation(self):
        self.none(check_simulation_control(ROOT))

    def test_link_graph(self):
        self.assertTrue(ARCHIVES)
        self.none([f"{library} needs {symbol}" for library, archive in ARCHIVES.items()
                   if library not in SYSTEMC_LIBRARIES for symbol in undefined_systemc(archive)])

    def test_no_mutable_globals(self):
        self.assertTrue(ARCHIVES)
        self.none(check_no_mutable_globals(ROOT, ARCHIVES))


class Checkers(unittest.TestCase):
    """Each checker catches what it is there for."""

    def tree(self, **files):
        root = tempfile.TemporaryDirectory()
        self.addCleanup(root.cleanup)
        for path, text in files.items():
            full = os.path.join(root.name, path.replace("__", "/").replace("_DOT_", "."))
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
        return root.name

    def library(self, code):
        root = self.tree(model__common__x_DOT_cpp=code)
        obj, archive = os.path.join(root, "x.o"), os.path.join(root, "x.a")
        subprocess.run(["g++", "-std=c++17", "-fPIC", "-c", os.path.join(root, "model/common/x.cpp"), "-o", obj], check=True)
        subprocess.run(["ar", "rcs", archive, obj], check=True)
        return root, archive

    def test_include_upwards(self):
        root = self.tree(model__common__a_DOT_h='#include "lightcard/platform/host/b.h"\n')
        self.assertEqual(len(check_include_direction(root)), 1)

    def test_include_of_private_sibling_header(self):
        root = self.tree(model__converters__a_DOT_h='#include "lightcard/model/power/parameters.h"\n'
                                                    '#include "lightcard/model/power/secret.h"\n')
        self.assertEqual(len(check_include_direction(root)), 1)

    def test_unknown_folder(self):
        self.assertEqual(len(check_include_direction(self.tree(model__oven__a_DOT_h=""))), 1)

    def test_missing_header(self):
        root = self.tree(model__common__a_DOT_h='#include "lightcard/model/common/b.h"\n')
        self.assertEqual(len(check_includes_exist(root)), 1)

    def test_systemc_through_another_header(self):
        root = self.tree(platform__driver__a_DOT_h='#include "lightcard/model/common/transactions.h"\n',
                         model__common__transactions_DOT_h="#include <tlm_utils/simple_target_socket.h>\n")
        self.assertEqual(len(check_no_systemc(root)), 1)

    def test_licence_missing(self):
        root = self.tree(model__common__a_DOT_h="#pragma once\n")
        self.assertEqual(len(check_spdx(root, ["model/common/a.h"])), 1)

    def test_open_public_header(self):
        root = self.tree(cmake__LightcardPackage_DOT_cmake="set(LIGHTCARD_PUBLIC_HEADERS\n  model/common/*.h)",
                         model__common__a_DOT_h='#include "lightcard/model/power/power.h"\n', model__power__power_DOT_h="")
        self.assertEqual(len(check_public_headers_closed(root)), 1)

    def test_sc_main(self):
        root = self.tree(model__common__a_DOT_cpp="int sc_main(int, char**) { return 0; }\n")
        self.assertEqual(len(check_no_sc_main(root)), 1)

    def test_simulation_control(self):
        root = self.tree(model__common__a_DOT_cpp='void f() { sc_core::sc_stop(); say("sc_pause()"); }  // sc_start()\n')
        self.assertEqual(len(check_simulation_control(root)), 1)

    def test_undefined_systemc_symbol(self):
        _, archive = self.library("namespace sc_core { void wait(int); }\nvoid f() { sc_core::wait(1); }\n")
        self.assertEqual(undefined_systemc(archive), ["sc_core::wait"])

    def test_mutable_objects(self):
        for code in ["int count = 1;", "static int count; int f() { return ++count; }",
                     "int f() { static int count; return ++count; }", "thread_local int count;"]:
            root, archive = self.library(code + "\n")
            self.assertEqual(len(check_no_mutable_globals(root, {"x": archive})), 1, code)

    def test_constant_tables_are_fine(self):
        root, archive = self.library('#include <string>\n#include <vector>\nextern const char* const names[] = {"a"};\n'
                                     'const std::vector<std::string>& f() '
                                     '{ static const std::vector<std::string> table = {"a"}; return table; }\n')
        self.assertEqual(check_no_mutable_globals(root, {"x": archive}), [])


if __name__ == "__main__":
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    ROOT = sys.argv[1]
    ARCHIVES = dict(argument.split("=", 1) for argument in sys.argv[2:split])
    unittest.main(argv=[sys.argv[0]] + sys.argv[split + 1:])
