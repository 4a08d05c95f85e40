#!/usr/bin/env python3
"""Prints what the tests said on each driver and profile; exit status 1 if anything failed.

usage: driver_table.py FOLDER DRIVER...

FOLDER has, of every driver, ctest's report DRIVER.xml and the program's own list of devices,
DRIVER.json, both as tools/test leaves them. A missing report is a failure: ctest did not get there.
"""
import json
import os
import sys
import xml.etree.ElementTree as xml

PROFILES = ["clamped", "scalar", "coopmat", "coopmat2"]  # the tests' suffixes


def device(folder, driver):
    """What the driver calls itself, and the profile that is chosen on it."""
    try:
        with open(os.path.join(folder, driver + ".json"), encoding="utf-8") as file:
            devices = [d for d in json.load(file)["devices"] if d["usable"]]
        return devices[0]["driver"], devices[0]["profile"]
    except (OSError, ValueError, LookupError):
        return "no usable device", "none"


def outcomes(path):
    """For each profile, in the tests' order: the names of what passed, failed, was skipped."""
    found = {}
    for case in xml.parse(path).getroot().iter("testcase"):
        name, _, suffix = case.get("name").rpartition(".")
        profile = suffix if name and suffix in PROFILES else "plain"
        kind = {"run": "passed", "notrun": "skipped"}.get(case.get("status"), "failed")
        if kind == "passed" and case.find("failure") is not None:
            kind = "failed"
        found.setdefault(profile, {}).setdefault(kind, []).append(case.get("name"))
    return found


def main(folder, drivers):
    rows = [("driver", "", "profile", "passed", "failed", "skipped")]
    failures = []
    for driver in drivers:
        name, chosen = device(folder, driver)
        try:
            found = outcomes(os.path.join(folder, driver + ".xml"))
        except (OSError, xml.ParseError) as error:
            rows.append((driver, name, "no report", "0", "all", "0"))
            failures.append(f"{driver}: ctest left no report: {error}")
            continue
        if not found:
            failures.append(f"{driver}: no test ran")
        for profile in ["plain"] + PROFILES:
            if profile not in found:
                continue
            counts = [len(found[profile].get(k, [])) for k in ["passed", "failed", "skipped"]]
            shown = f"plain ({chosen})" if profile == "plain" else profile
            rows.append((driver, name, shown, *map(str, counts)))
            failures += [f"{driver}: {test}" for test in found[profile].get("failed", [])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        left = "  ".join(cell.ljust(width) for cell, width in zip(row[:3], widths))
        print(left, *(cell.rjust(width) for cell, width in zip(row[3:], widths[3:])), sep="  ")
    for failure in failures:
        print("failed:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
