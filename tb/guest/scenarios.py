# SPDX-License-Identifier: Apache-2.0
"""What a guest is put through. Each scenario is a function of a running guest; it raises if something is not as it must be.
Those of one machine share a boot, in this order, each finding the driver loaded and the card up."""
import base64
import difflib
import hashlib
import os
import pathlib
import re
import struct
import time

import faults as fault_rows
from machine import GuestFailed

HERE = pathlib.Path(__file__).resolve().parent
DRIFT_BOUND = 0.01  # of the range of the outputs; each run writes its weights anew, and uses them within milliseconds
CARDS = []  # PCI addresses, by number; the root ports put them on buses of their own


class Expected(GuestFailed):
    pass


def expect(condition, message):
    if not condition:
        raise Expected(message)


class Guest:
    """A machine, and what the scenarios share."""

    def __init__(self, machine, reference):
        self.machine, self.reference = machine, reference

    def sh(self, line, patience=60):
        return self.machine.sh(line, patience)

    def try_sh(self, line, patience=60):
        return self.machine.try_sh(line, patience)

    def smi(self, arguments, card=0, patience=60):
        return self.sh(f"lightcard-smi {arguments}{f' --card {card}' if card else ''}", patience)

    def address(self, card=0):
        return pathlib.PurePosixPath(self.sh(f"readlink /sys/class/lightcard/lightcard{card}/device").strip()).name

    def show(self, card=0):
        """`lightcard-smi show` as a dictionary."""
        return {line[2:16].strip(): line[17:].strip() for line in self.smi("show", card).splitlines()[1:]}

    def resets(self, card=0):
        return int(self.show(card)["resets"].split(",")[0])

    def recoveries(self, card=0):
        return int(re.search(r"(\d+) recoveries", self.show(card)["resets"]).group(1))

    def weights(self, card=0):
        """Ids and generations, without what time and use change."""
        return [line.split()[:7] for line in self.smi("weights", card).splitlines()[1:]]

    def load(self, parameters=""):
        self.sh(f"insmod /mod/lightcard.ko {parameters}")

    def lenet(self, card=0):
        """Runs LeNet; the hash of what came out."""
        self.smi("run /data/lenet.lcp --inputs /data/lenet.codes --outputs /tmp/lenet.out", card, 120)
        return self.sh("sha256sum /tmp/lenet.out").split()[0]

    def wait_state(self, state, card=0, patience=30):
        limit = time.monotonic() + patience
        while state not in self.show(card)["state"]:
            expect(time.monotonic() < limit, f"card {card} is not {state} after {patience} s: {self.show(card)}")
            time.sleep(0.2)

    def healthy(self, card=0):
        """The card does what it is told."""
        self.wait_state("ready", card)
        self.smi("stress --seconds 1 --kib 64", card)

    def kernel_quiet(self):
        """No oops, warning or leak report of the kernel's."""
        lines = self.sh("dmesg | grep -E 'BUG:|WARNING:|Call Trace|Oops|refcount|scheduling while|blocked for more' || true")
        expect(lines == "", "the kernel complains:\n" + lines + (self.sh("dmesg | tail -n 120") if lines else ""))

    def expected_outputs(self):
        return hashlib.sha256(self.reference.read_bytes()).hexdigest()


# --- one machine, two cards
def driver(guest):
    """The module loads; queues and interrupts are there."""
    guest.load()
    text = guest.smi("list")
    expect(len(text.splitlines()) == len(guest.machine.cards), "lightcard-smi lists:\n" + text)
    expect(all(line.endswith("ready") for line in text.splitlines()), text)
    interrupts = guest.sh("grep lightcard0 /proc/interrupts")
    expect(len(interrupts.splitlines()) >= 2, "a vector for the admin queue and one for an I/O queue:\n" + interrupts)
    expect("lightcard0-q1" in interrupts, interrupts)
    guest.kernel_quiet()


