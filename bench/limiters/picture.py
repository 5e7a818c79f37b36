"""Arrivals in sliding windows as a picture, docs/limits.svg, from the arrivals of a run that is kept
in arrivals.json: microseconds, each after the one before."""

import itertools
import json
import os

from limiters import oracle
from limiters.contestants import CONTESTANTS

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "arrivals.json")
PICTURE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "limits.svg")

COLUMNS, WIDTH, HEIGHT = 3, 250, 104  # of panels; of what is drawn in one
LEFT, TOP, ACROSS, DOWN = 34, 84, 282, 172  # where the first is, and from one to the next
MOST = 20  # the end of the scale: more than any contestant let through
COLUMN = 0.5  # so fine is drawn; of what lies in one column the highest counts

STYLE = """
svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --in: #0969da; --over: #cf222e }
@media (prefers-color-scheme: dark) {
  svg { --page: #0d1117; --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --in: #58a6ff; --over: #ff7b72 }
}
text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink) }
.head { font-size: 16px; font-weight: 600 } .name { font-weight: 600 } .soft { fill: var(--soft) }
.axis { font-size: 10px; fill: var(--soft) } .end { text-anchor: end } .mid { text-anchor: middle }
.over { fill: var(--over); font-weight: 600 } .never { fill: var(--in); font-weight: 600 }
.page { fill: var(--page) } .grid { stroke: var(--line); stroke-width: 1 }
.limit { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 4 3 }
.trace { stroke-width: 1.2; stroke-linejoin: round }
.within .trace { fill: var(--in); fill-opacity: .18; stroke: var(--in) }
.beyond .trace { fill: var(--over); fill-opacity: .45; stroke: var(--over) }
"""


# ---- the arrivals

