#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recompute the energy figures of a lightcard report from its counters, without lightcard's code.

usage: check-energy.py REPORT.json [...]

For each report (schema lightcard/report/1):
  1. joules of every account = count x joules_per_count, exactly; the counts of its phases add up to it
  2. joules_per_count = the configuration value that the account names as its parameter
  3. conversion loss, totals by category, by boundary (core, card, system), with and without laser, for the run and for
     each phase; the layers' energies add up to the run's
  4. the power trace integrates to the energy of each category
  5. account counts = the physical counters they must follow (samples, cells, bits, time)
Prints every figure that differs. Exit status: 0 all agree, 1 a figure differs, 2 cannot read the report.
"""
import json
import math
import re
import sys

SCOPES = ("core", "card", "system")
SUM_TOLERANCE = 1e-11  # sums of doubles in another order
PREFIX = {"": 0, "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "m": -3, "k": 3, "M": 6, "G": 9}


class Checker:
    def __init__(self, name):
        self.name, self.checks, self.failures = name, 0, []

    def equal(self, what, reported, expected):
        self.checks += 1
        if reported != expected:
            self.failures.append(f"{what}: report says {reported!r}, expected {expected!r}")

    def close(self, what, reported, expected, scale=None, tolerance=SUM_TOLERANCE):
        self.checks += 1
        limit = tolerance * max(abs(expected), abs(scale or 0.0))
        if not math.isfinite(reported) or abs(reported - expected) > limit:
            self.failures.append(f"{what}: report says {reported!r}, expected {expected!r}")


def tabulate(accounts, counts, efficiency):
    """{(category, scope, with_laser): joules}, conversion loss included from scope card on."""
    table = {}
    for with_laser in (True, False):
        drawn = []
        by_place = {}
        for account, count in zip(accounts, counts):
            if account["category"] == "laser" and not with_laser:
                continue
            joules = float(count) * account["joules_per_count"]
            by_place.setdefault((account["category"], account["scope"]), []).append(joules)
            if account["through_vrm"]:
                drawn.append(joules)
        by_place.setdefault(("conversion_loss", "card"), []).append(math.fsum(drawn) * (1 / efficiency - 1))
        for limit, scope in enumerate(SCOPES):
            for category in {c for c, _ in by_place}:
                parts = [j for s in SCOPES[: limit + 1] for j in by_place.get((category, s), [])]
                table[category, scope, with_laser] = math.fsum(parts)
    return table


def total(table, scope, with_laser):
    return math.fsum(j for (_, s, laser), j in table.items() if s == scope and laser == with_laser)


def check_table(check, where, section, table, seconds):
    everything = total(table, "system", True)
    for category, joules in section["joules_by_category"].items():
        check.close(f"{where} {category}", joules, table.get((category, "system", True), 0.0), everything * 1e-3)
    missing = {c for (c, s, laser), j in table.items() if s == "system" and laser and j != 0}
    check.equal(f"{where} categories missing", sorted(missing - set(section["joules_by_category"])), [])
    loss = section["conversion_loss"]
    check.close(f"{where} conversion loss", loss["joules"], table["conversion_loss", "system", True], everything * 1e-3)
    check.close(f"{where} conversion loss without laser", loss["joules_without_laser"],
                table["conversion_loss", "system", False], everything * 1e-3)
    for scope in SCOPES:
        for key, with_laser in (("with_laser", True), ("without_laser", False)):
            reported, expected = section["scopes"][scope][key], total(table, scope, with_laser)
            check.close(f"{where} {scope} {key}", reported["joules"], expected)
            check.close(f"{where} {scope} {key} watts", reported["watts"], expected / seconds if seconds > 0 else 0.0)


def check_accounts(check, accounts):
    for account in accounts:
        path = f"account {account['path']}/{account['category']}"
        check.equal(f"{path} joules", account["joules"], float(account["count"]) * account["joules_per_count"])
        check.equal(f"{path} sum of phases", sum(account["count_by_phase"].values()), account["count"])


def quantity(text):
    """'2.4 pJ' -> (2.4e-12, 'J'); None if it is not an energy or a power."""
    match = re.fullmatch(r"\s*([-+0-9.eE]+)\s*([fpnuµmkMG]?)(J|W|J/b)\s*", text)
    if not match:
        return None
    number, prefix, unit = match.groups()
    return float(f"{number}e{PREFIX[prefix]}") if "e" not in number.lower() else float(number) * 10.0 ** PREFIX[prefix], unit


def check_unit_energies(check, accounts, config):
    """A unit energy is the named parameter itself; a static one is its power times a picosecond."""
    for account in accounts:
        value = quantity(config.get(account["parameter"], ""))
        if value is None or account["unit"] == "lane-ps":  # a lane's power is a product of several parameters
            continue
        number, unit = value
        expected = number * 1e-12 if unit == "W" else number
        if account["unit"] == "pulse":  # an adaptive write loop pays a pulse, of verify_iterations a full loop has
            expected /= float(config["card.pcm.verify_iterations"])
        check.close(f"account {account['path']}/{account['category']} joules_per_count", account["joules_per_count"], expected)


def check_lanes(check, accounts, report):
    """Laser and modulator tuning: watts a lane from the configuration, lane-time within cores x lanes x run time."""
    card, config = report["card"], report["config"]
    values = {path.rsplit(".", 1)[-1]: text for path, text in config.items()}
    lit = {}
    for account in accounts:
        if account["unit"] != "lane-ps":
            continue
        core = account["path"].split(".")[0]
        path = f"account {account['path']}/{account['category']}"
        limit = card["lanes"] * report["time"]["end_ps"]
        check.equal(f"{path} within lanes x time", account["count"] <= limit, True)
        lit.setdefault(core, set()).add(account["count"])
        if account["category"] == "laser" and "row_power" in values and "wall_plug_efficiency" in values:
            efficiency = values["wall_plug_efficiency"]
            share = float(efficiency.rstrip(" %")) / 100 if "%" in efficiency else float(efficiency)
            watts = card["n"] * quantity(values["row_power"])[0] / share
            check.close(f"{path} watts a lane", account["joules_per_count"], watts * 1e-12)
        if account["category"] == "modulator" and "modulator_tuning" in values:
            watts = card["n"] * quantity(values["modulator_tuning"])[0]
            check.close(f"{path} watts a lane", account["joules_per_count"], watts * 1e-12)
    lasers = [a["count"] for a in accounts if a["unit"] == "lane-ps" and a["category"] == "laser"]
    if lasers:  # every lane of a core is lit together
        check.equal("lane-time of all lasers", sum(lasers), card["lanes"] * report["counters"]["laser_on_ps"])
    for core, counts in lit.items():  # a modulator is tuned exactly while its lane is lit
        check.equal(f"{core} lane-time of laser and tuning", len(counts), 1)


def check_counters(check, accounts, report):
    """Counts that follow from physical counters. A relation is skipped when the card has no such account."""
    counters, end = report["counters"], report["time"]["end_ps"]

    def count(suffix):
        found = [a["count"] for a in accounts if a["path"] == suffix or re.fullmatch(r"core\d+\." + suffix, a["path"])]
        return sum(found) if found else None

    relations = {
        "dac": counters["dac_samples"], "modulator": counters["dac_samples"],
        "adc": counters["adc_samples"], "receiver": counters["adc_samples"],
        "control_chip.accumulate": counters["adc_samples"],
        "pcm_write": counters["cell_writes"], "bank_switch": counters["bank_switches"],
        "control_chip.sram": counters["sram_bits"], "card_memory.access": 8 * counters["dram_bytes"],
        "control_chip.vector": sum(layer["vector_elements"] for layer in report["layers"]),
        "control_chip.digital_mac": sum(layer["digital_macs"] for layer in report["layers"]),
        "card_memory.background": end,
    }
    pulses = [a["count"] for a in accounts if a["unit"] == "pulse"]
    if pulses:  # an adaptive write loop: at least a pulse a cell, at most a full loop
        del relations["pcm_write"]
        most = counters["cell_writes"] * float(report["config"]["card.pcm.verify_iterations"])
        check.equal("pulses a cell", counters["cell_writes"] <= sum(pulses) <= most, True)
    for suffix, expected in relations.items():
        if count(suffix) is not None:
            check.equal(f"count of {suffix}", count(suffix), expected)
    board = [count(path) for path in ("board.fixed", "board.light_sleep", "board.deep_sleep") if count(path) is not None]
    if board:  # by power state; the fan stands in deep sleep
        check.equal("count of board.fixed + sleeps", sum(board), end)
    if count("board.fan") is not None:
        check.equal("count of board.fan", count("board.fan"), end - (count("board.deep_sleep") or 0))
    link = [count(path) for path in ("host_link.active", "host_link.idle") if count(path) is not None]
    if link:
        check.equal("count of host_link.active + idle", sum(link), end)
    if count("die_to_die") is not None:
        bits = {key: int(report["config"][f"card.converters.{key}_bits"]) for key in ("dac", "adc")}
        check.equal("count of die_to_die", count("die_to_die"),
                    bits["dac"] * counters["dac_samples"] + bits["adc"] * counters["adc_samples"])
    layers = report["layers"]
    for key, total_count in (("tile_vectors", counters["mvms"]), ("adc_samples", counters["adc_samples"]),
                             ("adc_clipped", counters["adc_clipped"]), ("tile_loads", counters["tile_loads"]),
                             ("cell_writes", counters["cell_writes"])):
        check.equal(f"layers' {key}", sum(layer[key] for layer in layers), total_count)


def check_layers(check, report, table):
    everything = total(table, "system", True)
    check.close("sum of the layers' joules", math.fsum(layer["joules"] for layer in report["layers"]), everything)
    for layer in report["layers"]:
        check.close(f"layer {layer['index']} sum of categories", math.fsum(layer["joules_by_category"].values()), layer["joules"])
    for (category, scope, laser), joules in table.items():
        if scope == "system" and laser and joules != 0:
            parts = math.fsum(layer["joules_by_category"].get(category, 0.0) for layer in report["layers"])
            check.close(f"sum of the layers' {category}", parts, joules)


def check_trace(check, trace, table):
    seconds = trace["bin_width_ps"] * 1e-12
    for category, watts in trace["watts"].items():
        check.equal(f"trace of {category} bins", len(watts), trace["bins"])
        check.close(f"integral of the power trace, {category}", math.fsum(watts) * seconds,
                    table.get((category, "system", True), 0.0), tolerance=1e-9)
    traced = {c for c, _ in trace["watts"].items()}
    drawn = {c for (c, s, laser), j in table.items() if s == "system" and laser and j != 0}
    check.equal("categories missing in the power trace", sorted(drawn - traced), [])


def check_report(report, name):
    check = Checker(name)
    if report.get("schema") != "lightcard/report/1":
        raise KeyError("schema is not lightcard/report/1")
    energy, time = report["energy"], report["time"]
    accounts, efficiency = energy["accounts"], energy["vrm_efficiency"]
    check_accounts(check, accounts)
    check_unit_energies(check, accounts, report["config"])
    check_lanes(check, accounts, report)
    table = tabulate(accounts, [a["count"] for a in accounts], efficiency)
    check_table(check, "run", energy, table, time["end_ps"] * 1e-12)
    edge = 0
    for phase in energy["phases"]:
        check.equal(f"phase {phase['name']} start", phase["start_ps"], edge)
        edge = phase["end_ps"]
        counts = [a["count_by_phase"][phase["name"]] for a in accounts]
        check_table(check, f"phase {phase['name']}", phase, tabulate(accounts, counts, efficiency),
                    (phase["end_ps"] - phase["start_ps"]) * 1e-12)
    check.equal("end of the last phase", edge, time["end_ps"])
    check_layers(check, report, table)
    check_trace(check, energy["trace"], table)
    check_counters(check, accounts, report)
    return check


def main(paths):
    if not paths or paths[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if paths else 2
    worst = 0
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                check = check_report(json.load(file), path)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            print(f"{path}: cannot check: {type(error).__name__}: {error}", file=sys.stderr)
            return 2
        for line in check.failures:
            print(f"{path}: {line}")
        print(f"{path}: {check.checks - len(check.failures)} of {check.checks} figures agree")
        worst = max(worst, 1 if check.failures else 0)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
