# SPDX-License-Identifier: Apache-2.0
"""QEMU with a vfio-user client, a guest kernel with its headers, busybox, lspci and sparse, out of Debian's archive into a
private folder. No root, nothing of it on the host's own paths. Nothing is pinned: newer is taken as it comes, and what
counts is whether QEMU has the device."""
import os
import pathlib
import shutil
import subprocess

DEVICE = "vfio-user-pci"
QEMU_SUITES = ("trixie", "trixie-backports")   # the client came with QEMU 10.1
GUEST_SUITES = ("bookworm", "bookworm-backports")  # kernel headers that this host's compiler takes
LIBRARIES = "usr/lib/x86_64-linux-gnu"


class Unreachable(Exception):
    """The archive cannot be reached, or lacks something: nothing to test with."""


class Toolbox:
    """Paths into the folder, once it is filled."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.log = self.folder / "fetch.log"

    @property
    def kernel_version(self):
        return (self.folder / "kernel-version").read_text(encoding="utf-8").strip()

    @property
    def kernel(self):
        return self.folder / f"guest/boot/vmlinuz-{self.kernel_version}"

    @property
    def headers(self):
        return self.folder / f"guest/usr/src/linux-headers-{self.kernel_version}"

    @property
    def tools(self):
        return self.folder / "tools"

    @property
    def qemu(self):
        """The command: its own loader and libraries, so that the host's stay as they are."""
        root = self.folder / "qemu"
        libraries = root / LIBRARIES
        return ["env", f"QEMU_MODULE_DIR={libraries}/qemu", str(libraries / "ld-linux-x86-64.so.2"), "--library-path",
                str(libraries), str(root / "usr/bin/qemu-system-x86_64"), "-L", str(root / "usr/share/qemu"), "-L",
                str(root / "usr/share/seabios"), "-L", str(root / "usr/lib/ipxe/qemu")]

    def run_tool(self, name, *arguments, **more):
        """A program of the archive on this host's C library."""
        environment = dict(os.environ, LD_LIBRARY_PATH=str(self.tools / LIBRARIES))
        return subprocess.run([self.find_tool(name), *arguments], env=environment, check=False, **more)

    def find_tool(self, name):
        for place in ("usr/bin", "bin", "usr/sbin", "sbin"):
            if (self.tools / place / name).exists():
                return str(self.tools / place / name)
        return None

    def module(self, name):
        """Path of a kernel module, compressed or not."""
        for path in (self.folder / "guest").glob(f"lib/modules/**/{name}.ko*"):
            return path
        for path in (self.folder / "guest").glob(f"usr/lib/modules/**/{name}.ko*"):
            return path
        raise FileNotFoundError(name)

    def ready(self):
        return (self.folder / "ready").exists()

    def versions(self):
        text = subprocess.run([*self.qemu, "--version"], capture_output=True, text=True, check=False).stdout
        return f"{text.splitlines()[0] if text else 'QEMU?'}, guest kernel {self.kernel_version}"

    # --- filling it
    def fetch(self, again=False):
        if again:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.ready():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.log, "w", encoding="utf-8") as log:
            mirror = debian_mirror()
            host = Archive(self.folder / "apt-qemu", mirror, QEMU_SUITES, log)
            host.install("qemu-system-x86", QEMU_SUITES[-1])
            host.extract(self.folder / "qemu")
            guest = Archive(self.folder / "apt-guest", mirror, GUEST_SUITES, log)
            self.fetch_kernel(guest)
            self.fetch_tools(guest)
        self.check()
        for leftover in ("apt-qemu", "apt-guest"):
            shutil.rmtree(self.folder / leftover)
        (self.folder / "ready").touch()

    def fetch_kernel(self, archive):
        suite = GUEST_SUITES[-1]
        version = archive.depends("linux-image-amd64", "linux-image-", suite)
        base = version[:-len("-amd64")]
        archive.download(suite, f"linux-image-{version}", f"linux-headers-{version}", f"linux-headers-{base}-common",
                         f"linux-kbuild-{base}")
        target = self.folder / "guest"
        archive.extract(target, only={"linux-image": ("./boot/vmlinuz*", "*/vfio*", "*/irqbypass.ko*")})
        (self.folder / "kernel-version").write_text(version + "\n", encoding="utf-8")
        makefile = self.headers / "Makefile"
        makefile.write_text(makefile.read_text(encoding="utf-8").replace("include /usr/src/", f"include {target}/usr/src/"),
                            encoding="utf-8")
        (self.headers / "vmlinux").unlink(missing_ok=True)  # else modpost wants pahole

    def fetch_tools(self, archive):
        archive.clear()
        archive.download(GUEST_SUITES[0], "busybox-static", "pciutils", "libpci3", "libkmod2")
        archive.extract(self.tools)
        try:
            archive.clear()
            archive.download(GUEST_SUITES[0], "sparse")
            archive.extract(self.tools)
        except Unreachable:
            pass  # its test says that it is missing

    def check(self):
        answer = subprocess.run([*self.qemu, "-device", f"{DEVICE},help"], capture_output=True, text=True, check=False)
        if "x-msg-timeout" not in answer.stdout:
            raise Unreachable(f"the archive's QEMU has no {DEVICE}: {(answer.stderr or answer.stdout).strip()[:300]}")