def pack(found):
    """What is kept of a report: all arrivals from the first, to the microsecond."""
    runs = {name: {load: differences([time // 1000 for time in arrivals])
                   for load, arrivals in loads.items()}
            for name, loads in found["arrivals"].items()}
    machine = {what: found["machine"][what] for what in ("date", "cores", "model")}
    return {"machine": machine, "scale": found["scale"], "n": found["n"],
            "window_us": round(found["window_s"] * 1e6), "runs": runs}


def differences(times):
    return [after - before for before, after in itertools.pairwise(times)] if times else []


def unpack(kept, name, load):
    """Microseconds from the first arrival on."""
    return [0, *itertools.accumulate(kept["runs"][name][load])]


def write(kept, path):
    head = {what: kept[what] for what in kept if what != "runs"}
    lines = [f'  "{name}": {{\n' + ",\n".join(
        f'    "{load}": {json.dumps(gaps, separators=(",", ":"))}' for load, gaps in loads.items())
        + "\n  }" for name, loads in kept["runs"].items()]
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ',\n"runs": {\n' + ",\n".join(lines) + "\n}}\n")


# ---- the picture

def heights(times, window, span):
    """For each column the most arrivals that a closed window ending there holds."""
    columns = [0] * (round(WIDTH / COLUMN) + 1)
    per_us = (len(columns) - 1) / span
    steps = oracle.counts(times, window) + [(span, 0)]
    for (at, count), (until, _) in itertools.pairwise(steps):
        for column in range(int(at * per_us), min(int(until * per_us) + 1, len(columns))):
            columns[column] = max(columns[column], count)
    return columns


def trace(columns, y):
    """The path of that many steps, closed along the bottom."""
    points, last = [f"M0 {y(0):g}"], None
    for column, count in enumerate(columns):
        if count != last:
            points.append(f"H{column * COLUMN:g}V{y(count):g}")
            last = count
    return "".join(points) + f"H{WIDTH}V{y(0):g}Z"


def y_of(count):
    return round(HEIGHT * (1 - min(count, MOST) / MOST), 1)


def panel(place, title, columns, kept):
    """One contestant: how full the window that ends at each moment is."""
    n, minutes = kept["n"], kept["minutes"]
    x, y = LEFT + place % COLUMNS * ACROSS, TOP + place // COLUMNS * DOWN
    fullest, limit = max(columns), y_of(n)
    mark = "over" if fullest > n else "never"
    lines = [f'<g transform="translate({x} {y})">',
             f'<text class="name" y="-10">{title}</text>',
             f'<text class="{mark} end" x="{WIDTH}" y="-10">at most {fullest}</text>']
    for count in range(0, MOST + 1, 5):
        lines.append(f'<path class="grid" d="M0 {y_of(count)}H{WIDTH}"/>'
                     f'<text class="axis end" x="-6" y="{y_of(count) + 3.5}">{count}</text>')
    for minute in range(0, minutes + 1, 5):
        words = ("end", f"{minute} min") if minute == minutes else ("mid", minute)
        lines.append(f'<text class="axis {words[0]}" x="{WIDTH * minute / minutes:g}" '
                     f'y="{HEIGHT + 14}">{words[1]}</text>')
    drawn = f'<path class="trace" d="{trace(columns, y_of)}"/>'
    lines += [f'<g class="within" clip-path="url(#within)">{drawn}</g>',
              f'<g class="beyond" clip-path="url(#beyond)">{drawn}</g>' if fullest > n else "",
              f'<path class="limit" d="M0 {limit}H{WIDTH}"/>', "</g>"]
    return [line for line in lines if line]


def svg(kept, load):
    """The whole picture of that load."""
    window, span = kept["window_us"], 0
    times = {name: unpack(kept, name, load) for name in kept["runs"] if CONTESTANTS[name].drawn}
    span = max(all_of_it[-1] for all_of_it in times.values())
    minutes = -(-span // window)  # a window is a minute, whatever the scale
    kept = {**kept, "minutes": minutes}
    rows = -(-len(times) // COLUMNS)
    wide, high = LEFT + COLUMNS * ACROSS, TOP + rows * DOWN - 20
    limit = y_of(kept["n"])
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" '
             'aria-labelledby="title">',
             f'<title id="title">Requests in the minute that ends at each moment, counted where they '
             f'arrive, for {len(times)} limiters told {kept["n"]} per 60 s</title>',
             f"<style>{STYLE}</style>",
             f'<clipPath id="beyond"><rect x="-2" y="-4" width="{WIDTH + 4}" height="{limit + 3.4:g}"/>'
             "</clipPath>",
             f'<clipPath id="within"><rect x="-2" y="{limit - 0.6:g}" width="{WIDTH + 4}" '
             f'height="{HEIGHT - limit + 2:g}"/></clipPath>',
             f'<rect class="page" width="{wide}" height="{high}"/>',
             f'<text class="head" x="{LEFT}" y="26">Requests in the minute that ends now, counted '
             "where they arrive</text>",
             f'<text class="soft" x="{LEFT}" y="46">Each is told &quot;{kept["n"]} per 60 s&quot; (one '
             "of them 7) and given the same bursts. An API bans for what is above the line.</text>"]
    for place, name in enumerate(times):
        columns = heights(times[name], window, minutes * window)
        lines += panel(place, CONTESTANTS[name].title, columns, kept)
    return "\n".join(lines) + "\n</svg>\n"


def draw(data=DATA, picture=PICTURE, load="bursty"):
    with open(data, encoding="utf-8") as file:
        kept = json.load(file)
    with open(picture, "w", encoding="utf-8") as file:
        file.write(svg(kept, load))


def publish(found):
    kept = pack(found)
    for name, loads in found["arrivals"].items():
        for load, arrivals in loads.items():  # what is rounded must not say less than was seen
            seen = oracle.fullest(arrivals, round(found["window_s"] * 1e9))
            said = oracle.fullest(unpack(kept, name, load), kept["window_us"])
            if said != seen:
                raise RuntimeError(f"{name}, {load}: {seen} in nanoseconds, {said} in microseconds")
    write(kept, DATA)
    draw()
