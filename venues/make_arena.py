#!/usr/bin/env python3
"""Writes the example venues as seating-plan JSON, the form that pretix exports.

    venues/make_arena.py --plan arena                write venues/arena.json
    venues/make_arena.py --plan club --svg club.svg  write venues/club.json, and draw it
    venues/make_arena.py --check venues/arena.json   check the committed file

Needs Python 3 and nothing else, and writes the same bytes every time. Rows are in the file front first within their
zone and seats from left to right; rows of a bowl's side run away from the stage, so a neighbour is found by its
distance, not by x alone.
"""

import argparse
import json
import math
import sys
from collections import Counter
from pathlib import Path

import arena
import club
import draw
import seating

PLANS = {"arena": arena, "club": club}


def faults(plan, expected_seats):
    """What is wrong with a plan, one line each."""
    names = [category["name"] for category in plan["categories"]]
    seats = list(seating.all_seats(plan))
    if len(seats) != expected_seats:
        yield f"{len(seats)} seats, expected {expected_seats}"
    for what, values in (
        ("seat_guid", [seat["seat_guid"] for _, _, seat in seats]),
        ("category name", names),
        ("zone name", [zone["name"] for zone in plan["zones"]]),
        ("zone_id", [zone["zone_id"] for zone in plan["zones"]]),
    ):
        yield from (f"{what} {value} occurs {count} times" for value, count in Counter(values).items() if count > 1)
    used = Counter(seat["category"] for _, _, seat in seats)
    yield from (f"category {name} is not in the plan's list" for name in used if name not in names)
    yield from (f"category {name} has no seat" for name in names if name not in used)
    for zone in plan["zones"]:
        numbers = Counter(row["row_number"] for row in zone["rows"])
        yield from (f"zone {zone['name']}: row {number} twice" for number, count in numbers.items() if count > 1)
        empty = [row["row_number"] for row in zone["rows"] if not row["seats"]]
        yield from (f"zone {zone['name']}: row {number} is empty" for number in empty)
    for x, y, seat in seats:
        if not (0 <= x <= plan["size"]["width"] and 0 <= y <= plan["size"]["height"]):
            yield f"seat {seat['seat_guid']} is outside the plan at {x:.1f}, {y:.1f}"
    yield from overlaps(seats)


def overlaps(seats):
    """Pairs of seats nearer to each other than a seat is wide, found through a grid of cells of that width."""
    width = 2 * seating.SEAT_RADIUS_PX
    cells = {}
    for x, y, seat in seats:
        column, line = int(x // width), int(y // width)
        for other_x, other_y, other in (
            other for i in (-1, 0, 1) for j in (-1, 0, 1) for other in cells.get((column + i, line + j), ())
        ):
            if math.hypot(x - other_x, y - other_y) < width:
                yield f"seats {other['seat_guid']} and {seat['seat_guid']} overlap"
        cells.setdefault((column, line), []).append((x, y, seat))


def check(path):
    """Faults of a committed file, and whether the script still writes the same bytes."""
    name = path.stem
    if name not in PLANS:
        return [f"no plan of the name {name}: the file's name is one of {', '.join(PLANS)}"]
    text = path.read_text(encoding="utf-8")
    found = list(faults(json.loads(text), PLANS[name].SEATS))
    if text != seating.encode(PLANS[name].plan()):
        found.append(f"differs from what the script writes: run venues/make_arena.py --plan {name}")
    return found


def report(found, path):
    """Print the faults, at most 20 of them. Returns the exit code."""
    for fault in found[:20]:
        print(f"{path}: {fault}", file=sys.stderr)
    if len(found) > 20:
        print(f"{path}: and {len(found) - 20} more", file=sys.stderr)
    return 1 if found else 0


def write(name, output, svg):
    """Write a plan, unless it has faults."""
    plan = PLANS[name].plan()
    found = list(faults(plan, PLANS[name].SEATS))
    if svg:
        svg.write_text(draw.svg(plan), encoding="utf-8")
    if not found:
        output.write_text(seating.encode(plan), encoding="utf-8")
        print(f"{output}: {PLANS[name].SEATS} seats in {len(plan['zones'])} zones")
    return report(found, output)


def main():
    """The command line. Exit code 0 means that the plan is sound."""
    parser = argparse.ArgumentParser(description="Write or check the example venues.")
    parser.add_argument("--plan", choices=PLANS, default="arena")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: PLAN.json beside this script")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the plan as well")
    parser.add_argument("--check", type=Path, metavar="FILE", help="check FILE instead of writing one")
    options = parser.parse_args()
    if options.check:
        code = report(check(options.check), options.check)
        if code == 0:
            print(f"{options.check}: ok")
        return code
    output = options.output or Path(__file__).resolve().parent / f"{options.plan}.json"
    return write(options.plan, output, options.svg)


if __name__ == "__main__":
    sys.exit(main())
