"""Draws a dashboard as SVG, roughly as Grafana does: no fonts, scripts or pictures from elsewhere."""

import html
import re

from proof.numbers import shown, ticks

COLUMN, UNIT, GAP, TOP = 60, 34, 8, 64
COLORS = ["#3274d9", "#e0752d", "#37872d", "#c4162a", "#8f3bb8", "#0e8f8f", "#b38300", "#d44a8d", "#5b6b7b", "#6d9c00"]
NAMED = {"green": "#37872d", "yellow": "#e0a400", "orange": "#e0752d", "red": "#c4162a", "blue": "#3274d9"}
LEGEND_LINES = 5


def text(x, y, words, size=11, color="#464c54", anchor="start", weight="normal"):
    words = html.escape(str(words))
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" font-weight="{weight}">{words}</text>'


def rectangle(x, y, width, height, fill, extra=""):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{fill}" {extra}/>'


def fitting(words, pixels, size=11):
    """Cut to what fits, by a mean width of letters."""
    most = int(pixels / (size * 0.6))
    return words if len(words) <= most else words[: max(most - 1, 1)] + "…"


def named(labels, legend):
    """The name of a series, by the format of its legend."""
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), legend).strip() or "value"


def color_at(value, limits):
    color = limits["steps"][0]["color"]
    for step in limits["steps"][1:]:
        if value is not None and value >= step["value"]:
            color = step["color"]
    return NAMED[color]


def flat(panel):
    """All series of a panel as [name, points]."""
    return [
        [named(labels, target["legendFormat"]), points]
        for target, series in zip(panel["targets"], panel["series"])
        for labels, points in series
    ]


def last(points):
    return next((value for _, value in reversed(points) if value is not None), None)


def paths(points, place):
    """Lines, broken where a value is missing."""
    parts, line = [], []
    previous = None
    for at, value in points:
        gap = previous is not None and at - previous > place.gap
        if (value is None or gap) and line:
            parts.append(line)
            line = []
        if value is not None:
            line.append((place.x(at), place.y(value)))
            previous = at
    return [thinned(part) for part in [*parts, line] if part]


def thinned(line):
    """Without the points in the middle of what is level."""
    level = [0 < n < len(line) - 1 and line[n - 1][1] == y == line[n + 1][1] for n, (_, y) in enumerate(line)]
    return [point for point, drop in zip(line, level) if not drop]


def drawn_through(points):
    return "M" + "L".join(f"{x:.0f} {y:.1f}" for x, y in points)


class Place:
    """Where a value lies in a panel."""

    def __init__(self, left, top, width, height, begin, end, high):
        self.left, self.top, self.width, self.height = left, top, width, height
        self.begin, self.end, self.high = begin, end, high
        self.gap = (end - begin) / 40

    def x(self, at):
        return self.left + (at - self.begin) / (self.end - self.begin) * self.width

    def y(self, value):
        return self.top + self.height - min(value / self.high, 1.05) * self.height


def axes(place, unit, away):
    made = []
    for since, until, _ in away:
        made.append(rectangle(place.x(since), place.top, place.x(until) - place.x(since), place.height, "#f3d9d9"))
    for value in ticks(0, place.high, unit):
        y = place.y(value)
        made.append(f'<path d="M{place.left:.1f} {y:.1f}h{place.width:.1f}" stroke="#e4e7eb"/>')
        made.append(text(place.left - 5, y + 3, shown(value, unit), 9, "#7b8087", "end"))
    return made + minutes(place)


def minutes(place):
    made = []
    every = next(n for n in (1, 2, 5, 10, 30, 60, 240) if (place.end - place.begin) / 60 / n <= 7)
    for minute in range(0, int((place.end - place.begin) / 60) + 1, every):
        x = place.x(place.begin + 60 * minute)
        anchor = "end" if x > place.left + place.width - 12 else "middle"
        made.append(text(x, place.top + place.height + 12, f"{minute} min", 9, "#7b8087", anchor))
    return made


def stacked(series):
    """Each series on top of those before it, and what it stands on."""
    below, made = {}, []
    for name, points in series:
        top = [[at, below.get(at, 0) + (value or 0)] for at, value in points]
        made.append((name, points, top, [[at, below.get(at, 0)] for at, _ in points]))
        below.update({at: value for at, value in top})
    return made


