"""Draws a seating plan as SVG, to be looked at before it is committed."""

from seating import SEAT_RADIUS_PX, all_seats

GROUND = "#f7f6f2"


def draw_area(zone, drawn):
    """One area as SVG."""
    x = zone["position"]["x"] + drawn["position"]["x"]
    y = zone["position"]["y"] + drawn["position"]["y"]
    style = f'fill="{drawn["color"]}" stroke="{drawn["border_color"]}" stroke-width="2"'
    kind = drawn["shape"]
    shape = drawn[kind]
    if kind == "polygon":
        points = " ".join(f"{x + point['x']:.1f},{y + point['y']:.1f}" for point in shape["points"])
        yield f'<polygon points="{points}" {style}/>'
    elif kind == "rectangle":
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{shape["width"]}" height="{shape["height"]}" {style}/>'
    else:
        raise ValueError(f"area of shape {kind}: only polygon and rectangle are drawn")
    if "text" in drawn:
        text = drawn["text"]
        yield (f'<text x="{x + text["position"]["x"]:.1f}" y="{y + text["position"]["y"]:.1f}" fill="{text["color"]}" '
               f'font-size="{text["size"]}" text-anchor="middle" dominant-baseline="central">{text["text"]}</text>')


def svg(plan):
    """The plan as an SVG document."""
    width, height = plan["size"]["width"], plan["size"]["height"]
    colors = {category["name"]: category["color"] for category in plan["categories"]}
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
             f'<rect width="{width}" height="{height}" fill="{GROUND}"/>']
    for zone in plan["zones"]:
        for drawn in zone["areas"]:
            lines.extend(draw_area(zone, drawn))
    lines.extend(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{SEAT_RADIUS_PX}" fill="{colors[seat["category"]]}"/>'
        for x, y, seat in all_seats(plan)
    )
    return "\n".join(lines) + "\n</svg>\n"