def debian_mirror():
    """Where this machine's own apt gets Debian from."""
    if not shutil.which("apt-get"):
        raise Unreachable("no apt-get here")
    lines = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm"],
                           capture_output=True, text=True, check=False).stdout.split()
    if not lines:
        raise Unreachable("this machine's apt has no Debian 12 (bookworm) source")
    return lines[0]


class Archive:
    """A private apt: own lists, own cache, an empty dpkg status."""

    def __init__(self, folder, mirror, suites, log):
        self.folder, self.log = folder, log
        for part in ("lists/partial", "cache/archives/partial", "parts", "preferences", "trusted"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "sources").write_text("".join(f"deb {mirror} {suite} main\n" for suite in suites), encoding="utf-8")
        (folder / "conf").write_text(
            f'Dir::State::lists "{folder}/lists"; Dir::State::status "{folder}/status"; Dir::Cache "{folder}/cache";\n'
            f'Dir::Etc::sourcelist "{folder}/sources"; Dir::Etc::sourceparts "{folder}/parts";\n'
            f'Dir::Etc::preferencesparts "{folder}/preferences"; APT::Sandbox::User ""; Acquire::Languages "none";\n'
            'Acquire::Retries "3"; Acquire::http::Timeout "30"; APT::Architecture "amd64";\n', encoding="utf-8")
        self.apt("apt-get", "-q", "update", "-o", "APT::Update::Error-Mode=any")

    def apt(self, *command, folder=None):
        print("+", *command, file=self.log, flush=True)
        done = subprocess.run(command, env=dict(os.environ, APT_CONFIG=str(self.folder / "conf")), cwd=folder, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.log.write(done.stdout)
        if done.returncode != 0:
            last = [line for line in done.stdout.splitlines() if line.startswith(("E:", "W:", "Err:"))]
            raise Unreachable(f"{' '.join(command[:4])}: {last[-1] if last else 'failed'} (see {self.log.name})")
        return done.stdout

    @property
    def cache(self):
        return self.folder / "cache/archives"

    def clear(self):
        for package in self.cache.glob("*.deb"):
            package.unlink()

    def install(self, package, suite):
        self.apt("apt-get", "-q", "-y", "--download-only", "--no-install-recommends", "-t", suite, "install", package)

    def download(self, suite, *packages):
        self.apt("apt-get", "-q", "download", *(f"{package}/{suite}" for package in packages), folder=self.cache)

    def depends(self, package, prefix, suite):
        for line in self.apt("apt-cache", "-o", f"APT::Default-Release={suite}", "depends", package).splitlines():
            words = line.split()
            if len(words) == 2 and words[0] == "Depends:" and words[1].startswith(prefix):
                return words[1][len(prefix):]
        raise Unreachable(f"{package} depends on no {prefix}*")

    def extract(self, target, only=None):
        target.mkdir(parents=True, exist_ok=True)
        for package in sorted(self.cache.glob("*.deb")):
            patterns = next((p for start, p in (only or {}).items() if package.name.startswith(start)), None)
            print("+ extract", package.name, file=self.log, flush=True)
            if patterns is None:
                subprocess.run(["dpkg-deb", "-x", package, target], check=True)
                continue
            tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "-C", target, "--wildcards", *patterns], stdin=tar.stdout, check=True)
            tar.wait()
