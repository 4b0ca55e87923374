"""A jazz club of 60 seats: small enough to print, with a curve, an aisle, a balcony and a bar."""

import math

from seating import CATEGORIES, SEAT_PITCH_PX, add_row, arc, area, polygon, rectangle, spread, zone

SEATS = 60

CENTRE_X = 270
STAGE_FRONT_Y = 90
AISLE_PX = 50


def stalls():
    """Four curved rows with an aisle in the middle, the front one best."""
    centre = (CENTRE_X, STAGE_FRONT_Y - 240)
    made = zone("Stalls", "ST", (CENTRE_X, STAGE_FRONT_Y))
    for row, (seats, category) in enumerate([(8, "VIP"), (10, "R"), (10, "R"), (12, "S")]):
        length_px = seats * SEAT_PITCH_PX + AISLE_PX
        offsets = [offset - length_px / 2 for offset in spread(length_px, 2, AISLE_PX)]
        points = [arc(centre, 300 + row * 45, offset) for offset in offsets]
        add_row(made, "ABCD"[row], [(x, y, category) for x, y in points])
    return made


def balcony():
    """Two straight rows above the room's end."""
    made = zone("Balcony", "BA", (CENTRE_X, STAGE_FRONT_Y + 260))
    for row in range(2):
        y = STAGE_FRONT_Y + 270 + row * 40
        add_row(made, "EF"[row], [(CENTRE_X + (seat - 2.5) * SEAT_PITCH_PX, y, "S") for seat in range(6)])
    return made


def quarter_circle(radius_px, steps):
    """Points of a quarter circle from its left end to its top, relative to the circle's centre."""
    angles = [math.pi / 2 * step / (steps - 1) for step in range(steps)]
    return [(-radius_px * math.cos(angle), -radius_px * math.sin(angle)) for angle in angles]


def bar():
    """Stools around the quarter circle of the bar, in the right corner of the room."""
    corner = (600, STAGE_FRONT_Y + 340)
    made = zone("Bar", "BR", corner)
    stools = [(corner[0] + x, corner[1] + y, "A") for x, y in quarter_circle(135, 10)[1:9]]
    add_row(made, "Bar", stools, None)
    made["rows"][0].update(row_label="Bar", seat_label="Stool %s")
    area(made, corner, polygon(quarter_circle(110, 10) + [(0, 0)]), "#7a5c3e", "#4d3a27", "BAR", (-45, -40), 20)
    return made


def plan():
    """The club."""
    zones = [stalls(), balcony(), bar()]
    stage = rectangle(240, STAGE_FRONT_Y - 20)
    area(zones[0], (CENTRE_X - 120, 20), stage, "#37363f", "#1d1c22", "STAGE", (120, 35), 24)
    return {
        "name": "Early Bird Club",
        "categories": CATEGORIES,
        "zones": zones,
        "size": {"width": 600, "height": 430},
    }
