"""Pieces of a seating plan in the JSON form that pretix exports, and the checks that every plan passes.

Lengths are pixels, as in pretix: a seat is drawn with a radius of 10 and stands 25 from its neighbour, which makes
50 pixels a metre. x grows to the right, y away from the stage. A seat's place on the plan is the sum of the positions
of its zone, its row and itself.
"""

import json
import math

SEAT_PITCH_PX = 25
SEAT_RADIUS_PX = 10

# The grades of Korean box offices, best first.
CATEGORIES = [
    {"name": "VIP", "color": "#b3261e"},
    {"name": "R", "color": "#e08a00"},
    {"name": "S", "color": "#2e7d4f"},
    {"name": "A", "color": "#3b6fb6"},
]

# Without I and O, which people read as 1 and 0 on a ticket.
ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def position(x, y):
    """A position, to a tenth of a pixel: finer would differ between maths libraries."""
    return {"x": round(x, 1) + 0.0, "y": round(y, 1) + 0.0}


def zone(name, zone_id, origin):
    """An empty zone; `origin` is the point that its rows and areas are relative to."""
    return {"name": name, "zone_id": zone_id, "position": position(*origin), "rows": [], "areas": []}


def add_row(zone, row_number, seats, number_position="both"):
    """Append a row. `seats` are `(x, y, category)` on the plan from left to right, numbered from 1."""
    if not seats:
        return
    zone_x, zone_y = zone["position"]["x"], zone["position"]["y"]
    first = position(seats[0][0] - zone_x, seats[0][1] - zone_y)
    zone["rows"].append({
        "row_number": row_number,
        "row_label": f"Row {row_number}",
        "seat_label": "Seat %s",
        "row_number_position": number_position,
        "position": first,
        "seats": [
            {
                "seat_guid": f"{zone['zone_id']}-{row_number}-{number}",
                "seat_number": str(number),
                "position": position(x - zone_x - first["x"], y - zone_y - first["y"]),
                "category": category,
            }
            for number, (x, y, category) in enumerate(seats, start=1)
        ],
    })


def area(zone, at, shape, color, border_color, text=None, text_at=(0, 0), text_size=16):
    """Append an area, something drawn that nobody can book: `shape` is `(kind, its fields)`, `at` on the plan."""
    kind, fields = shape
    x, y = at[0] - zone["position"]["x"], at[1] - zone["position"]["y"]
    drawn = {"shape": kind, "color": color, "border_color": border_color, "rotation": 0, "position": position(x, y)}
    drawn[kind] = fields
    if text:
        drawn["text"] = {"text": text, "color": "#ffffff", "size": text_size, "position": position(*text_at)}
    zone["areas"].append(drawn)


def rectangle(width, height):
    """The shape of a rectangle, from its top left corner."""
    return ("rectangle", {"width": width, "height": height})


def polygon(points):
    """The shape of a polygon, its points relative to the area's position."""
    return ("polygon", {"points": [position(x, y) for x, y in points]})


def spread(length_px, blocks, aisle_px):
    """Offsets of seats along a line of `length_px`: as many as fit in `blocks` equal blocks with aisles between."""
    block_px = (length_px - aisle_px * (blocks - 1)) / blocks
    count = int(block_px // SEAT_PITCH_PX)
    margin_px = (block_px - (count - 1) * SEAT_PITCH_PX) / 2
    return [
        block * (block_px + aisle_px) + margin_px + seat * SEAT_PITCH_PX
        for block in range(blocks)
        for seat in range(count)
    ]


def arc(centre, radius_px, offset_px):
    """The point `offset_px` to the right along an arc, measured from its lowest point; the stage is above it."""
    angle = offset_px / radius_px
    return centre[0] + radius_px * math.sin(angle), centre[1] + radius_px * math.cos(angle)


def all_seats(plan):
    """Every seat as `(x, y, seat)` on the plan, in the order of the file."""
    for plan_zone in plan["zones"]:
        for row in plan_zone["rows"]:
            for seat in row["seats"]:
                places = (plan_zone["position"], row["position"], seat["position"])
                yield sum(place["x"] for place in places), sum(place["y"] for place in places), seat


def encode(plan):
    """Compact JSON with one row a line, so that a change to one row is a small diff."""
    text = json.dumps(plan, ensure_ascii=False, separators=(",", ":"))
    for start in ('{"row_number":', '{"name":"', '{"shape":'):
        text = text.replace(start, "\n" + start)
    return text.lstrip() + "\n"
