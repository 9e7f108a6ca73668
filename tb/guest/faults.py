# SPDX-License-Identifier: Apache-2.0
"""Every fault of the card, once each, with the sample driver loaded. What the driver made of it is one of

  recovers    it noticed by itself, and the card was up again without anybody's help
  fences      it noticed, and let nobody near the card until somebody had mended it
  reports     its log says what happened; work goes on
  passes on   the program that asked, or the log page it reads, has it; the driver has nothing to do

and docs/faults.md has that word for each fault: the two are compared."""
import pathlib
import re
import time

from machine import GuestFailed

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/faults.md"
STRESS = "lightcard-smi stress --seconds 1 --kib 64 --timeout 3"
LENET = "lightcard-smi run /data/lenet.lcp --inputs /data/lenet.codes --outputs /tmp/lenet.out"


class Row:
    """One fault: how it is put in, what provokes it, what the log must say, what mends it."""

    def __init__(self, name, inject, does=STRESS, says=None, fails=None, then=None, cure=None, seen=None):
        self.name = name
        self.inject = inject  # fields for `lightcard ctl inject`, or a command line in the guest
        self.does = does      # in the guest
        self.says = says      # a pattern of the kernel's log
        self.fails = fails    # a pattern of what the program says that fails; None: it must not fail
        self.then = then      # words for `lightcard ctl` after the fault is in
        self.cure = cure      # words for `lightcard ctl` afterwards
        self.seen = seen      # (command in the guest, pattern): where it shows besides


ROWS = [
    Row("boot_slow", "time=1s count=1", then="reset kind=cold", says="bringing it up again"),
    Row("boot_failed", "unit=memory count=1", then="reset kind=cold", says="boot: failed in stage .* BOOT_ERR",
        fails="0 rounds", cure="reset kind=cold"),
    Row("firmware_hang", "", says="HEARTBEAT stands still", fails="0 rounds|has not ended"),
    Row("all_ones", "", says="registers do not answer", fails="0 rounds|has not ended"),
    Row("interrupt_lost", "count=1", says="an interrupt was lost"),
    Row("interrupt_duplicate", "lightcard-smi inject 6 --count 1"),
    Row("dma_poisoned", "direction=read count=1", says="error of its DMA unit", fails="has not ended|ABORTED|HOST_BUS"),
    Row("queue_stuck", "queue=1", does="for i in 1 2; do lightcard-smi stress --seconds 1 --kib 64 --timeout 3 || bad=1; done; test -z $bad",
        says="does not end, resetting", fails="has not ended"),
    Row("cell_stuck", "core=0 bank=0 row=3 column=5 level=77", does=LENET, seen=("lightcard-smi wear", r"0 +0 .* [1-9]\d* +\d+$"), cure="clear fault=cell_stuck"),
    Row("laser_line", "core=0 lane=1", does=LENET, says="error of its laser unit", fails="LASER_LOST", cure="clear fault=laser_line"),
    Row("adc_offset", "core=0 column=3 offset=100000", does=LENET, says="core 0 needs a calibration", cure="clear fault=adc_offset"),
    Row("thermal", "core=0 kelvin=15", does=LENET, says="core 0 is 15000 mK off", cure="clear fault=thermal"),
    Row("drift", "time=1d", does=LENET, says="core 0 needs a calibration"),
    Row("link", "lanes=1 generation=1", says="the link runs at generation 1, 1 lanes", cure="clear fault=link",
        seen=("lightcard-smi sensors", "link_lanes +0 +1 ")),
    Row("cells_worn", "core=0 bank=1", does=LENET, says="core 0, bank 1 is worn out", fails="WORN_OUT|VERIFY_FAILED"),  # for good: the last
]


def expect(condition, row, message):
    if not condition:
        raise GuestFailed(f"{row.name}: {message}")


def documented():
    """{fault: the words in its last column} of docs/faults.md."""
    rows = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            rows[cells[0].strip("`")] = cells[4]
    return rows


def put_in(guest, row):
    if row.inject.startswith("lightcard-smi"):
        guest.sh(row.inject)
        time.sleep(0.05)
    else:
        guest.machine.ctl("inject", f"fault={row.name}", *row.inject.split())


def settle(guest, patience=60):
    """The state once the driver has done what it does."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        state = guest.show()["state"]
        if state.startswith("failed"):
            return "failed"
        if state.startswith("ready") and "CSTS 0xffffffff" not in state:
            return "ready"
        time.sleep(0.2)
    return state


def provoke(guest, row):
    """One fault from injection to what the driver made of it: the word for it, and how long it took."""
    guest.sh("dmesg -c > /dev/null")
    recoveries, begun = guest.recoveries(), time.monotonic()
    put_in(guest, row)
    if row.then:
        guest.machine.ctl(*row.then.split())
        time.sleep(1.5)  # the driver looks once a second
        settle(guest)
    status, text = guest.try_sh(row.does, 120)
    if row.fails:
        expect(status != 0 and re.search(row.fails, text), row, f"'{row.does}' was to fail with '{row.fails}': {status}, {text}")
    else:
        expect(status == 0, row, f"'{row.does}' fails: {text}")
    time.sleep(0.2)
    state = settle(guest)
    log = guest.sh("dmesg")
    seconds = time.monotonic() - begun
    if row.says:
        expect(re.search(row.says, log), row, f"the log does not say '{row.says}':\n{log}")
    if row.seen:
        expect(re.search(row.seen[1], guest.sh(row.seen[0]), re.MULTILINE), row, "does not show in " + guest.sh(row.seen[0]))
    if state == "failed":
        word = "fences"
    elif guest.recoveries() > recoveries:
        word = "recovers"
    else:
        word = "reports" if row.says else "passes on"
    if row.cure:
        guest.machine.ctl(*row.cure.split())
    if state == "failed":
        guest.smi("reset", patience=60)
    return word, seconds, log


def run(guest):
    said = documented()
    missing = set(said) ^ {row.name for row in ROWS}
    if missing:
        raise GuestFailed(f"docs/faults.md and this scenario do not have the same faults: {missing}")
    different = []
    for row in ROWS:
        try:
            word, seconds, log = provoke(guest, row)
        except GuestFailed as failure:
            different.append(str(failure))
            print(f"guest:   {row.name:<20} FAILED", flush=True)
            guest.machine.ctl("clear", "fault=all")
            guest.try_sh("lightcard-smi reset")
            continue
        print(f"guest:   {row.name:<20} {word:<10} {seconds:5.1f} s", flush=True)
        if not said[row.name].startswith(word):
            different.append(f"{row.name}: {word}, docs/faults.md says '{said[row.name]}'\n{log}")
        guest.kernel_quiet()
        if word in ("recovers", "fences"):
            guest.healthy()
    if different:
        raise GuestFailed("\n".join(different))
