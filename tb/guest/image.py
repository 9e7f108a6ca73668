# SPDX-License-Identifier: Apache-2.0
"""What the guest boots: the driver, built against the guest kernel's headers, and an initramfs around it."""
import gzip
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import stat
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
HEADERS = ("lightcard_abi.h", "lightcard_regs.h")
VFIO_MODULES = ("irqbypass", "vfio", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci")


class BuildFailed(Exception):
    pass


def missing_host_tools():
    """Programs that building the module needs and that this host lacks."""
    return [name for name in ("make", "gcc-12") if not shutil.which(name)]


def build_module(toolbox, folder, arguments=("W=1",), environment=None):
    """Builds lightcard.ko in `folder`; returns it and everything the build said. The module of an earlier run is taken if
    sources, headers and kernel are the same and its build had nothing to say."""
    stamp, wanted = folder / "built-from", digest_of(toolbox, arguments)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and (folder / "lightcard.ko").exists():
        return folder / "lightcard.ko", ""
    copy_sources(ROOT / "platform/linux", folder)
    for name in HEADERS:
        shutil.copy(ROOT / "model/control_chip" / name, folder)
    said = make(toolbox, folder, arguments, environment)
    if environment is None and "warning:" not in said:
        stamp.write_text(wanted, encoding="utf-8")
    return folder / "lightcard.ko", said


def digest_of(toolbox, arguments):
    """What a build of the module depends on."""
    digest = hashlib.sha256(repr((toolbox.kernel_version, arguments)).encode())
    sources = sorted((ROOT / "platform/linux").iterdir()) + [ROOT / "model/control_chip" / name for name in HEADERS]
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def copy_sources(source, folder):
    """A clean copy of a module's folder: nothing is built in the source tree."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in pathlib.Path(source).iterdir():
        if path.suffix in (".c", ".h") or path.name in ("Kbuild", "Makefile"):
            shutil.copy(path, folder)


def build_other(toolbox, source, folder):
    """Somebody's own module: the .ko files that its folder makes."""
    copy_sources(source, folder)
    said = make(toolbox, folder, ("W=1",))
    print("".join(line + "\n" for line in said.splitlines() if "warning:" in line), end="")
    return sorted(folder.glob("*.ko"))


def write_tutorial(folder):
    """The module that docs/driver-tutorial.md writes, as a reader would have it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "docs/driver-tutorial.md").read_text(encoding="utf-8")
    (folder / "first.c").write_text("\n".join(re.findall(r"```c\n(.*?)```", text, re.DOTALL)), encoding="utf-8")
    (folder / "Kbuild").write_text("obj-m := first.o\n", encoding="utf-8")
    for name in HEADERS:
        shutil.copy(ROOT / "model/control_chip" / name, folder)


def make(toolbox, folder, arguments, environment=None):
    """What the build said."""
    done = subprocess.run(["make", "-C", toolbox.headers, f"M={folder}", *arguments, "modules"], text=True,
                          env=dict(os.environ, **(environment or {})), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise BuildFailed("the kernel module does not build:\n" + done.stdout)
    return done.stdout


def libraries_of(program, folders):
    """Shared libraries of a program, and its loader."""
    found = subprocess.run(["ldd", program], env=dict(os.environ, LD_LIBRARY_PATH=":".join(map(str, folders))),
                           capture_output=True, text=True, check=True).stdout
    return [word for line in found.splitlines() for word in line.split() if word.startswith("/")]


class Initramfs:
    """A newc archive, written here: no cpio is needed, and the same content gives the same bytes."""

    def __init__(self):
        self.entries = {}
        for folder in ("bin", "sbin", "dev", "proc", "sys", "tmp", "lib", "lib64", "usr", "usr/bin", "usr/lib", "mod",
                       "data"):
            self.folder(folder)

    def folder(self, path):
        self.entries[path] = (stat.S_IFDIR | 0o755, b"")

    def file(self, path, content, mode=0o644):
        parts = path.split("/")
        for depth in range(1, len(parts)):
            self.entries.setdefault("/".join(parts[:depth]), (stat.S_IFDIR | 0o755, b""))
        self.entries[path] = (stat.S_IFREG | mode, content)

    def add(self, path, source, mode=0o644):
        self.file(path, pathlib.Path(source).read_bytes(), mode)

    def program(self, source, folders=()):
        """A dynamically linked program with all it needs."""
        self.add("bin/" + pathlib.Path(source).name, source, 0o755)
        for library in libraries_of(source, folders):
            self.add(library.lstrip("/") if "ld-linux" in library else "lib/" + pathlib.Path(library).name, library, 0o755)

    def write(self, path):
        archive = bytearray()
        for number, (name, (mode, content)) in enumerate([*self.entries.items(), ("TRAILER!!!", (0, b""))], 1):
            label = name.encode() + b"\0"
            fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(label), 0)
            archive += b"070701" + b"".join(b"%08X" % field for field in fields) + label
            archive += b"\0" * (-len(archive) % 4) + content
            archive += b"\0" * (-len(archive) % 4)
        # In one step: a guest of another run may be reading the one before.
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with gzip.GzipFile(fresh, "wb", compresslevel=1, mtime=0) as file:
            file.write(bytes(archive))
        os.replace(fresh, path)


def module_bytes(path):
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def build_initramfs(toolbox, path, modules, programs, data):
    """`programs`: static executables; `data`: files that the scenarios look for in /data."""
    image = Initramfs()
    image.add("init", HERE / "init", 0o755)
    image.add("bin/busybox", toolbox.find_tool("busybox"), 0o755)
    image.program(toolbox.find_tool("lspci"), [toolbox.tools / "usr/lib/x86_64-linux-gnu",
                                               toolbox.tools / "lib/x86_64-linux-gnu"])
    image.add("bin/setpci", toolbox.find_tool("setpci"), 0o755)
    for module in modules:
        image.add("mod/" + pathlib.Path(module).name, module)
    for name in VFIO_MODULES:
        image.file(f"mod/{name}.ko", module_bytes(toolbox.module(name)))
    for program in programs:
        image.add("bin/" + pathlib.Path(program).name, program, 0o755)
    for source in data:
        image.add("data/" + pathlib.Path(source).name, source)
    image.write(path)