def lspci(guest):
    """`lspci -vv` of the card is as written down."""
    seen = guest.sh(f"lspci -vv -s {guest.address()} 2>/dev/null")
    seen = re.sub(r"(IRQ |Memory at |Region \d: Memory at )[0-9a-f]+", r"\1*", seen)
    golden = HERE / "lspci.txt"
    if os.environ.get("LIGHTCARD_WRITE_GOLDEN"):
        golden.write_text(seen, encoding="utf-8")
    wanted = golden.read_text(encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(wanted.splitlines(), seen.splitlines(), "tb/guest/lspci.txt", "guest", lineterm=""))
    expect(not difference, "lspci -vv differs:\n" + difference)


def lenet(guest):
    """LeNet through /dev/lightcard0 gives the bytes that it gives in process."""
    expect(guest.lenet() == guest.expected_outputs(), "outputs differ from those in process")


def sensors(guest):
    """hwmon has what the telemetry table has; energy grows, the die is as warm as its card says."""
    folder = guest.sh("grep -lx lightcard /sys/class/hwmon/hwmon*/name").split()[0].removesuffix("/name")
    read = {name: text for name, text in (line.split(":", 1) for line in guest.sh(
        f"cd {folder}; for i in *_label *_input *_average; do echo $i:$(cat $i); done").splitlines())}
    names = {(name[:4], text): name.removesuffix("_label") for name, text in read.items() if name.endswith("_label")}
    expect({("temp", "die 0"), ("powe", "board"), ("powe", "laser 0"), ("ener", "board")} <= set(names), f"sensors: {read}")
    die, power, meter = (names[kind] for kind in (("temp", "die 0"), ("powe", "board"), ("ener", "board")))
    table = {(line.split()[0], int(line.split()[1])): int(line.split()[2]) for line in guest.smi("sensors").splitlines()}
    outside = {(row["name"], row["index"]): row["value"] for row in guest.machine.ctl("sensors")["sensors"]}
    expect(table.keys() == outside.keys(), f"the driver reads {sorted(table)}, the card has {sorted(outside)}")
    for name in ("firmware_version", "commands", "cells_written", "link_rate", "link_lanes", "laser_lines", "temp_die"):
        expect(table[name, 0] == outside[name, 0], f"{name}: {table[name, 0]} in the guest, {outside[name, 0]} outside")
    expect(int(read[die + "_input"]) == table["temp_die", 0], f"die: {read}, {table['temp_die', 0]}")
    expect(0 < int(read[power + "_average"]) < 500_000_000, f"power: {read}")
    before, energy = int(read[meter + "_input"]), table["energy", 0]
    guest.smi("stress --seconds 1 --kib 64")
    after = int(guest.sh(f"cat {folder}/{meter}_input"))
    expect(before <= energy < after, f"energy does not grow: {before}, {energy}, {after} uJ")


def two_cards(guest):
    """The second card does the same, and does not disturb the first."""
    expect(guest.lenet(1) == guest.expected_outputs(), "outputs of the second card differ")
    before = guest.weights(0)
    guest.sh("lightcard-smi stress --seconds 2 --card 0 & lightcard-smi stress --seconds 2 --card 1 && wait $!")
    guest.smi("reset", 1)
    expect(guest.weights(0) == before, "a reset of the second card changed the first")
    guest.healthy(0)


def isolation(guest):
    """Memory that is not the program's own is refused; a command the card refuses fails alone."""
    guest.sh("guest-abuse")
    guest.healthy()


def flr(guest):
    """Function-level reset in mid-DMA: what was in flight ends, the rest goes on, weights stay."""
    weights, resets, address = guest.weights(), guest.resets(), guest.address()
    guest.sh(f"echo flr > /sys/bus/pci/devices/{address}/reset_method")
    text = guest.sh("lightcard-smi stress --seconds 4 --kib 64 --background 64 > /tmp/stress & sleep 1; "
                    f"for i in 1 2 3; do echo 1 > /sys/bus/pci/devices/{address}/reset || exit 1; sleep 0.3; done; "
                    "wait $! && cat /tmp/stress")
    expect(int(re.search(r"(\d+) ended by a reset", text).group(1)) >= 1, "no reset came in mid-DMA: " + text)
    expect("by function" in guest.show()["resets"], guest.show()["resets"])
    expect(guest.resets() >= resets + 3, f"RESET_COUNT {resets} -> {guest.resets()}")
    expect(guest.weights() == weights, "weights did not survive")
    guest.healthy()