def time_panel(panel, left, top, width, height, begin, end, away):
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults["unit"]
    series = sorted(flat(panel), key=lambda one: -max(value or 0 for _, value in one[1]))
    colors = colors_of(panel, [name for name, _ in series])
    stack = defaults["custom"]["stacking"]["mode"] == "normal"
    layers = stacked(series) if stack else [(name, points, points, None) for name, points in series]
    high = max((value or 0 for _, _, tops, _ in layers for _, value in tops), default=0) * 1.08 or 1
    if defaults.get("max"):
        high = min(max(high, 0.05), defaults["max"])
    lines = min(len(series), LEGEND_LINES + 1)
    place = Place(left + 58, top + 30, width - 70, height - 30 - 22 - 13 * lines, begin, end, high)
    made = axes(place, unit, away)
    for number, (_, _, tops, bottoms) in enumerate(layers):
        color = colors[number]
        for part in paths(tops, place):
            made.append(f'<path d="{drawn_through(part)}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        if bottoms:
            for up, down in zip(paths(tops, place), paths(bottoms, place)):
                made.append(f'<path d="{drawn_through(up + down[::-1])}Z" fill="{color}" fill-opacity="0.3"/>')
    for step in defaults["thresholds"]["steps"][1:]:
        if step["value"] <= high:
            y = place.y(step["value"])
            made.append(f'<path d="M{place.left:.1f} {y:.1f}h{place.width:.1f}" stroke="{NAMED[step["color"]]}" stroke-dasharray="5 4"/>')
    return made + legend(series, colors, unit, left, place.top + place.height + 28, width)


def colors_of(panel, names):
    """The fixed colours, and the palette's for the others."""
    fixed = {
        one["matcher"]["options"]: NAMED[one["properties"][0]["value"]["fixedColor"]]
        for one in panel["fieldConfig"]["overrides"]
    }
    return [fixed.get(name, COLORS[number % len(COLORS)]) for number, name in enumerate(names)]


def legend(series, colors, unit, left, y, width):
    made = []
    for number, (name, points) in enumerate(series[:LEGEND_LINES]):
        line = y + 13 * number
        most = max(value or 0 for _, value in points)
        made.append(rectangle(left + 12, line - 6, 10, 3, colors[number]))
        made.append(text(left + 27, line, fitting(name, width - 245, 10), 10))
        made.append(text(left + width - 112, line, f"last {shown(last(points), unit)}", 10, "#7b8087", "end"))
        made.append(text(left + width - 10, line, f"max {shown(most, unit)}", 10, "#7b8087", "end"))
    if len(series) > LEGEND_LINES:
        made.append(text(left + 27, y + 13 * LEGEND_LINES, f"and {len(series) - LEGEND_LINES} more", 10, "#7b8087"))
    return made


def stat_panel(panel, left, top, width, height, begin, end, _):
    defaults = panel["fieldConfig"]["defaults"]
    limits = defaults["thresholds"]
    series = flat(panel)
    if not series:
        return [text(left + width / 2, top + height / 2 + 12, defaults.get("noValue", "No data"), 18, "#7b8087", "middle")]
    made = []
    each = (height - 34) / len(series)
    for number, (name, points) in enumerate(series):
        y = top + 28 + each * number
        value = last(points)
        if "decimals" in defaults and value is not None:
            value = round(value, defaults["decimals"])
        color = color_at(value, limits)
        plain = panel["options"]["colorMode"] == "value"
        ink = color if plain else "#ffffff"
        made.append(rectangle(left + 6, y, width - 12, each - 4, "#f4f6f8" if plain else color, 'rx="3"'))
        if len(points) > 2:
            high = max(value or 0 for _, value in points) or 1
            spark = Place(left + 6, y + each * 0.55, width - 12, each * 0.45 - 4, begin, end, high)
            for part in paths(points, spark):
                made.append(f'<path d="{drawn_through(part)}" fill="none" stroke="{ink}" stroke-opacity="0.55"/>')
        size = 24 if each > 50 else 16
        made.append(text(left + width / 2, y + each * 0.5 + size * 0.2, shown(value, defaults["unit"]), size, ink, "middle", "bold"))
        if len(series) > 1:
            made.append(text(left + 14, y + each * 0.5 + 4, name, 11, ink))
    return made


def state_panel(panel, left, top, width, height, begin, end, _):
    series = sorted(flat(panel))
    names = 190 if width > 520 else 150
    each = min((height - 56) / max(len(series), 1), 32)
    place = Place(left + names, top + 30, width - names - 14, each * len(series), begin, end, 1)
    made = minutes(place)
    for number, (name, points) in enumerate(series):
        y = place.top + each * number
        made.append(text(left + names - 6, y + each * 0.6, fitting(name, names - 14, 10), 10, anchor="end"))
        since = None
        for (at, value), (after, following) in zip(points, [*points[1:], [None, None]]):
            since = at if since is None else since
            gap = after is None or after - at > place.gap
            if gap or following != value:
                until = min(at + place.gap, end) if gap else after
                color = NAMED["green"] if value else NAMED["red"]
                made.append(rectangle(place.x(since), y + 2, place.x(until) - place.x(since), each - 4, color, 'fill-opacity="0.8"'))
                since = None
    return made


def table_panel(panel, left, top, width, height, *_):
    overrides = {one["matcher"]["options"]: one["properties"] for one in panel["fieldConfig"]["overrides"]}
    order = panel["transformations"][1]["options"]
    renamed = order["renameByName"]
    labels = [name for name in order["indexByName"] if not name.startswith("Value #")]
    rows = {}
    for target, series in zip(panel["targets"], panel["series"]):
        for found, points in series:
            key = tuple(found.get(label, "") for label in labels)
            rows.setdefault(key, {})[renamed[f"Value #{target['refId']}"]] = last(points)
    columns = [renamed[f"Value #{target['refId']}"] for target in panel["targets"]]
    widths = [{"version": 0.7, "commit": 1.2}.get(label, 1.7) for label in labels] + [1.0] * len(columns)
    edges = [left + 12]
    for share in widths:
        edges.append(edges[-1] + share / sum(widths) * (width - 24))
    heads = [renamed.get(label, label) for label in labels] + columns
    made = [text(edges[n], top + 44, name, 10, "#3274d9", weight="bold") for n, name in enumerate(heads)]
    fit = int((height - 60) / 20)
    for number, (key, values) in enumerate(sorted(rows.items(), reverse=True)[::-1][:fit]):
        y = top + 64 + 20 * number
        made.append(f'<path d="M{left + 10} {y - 14:.1f}h{width - 20}" stroke="#e4e7eb"/>')
        for place, words in enumerate(key):
            made.append(text(edges[place], y, fitting(words, edges[place + 1] - edges[place] - 4), 11))
        for place, name in enumerate(columns, len(labels)):
            properties = {one["id"]: one["value"] for one in overrides[name]}
            value = values.get(name)
            if "decimals" in panel["fieldConfig"]["defaults"] and value is not None and properties["unit"] == "short":
                value = round(value)
            color = color_at(value, properties["thresholds"]) if "thresholds" in properties and value is not None else "#464c54"
            made.append(text(edges[place], y, shown(value, properties["unit"]), 11, color))
    return made


DRAW = {"timeseries": time_panel, "stat": stat_panel, "state-timeline": state_panel, "table": table_panel}


def dashboard(made, panels, begin, end, away):
    width = 24 * COLUMN + GAP
    height = TOP + max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * UNIT + GAP
    happened = "; ".join(f"{name} from minute {(since - begin) / 60:.1f} to {(until - begin) / 60:.1f}" for since, until, name in away)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="Inter, Helvetica, Arial, sans-serif">',
        f"<title>{html.escape(made['title'])}</title>",
        rectangle(0, 0, width, height, "#eef0f2"),
        text(14, 28, made["title"], 20, "#1f2328", weight="bold"),
        text(14, 50, f"{made['description']} Shaded: {happened}.", 12),
    ]
    for panel in panels:
        at = panel["gridPos"]
        left, top = at["x"] * COLUMN + GAP, TOP + at["y"] * UNIT
        if panel["type"] == "row":
            drawn.append(text(left + 4, top + 22, f"▾ {panel['title']}", 14, "#1f2328", weight="bold"))
            continue
        wide, tall = at["w"] * COLUMN - GAP, at["h"] * UNIT - GAP
        drawn.append(f"<g><title>{html.escape(panel['description'])}</title>")
        drawn.append(rectangle(left, top, wide, tall, "#ffffff", 'stroke="#d8dce1" rx="3"'))
        drawn.append(text(left + 10, top + 19, fitting(panel["title"], wide - 16, 12), 12, "#1f2328", weight="bold"))
        if panel["type"] != "stat" and not any(panel["series"]):
            drawn.append(text(left + wide / 2, top + tall / 2, "No data", 14, "#7b8087", "middle"))
        else:
            drawn += DRAW[panel["type"]](panel, left, top, wide, tall, begin, end, away)
        drawn.append("</g>")
    return "\n".join([*drawn, "</svg>"]) + "\n"
