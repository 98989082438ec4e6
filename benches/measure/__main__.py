"""Measures the whole daemon beside the floor and prints one table in Markdown. Absolute figures are never asserted."""

import argparse
import os
import sys
import time
from pathlib import Path

from parts import Bench
from rows import QUICK
from rows import ROWS


def main():
    arguments = read_arguments()
    names = arguments.rows or (QUICK if arguments.quick else [name for name in ROWS if name != "flat"])
    bench = Bench(arguments.target, arguments.quick)
    table = [["row", "target", "ours", "floor of the same run", "ratio"], ["---"] * 5]
    failed = False
    try:
        for name in names:
            began = time.monotonic()
            try:
                table += [line.cells() for line in ROWS[name](bench)]
            except Exception as error:
                failed = True
                table.append([name, "–", f"not measured: {str(error).strip().splitlines()[-1:]}", "–", "–"])
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    finally:
        bench.close()
    binary = (bench.programs / "whmcs-stock-monitor").stat().st_size / 1e6
    print(f"{os.cpu_count()} cores; medians, and in brackets the least and the most; the program is {binary:.1f} MB\n")
    for cells in table:
        print("| " + " | ".join(cells) + " |")
    return 1 if failed else 0


def read_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="of " + ", ".join(ROWS) + "; all but flat if none")
    parser.add_argument("--quick", action="store_true", help="fewer rows and passes, about two minutes")
    parser.add_argument("--target", type=Path, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = [row for row in arguments.rows if row not in ROWS]
    if unknown:
        parser.error("no such row: " + ", ".join(unknown))
    return arguments


if __name__ == "__main__":
    sys.exit(main())