def bus_reset(guest):
    """Secondary bus reset by the root port's bridge control, behind the driver's back: it notices, and brings the card up."""
    weights, recoveries, address = guest.weights(), guest.recoveries(), guest.address()
    port = pathlib.PurePosixPath(guest.sh(f"readlink -f /sys/bus/pci/devices/{address}/..").strip()).name
    guest.sh(f"setpci -s {port} BRIDGE_CONTROL=40:40; sleep 0.1; setpci -s {port} BRIDGE_CONTROL=0:40; sleep 0.3")
    limit = time.monotonic() + 30
    while guest.recoveries() == recoveries:
        expect(time.monotonic() < limit, "the driver did not notice: " + str(guest.show()))
        time.sleep(0.3)
    expect(guest.weights() == weights, "weights did not survive")
    guest.healthy()


def unbind_in_use(guest):
    """Unbound while a program copies: the program gets an error, nothing else happens; bound again, the card works."""
    address = guest.address()
    text = guest.sh(f"lightcard-smi stress --seconds 20 > /tmp/stress 2>&1 & sleep 1; echo {address} > /sys/bus/pci/drivers/lightcard/unbind; "
                    "wait $!; echo status $?; cat /tmp/stress")
    expect("status 0" not in text and "status 1" in text, "the program was to fail: " + text)
    guest.sh(f"echo {address} > /sys/bus/pci/drivers/lightcard/bind")
    guest.healthy()


def reload(guest, times=50):
    """The module goes and comes fifty times; memory comes back."""
    available = "awk '/MemAvailable/ { print $2 }' /proc/meminfo"
    weights = guest.weights()
    once = "rmmod lightcard && insmod /mod/lightcard.ko"
    guest.sh(f"{once} && {once}")
    before = int(guest.sh(available))
    guest.sh(f"i=0; while [ $i -lt {times - 2} ]; do {once} || exit 1; i=$((i + 1)); done", 180)
    lost = before - int(guest.sh(available))
    expect(lost < 4096, f"{lost} KiB of memory did not come back")
    expect(guest.weights() == weights, "weights did not survive")
    guest.healthy()


def one_vector(guest):
    """One MSI-X vector for everything."""
    guest.sh("rmmod lightcard")
    guest.load("single_vector=1")
    expect("1 vectors" in guest.show()["queues"], guest.show()["queues"])
    guest.healthy()
    guest.sh("rmmod lightcard")
    guest.load()
    guest.healthy()


def reboots(guest, times=10):
    """The guest reboots ten times; the card and its weights are there each time."""
    weights = guest.weights()
    for _ in range(times):
        guest.machine.reboot()
        guest.load()
        expect(guest.weights() == weights, "weights did not survive the reboot")
    guest.healthy()


def latency(guest):
    """What the way to the card costs, against a device that only answers. Printed; the ratio of a read must stay sane."""
    card, echo = (guest.sh(f"lspci -Dn -d 1d9b:{device}").split()[0] for device in ("0128", "eeee"))
    guest.sh("rmmod lightcard")
    guest.sh("; ".join(f"echo 1 > /sys/bus/pci/devices/{address}/enable" for address in (card, echo)))
    ratios = []
    while len(ratios) < 3 and min(ratios, default=9) >= 1.3:  # what else the host does may fall on one of the two
        text = guest.sh(f"lightcard-smi registers {card} --echo {echo} --rounds 4000", 120)
        ratios.append(float(re.search(r"against the echo +([0-9.]+)", text).group(1)))
    guest.load()
    print(text + guest.smi("measure --rounds 2000", patience=120), end="")
    expect(min(ratios) < 1.3, f"a read of MAGIC takes {ratios} times that of the echo, not 1.3")


def tutorial(guest):
    """The driver that docs/driver-tutorial.md writes loads, copies, and leaves; the other one finds the card as it should be."""
    guest.sh("rmmod lightcard; insmod /mod/first.ko")
    text = guest.sh("dmesg | tail -n 3")
    expect("65536 bytes there and back: right" in text, text)
    guest.sh("rmmod first")
    guest.load()
    guest.healthy()
    guest.kernel_quiet()


