"""A 10,000-seat arena with a stage at one end: floor, lower bowl, boxes, upper bowl.

```
             stage
  U | L | | floor  | | L | U
  U | L | |        | | L | U
  U | L  ╲________╱   L | U
   ╲  ╲       L       ╱  ╱
    ╲  ╲_____________╱  ╱
     ╲________U________╱
```

The bowls are rows at growing distances from one curve around the floor: down its left side, around a corner, along
the back, and up the right side. So a straight section has rows of one length, and a corner's rows grow.
"""

import math

from seating import CATEGORIES, ROW_LETTERS, SEAT_PITCH_PX, add_row, arc, area, polygon, rectangle, spread, zone

SEATS = 10_000

CENTRE_X = 2300
STAGE_FRONT_Y = 900

# The curve around the floor: its left side is at CENTRE_X - SIDE_X, its back at BACK_Y.
SIDE_X = 880
BACK_Y = STAGE_FRONT_Y + 2900
CORNER_PX = 420
SIDE_TOP_Y = STAGE_FRONT_Y - 60
SIDE_PX = BACK_Y - CORNER_PX - SIDE_TOP_Y
BACK_PX = 2 * (SIDE_X - CORNER_PX)

# Width of a stair between sections, and depth of a row.
STAIR_PX = 60
ROW_PX = 42
LOWER_ROWS = 14
UPPER_ROWS = 10


class Section:
    """One section of a bowl: where it starts and ends along the curve, in pixels of straight or radians of corner."""

    def __init__(self, part, start, end, blocks=1):
        self.part, self.start, self.end, self.blocks = part, start, end, blocks

    def length(self, depth_px):
        """Length of the section's row at `depth_px` behind the curve."""
        stretch = CORNER_PX + depth_px if self.part.endswith("corner") else 1
        return (self.end - self.start) * stretch

    def point(self, depth_px, along_px):
        """The point at `along_px` from the section's start on that row."""
        left, right = CENTRE_X - SIDE_X, CENTRE_X + SIDE_X
        if self.part == "left":
            return left - depth_px, SIDE_TOP_Y + self.start + along_px
        if self.part == "back":
            return left + CORNER_PX + self.start + along_px, BACK_Y + depth_px
        if self.part == "right":
            return right + depth_px, BACK_Y - CORNER_PX - self.start - along_px
        radius = CORNER_PX + depth_px
        angle = self.start + along_px / radius
        if self.part == "left corner":
            return left + CORNER_PX - radius * math.cos(angle), BACK_Y - CORNER_PX + radius * math.sin(angle)
        return right - CORNER_PX + radius * math.sin(angle), BACK_Y - CORNER_PX + radius * math.cos(angle)


def sections(side, corner, back, side_blocks, back_blocks):
    """The sections of a bowl in the order of their numbers, from the stage's left to its right."""
    quarter = math.pi / 2
    parts = [("left", SIDE_PX, side, side_blocks), ("left corner", quarter, corner, 1),
             ("back", BACK_PX, back, back_blocks), ("right corner", quarter, corner, 1),
             ("right", SIDE_PX, side, side_blocks)]
    return [
        Section(part, length * index / count, length * (index + 1) / count, blocks)
        for part, length, count, blocks in parts
        for index in range(count)
    ]


