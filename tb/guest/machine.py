# SPDX-License-Identifier: Apache-2.0
"""Served cards, and a QEMU that has them. The guest runs shell commands that come over its second serial port."""
import ctypes
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import tempfile
import time


class GuestFailed(Exception):
    """The guest, QEMU or a server did not do what was expected."""


def start(command, log):
    """A child that does not outlive this process, however it ends (a test's time-out is a SIGKILL)."""
    def follow():
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=follow)


def end(process, patience=10):
    """Ends a child of ours."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class Device:
    """A vfio-user server in a process of its own: `lightcard serve`, or the echo."""

    def __init__(self, folder, name, command, *more):
        """`command` and the path of the socket; then `more`."""
        self.path = str(folder / f"{name}.sock")
        self.log = folder / f"{name}.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = start([*command, self.path, *more], log)
        limit = time.monotonic() + 60
        while "listens on" not in self.text():
            if self.process.poll() is not None or time.monotonic() > limit:
                end(self.process)
                raise GuestFailed(f"{command[0]} does not start:\n" + self.text())
            time.sleep(0.02)

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")


class Machine:
    """One QEMU with a card behind each of its root ports."""

    def __init__(self, toolbox, initramfs, lightcard, folder, cards=1, iommu=False, serve=(), cpus=1, append="", echo=None):
        self.folder = pathlib.Path(folder)
        self.toolbox, self.initramfs = toolbox, initramfs
        self.iommu, self.cpus, self.append = iommu, cpus, append
        self.qemu = self.channel = None
        self.pending = b""
        self.console = self.folder / "console.log"
        self.cards = []
        self.started = time.monotonic()
        self.lightcard = lightcard
        for number in range(cards):
            self.cards.append(Device(self.folder, f"card{number}", [lightcard, "serve", "--socket"], "--control",
                                     self.control(number), *serve))
        self.devices = self.cards + ([Device(self.folder, "echo", [echo])] if echo else [])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- life
    def command(self, serial):
        memory = "512M"
        command = [*self.toolbox.qemu, "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", memory, "-smp",
                   str(self.cpus), "-object", f"memory-backend-memfd,id=mem,size={memory},share=on", "-machine",
                   "memory-backend=mem", "-nographic", "-nodefaults", *serial, "-kernel", str(self.toolbox.kernel), "-initrd",
                   str(self.initramfs), "-append",
                   f"console=ttyS0 quiet panic=-1 rcupdate.rcu_cpu_stall_timeout=120 {'intel_iommu=on ' if self.iommu else ''}{self.append}"]
        if self.iommu:
            command += ["-device", "intel-iommu,caching-mode=on"]
        for number, card in enumerate(self.devices):
            command += ["-device", f"pcie-root-port,id=rp{number},slot={number + 1},chassis={number + 1},x-speed=16,x-width=16"]
            command += ["-device", json.dumps({"driver": "vfio-user-pci", "bus": f"rp{number}", "x-msg-timeout": 60000,
                                               "socket": {"type": "unix", "path": card.path}})]
        return command

    def start(self):
        agent = str(self.folder / "agent.sock")
        serial = ["-chardev", f"file,id=con,path={self.console}", "-serial", "chardev:con", "-chardev",
                  f"socket,id=agent,path={agent},server=on,wait=off", "-serial", "chardev:agent"]
        with open(self.folder / "qemu.log", "w", encoding="utf-8") as log:
            self.qemu = start(self.command(serial), log)
        limit = time.monotonic() + 60
        while self.channel is None:
            try:
                self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.channel.connect(agent)
            except OSError as error:
                self.channel.close()
                self.channel = None
                if self.qemu.poll() is not None or time.monotonic() > limit:
                    raise GuestFailed("QEMU does not start:\n" + self.qemu_text()) from error
                time.sleep(0.02)
        self.wait_ready()

    def shell(self, append=""):
        """A person at the console, until the guest ends."""
        self.append += f" lightcard.shell {append}"
        try:
            return subprocess.run(self.command(["-serial", "stdio"]), check=False).returncode
        finally:
            self.stop()

    def wait_ready(self, patience=400):
        self.read_until(rb"<<<ready>>>\r?\n", patience)
        self.sh("dmesg -c > /dev/null")  # what the kernel had to say before there was a driver is not the driver's affair

    def stop(self):
        if self.channel is not None:
            self.channel.close()
        self.channel = None
        if self.qemu is not None:
            end(self.qemu)
        for card in self.devices:
            status = end(card.process)
            if status != 0 and self.qemu is not None:
                raise GuestFailed(f"a server ended with {status}:\n{card.text()[-2000:]}")

    def qemu_text(self):
        return (self.folder / "qemu.log").read_text(encoding="utf-8", errors="replace")

    # --- talk
    def read_until(self, pattern, patience):
        limit = time.monotonic() + patience
        while not (found := re.search(pattern, self.pending)):
            left = limit - time.monotonic()
            if left <= 0:
                raise GuestFailed(f"no answer from the guest in {patience} s; console ends with:\n{self.console_end()}")
            if select.select([self.channel], [], [], left)[0]:
                data = self.channel.recv(65536)
                if not data:
                    raise GuestFailed(f"QEMU ended:\n{self.qemu_text()[-2000:]}\n{self.console_end()}")
                self.pending += data
        before, self.pending = self.pending[:found.start()], self.pending[found.end():]
        return before, found

    def console_end(self):
        return "\n".join(self.console.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])

    def try_sh(self, line, patience=60):
        """Exit status and output of a shell command line in the guest."""
        assert "\n" not in line
        self.channel.sendall(line.encode() + b"\n")
        before, found = self.read_until(rb"<<<(\d+)>>>\r?\n", patience)
        return int(found.group(1)), before.decode(errors="replace").replace("\r", "")

    def sh(self, line, patience=60):
        """Output of a command that must succeed."""
        status, text = self.try_sh(line, patience)
        if status != 0:
            raise GuestFailed(f"'{line}' in the guest: status {status}\n{text}\n{self.try_sh('dmesg | tail -n 25')[1]}")
        return text

    def control(self, card):
        return str(self.folder / f"card{card}.ctl")

    def ctl(self, *words, card=0):
        """`lightcard ctl` on a card, from outside of the guest: its answer."""
        done = subprocess.run([self.lightcard, "ctl", self.control(card), "--json", *words], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise GuestFailed(f"lightcard ctl {' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout)

    def reboot(self):
        self.channel.sendall(b"reboot -f\n")
        self.wait_ready()


def make_folder():
    """Sockets have short names only: not in the build folder, whose path may be long."""
    return tempfile.TemporaryDirectory(prefix="lcg", dir=os.environ.get("TMPDIR", "/tmp"))