def faults(guest):
    """Every fault there is, once, with the driver loaded; what it makes of each is what docs/faults.md says."""
    fault_rows.run(guest)


def live(guest):
    """With cells that age (run.ageing live), the outputs are those of the frozen card but for the drift of the seconds since
    the weights were written; how far that moves them is printed and bounded."""
    guest.lenet()
    def images(raw):  # ten sums each
        return [struct.unpack_from("<10i", raw, at) for at in range(0, len(raw), 40)]
    seen, wanted = images(base64.b64decode(guest.sh("base64 /tmp/lenet.out"))), images(guest.reference.read_bytes())
    expect(len(seen) == len(wanted) and seen != [], f"{len(seen)} images, not {len(wanted)}")
    spread = max(map(max, wanted)) - min(map(min, wanted))
    moved = max(abs(a - b) for ours, theirs in zip(seen, wanted) for a, b in zip(ours, theirs)) / spread
    same = sum(ours.index(max(ours)) == theirs.index(max(theirs)) for ours, theirs in zip(seen, wanted))
    print(f"guest:   drift moves an output by {100 * moved:.2f} % of their range at most; {same} of {len(wanted)} classes are the same")
    expect(moved <= DRIFT_BOUND, f"outputs moved by {moved} of their range, more than {DRIFT_BOUND}")
    expect(same >= len(wanted) - 2, f"only {same} classes are the same")


def window(guest):
    """Card memory, mapped by QEMU (serve --map-bar2): guest and card see the same bytes, and no message is needed."""
    text = guest.sh(f"guest-window {guest.address()}", 120)
    expect(text.startswith("PASS"), text)
    print("guest:   " + text, end="")
    rate = float(re.search(r"([0-9.]+) MB/s", text).group(1))
    expect(rate > 20, f"{rate} MB/s: the accesses are messages")
    guest.healthy()


# --- a machine with an IOMMU
def iommu_driver(guest):
    """The driver behind a virtual IOMMU: every page is a map of its own."""
    guest.load()
    expect(guest.lenet() == guest.expected_outputs(), "outputs differ from those in process")
    guest.healthy()
    guest.sh("rmmod lightcard")


def vfio_pci(guest):
    """The stock vfio-pci driver takes the card, and a driver in user space runs a command through it."""
    for name in ("irqbypass", "vfio", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci"):
        guest.sh(f"insmod /mod/{name}.ko")
    device = guest.sh("lspci -Dn -d 1d9b:0128").split()[0]
    guest.sh(f"echo vfio-pci > /sys/bus/pci/devices/{device}/driver_override && echo {device} > /sys/bus/pci/drivers_probe")
    text = guest.sh(f"guest-vfio {device}", 120)
    expect("PASS" in text, text)


class Group:
    """Scenarios that one machine can run, one after another."""

    def __init__(self, name, functions, **machine):
        self.name, self.functions, self.machine = name, functions, machine


GROUPS = [
    Group("driver", [driver, lspci, lenet, sensors, two_cards, isolation, flr, bus_reset, unbind_in_use, one_vector, reload], cards=2),
    Group("latency", [driver, latency], echo=True),
    Group("reboot", [driver, lenet, tutorial, reboots]),
    Group("faults", [driver, lenet, faults], serve=("--set", "run.inject=on")),
    Group("window", [driver, live, window], serve=("--map-bar2", "--set", "run.ageing=live")),
    Group("iommu", [iommu_driver, vfio_pci], iommu=True),
]
JOB = ("driver", [driver, lspci, lenet])  # what `scripts/guest` does unless told otherwise


def find(name):
    """(group, functions) of a group's or a scenario's name, with the scenario that loads the driver in front."""
    for group in GROUPS:
        if name == group.name:
            return group, group.functions
    for group in GROUPS:
        for function in group.functions:
            if function.__name__ == name:
                first = group.functions[0]
                needed = [] if function is first or function is vfio_pci else [first]
                if function in (lenet, two_cards, live, window):
                    return group, [*needed, function]
                if first is driver and function not in (driver, lspci):
                    needed.append(lenet)  # weights to survive
                return group, [*needed, function]
    return None