def bowl_row(section, depth_px, cut_px, missing):
    """Points of one row. `cut_px` is taken off the end next to the stage, `missing` seats out of the middle."""
    length = section.length(depth_px) - STAIR_PX
    offsets = spread(length, section.blocks, STAIR_PX)
    if missing:
        middle = len(offsets) // 2
        offsets = offsets[:middle - missing // 2] + offsets[middle + (missing + 1) // 2:]
    if section.part == "left":
        offsets = [offset for offset in offsets if offset >= cut_px]
    else:
        offsets = [offset for offset in offsets if offset <= length - cut_px]
    return [section.point(depth_px, STAIR_PX / 2 + offset) for offset in offsets]


def bowl(name, number, bowl_sections, rows, first_depth_px, grade, missing):
    """Zones of one bowl, `rows` rows each. `grade` and `missing` take the index of the section and of the row: the
    category, and how many seats make way for something in the middle of the row."""
    zones = []
    last = len(bowl_sections) - 1
    for index, section in enumerate(bowl_sections):
        made = zone(f"{name} {number + index}", f"{name[0]}{number + index}", section.point(first_depth_px, 0))
        for row in range(rows):
            # The ends of the bowl recede towards the back: from there the side of the stage would hide the show.
            cut_px = row * 14 if index in (0, last) else 0
            points = bowl_row(section, first_depth_px + row * ROW_PX, cut_px, missing(index, row))
            add_row(made, ROW_LETTERS[row], [(x, y, grade(index, row)) for x, y in points])
        zones.append(made)
    return zones


def lower_grade(index, row):
    """R near the floor; S behind, and along the back of the house from the middle rows on."""
    return "R" if row < (6 if 3 <= index <= 7 else 9) else "S"


def lower_missing(index, row):
    """The doorways, in the middle rows of the corners; the other sections are entered by their middle aisle."""
    return 5 if 5 <= row < 9 and index in (3, 4, 6, 7) else 0


def upper_grade(index, row):
    """S in the front rows of the sides and corners; A behind them and beside the stage."""
    return "S" if row < 4 and 0 < index < 15 else "A"


def upper_missing(index, row):
    """The doorways near the front of every section, and two camera platforms in the last row of the house."""
    if row == UPPER_ROWS - 1:
        return 9 if index in (7, 8) else 0
    return 5 if 2 <= row < 5 else 0


def floor():
    """Six blocks before the stage in rows curved towards it, around the mixing desk."""
    zones = []
    centre = (CENTRE_X, STAGE_FRONT_Y - 3600)
    names = [("A", -1, 0), ("B", 0, 0), ("C", 1, 0), ("D", -1, 1), ("E", 0, 1), ("F", 1, 1)]
    for name, column, half in names:
        width_px = 500 if column == 0 else 460
        offset_px = column * (480 + 70)
        first_radius_px = 3600 + 190 + half * 1040
        made = zone(f"Floor {name}", f"F{name}", arc(centre, first_radius_px, offset_px - width_px / 2))
        for row in range(21 + 2 * half):
            # Blocks beside the middle grow towards the back, as the barriers before the stage spread.
            row_px = width_px - (max(0, 6 - row) * 24 if column and half == 0 else 0)
            start_px = offset_px - width_px / 2 + (width_px - row_px if column < 0 else 0)
            offsets = [start_px + offset for offset in spread(row_px, 1, 0)]
            if name == "E" and row < 5:
                offsets = [offset for offset in offsets if abs(offset) > 160]
            points = [arc(centre, first_radius_px + row * 44, offset) for offset in offsets]
            category = "VIP" if half == 0 and row < (16 if column == 0 else 12) else "R"
            add_row(made, str(row + 1), [(x, y, category) for x, y in points])
        zones.append(made)
    return zones


def boxes(depth_px):
    """Boxes of two rows of five between the bowls: all front rows of a side first, then the rows behind them."""
    zones, number = [], 1
    for side, part, length_px in (("West", "left", SIDE_PX), ("South", "back", BACK_PX), ("East", "right", SIDE_PX)):
        count = int(length_px // 185)
        section = Section(part, 0, length_px)
        made = zone(f"Boxes {side}", f"X{side[0]}", section.point(depth_px, 0))
        margin_px = (length_px - count * 185) / 2 + (185 - 4 * SEAT_PITCH_PX) / 2
        for letter, behind_px in (("A", 0), ("B", 40)):
            for box in range(count):
                points = [section.point(depth_px + behind_px, margin_px + box * 185 + seat * SEAT_PITCH_PX)
                          for seat in range(5)]
                add_row(made, f"{number + box}{letter}", [(x, y, "VIP") for x, y in points], None)
                made["rows"][-1]["row_label"] = f"Box {number + box}, row {letter}"
        number += count
        zones.append(made)
    return zones


def stage_areas(made):
    """What is drawn besides seats: the stage with its runway, and the mixing desk."""
    area(made, (CENTRE_X - 640, STAGE_FRONT_Y - 700),
         polygon([(0, 0), (1280, 0), (1280, 700), (720, 700), (720, 800), (560, 800), (560, 700), (0, 700)]),
         "#37363f", "#1d1c22", "STAGE", (640, 350), 96)
    area(made, (CENTRE_X - 140, STAGE_FRONT_Y + 1225), rectangle(280, 190), "#6b6a73", "#1d1c22", "MIX", (140, 95), 48)


def plan():
    """The arena."""
    ground = floor()
    lower = bowl("Lower", 101, sections(3, 2, 1, 2, 2), LOWER_ROWS, 90, lower_grade, lower_missing)
    suites = boxes(750)
    upper = bowl("Upper", 201, sections(5, 2, 2, 1, 1), UPPER_ROWS, 900, upper_grade, upper_missing)
    zones = ground + lower + suites + upper
    stage_areas(ground[0])
    return {
        "name": "Early Bird Arena",
        "categories": CATEGORIES,
        "zones": zones,
        "size": {"width": 2 * CENTRE_X, "height": BACK_Y + 1450},
    }
