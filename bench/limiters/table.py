"""The table that people read."""

from limiters import oracle, speed
from limiters.contestants import CONTESTANTS


def row(found, name):
    """What one contestant's arrivals say, as a dictionary."""
    window, n = round(found["window_s"] * 1e9), found["n"]
    said = {}
    for load, arrivals in found["arrivals"][name].items():
        said[load] = {"fullest": oracle.fullest(arrivals, window), "arrivals": len(arrivals),
                      "over": oracle.over(arrivals, window, n),
                      "first_over": oracle.first_over(arrivals, window, n)}
    if "saturated" in said:
        said["per_hour"] = oracle.per_hour(found["arrivals"][name]["saturated"], n, window)
    return said


def _cell(said, load):
    if load not in said:
        return f"{'-':>7} {'-':>12}"
    one = said[load]
    banned = f"ban at {one['first_over']}" if one["over"] else "never"
    return f"{one['fullest']:>7} {one['over']:>5} of {one['arrivals']:<5} {banned:<10}"


def text(found):
    at = found["machine"]
    lines = [f"{at['date']}, {at['cores']} cores of {at['model']}, load {at['load']:.1f}; "
             f"{found['n']} per {found['window_s']:g} s; fullest closed window, arrivals over it, "
             "and when a sink that bans would have",
             f"{'':<28}{'saturated':<32}{'bursty':<31}messages an hour"]
    for name in found["arrivals"]:
        said = row(found, name)
        hour = said.get("per_hour")
        lines.append(f"{CONTESTANTS[name].title:<26}{_cell(said, 'saturated')} "
                     f"{_cell(said, 'bursty')}" + (f"{hour:9.1f}" if hour else "        -"))
    lines += [f"{CONTESTANTS[name].title:<26}skipped: {why}" for name, why in found["skipped"].items()]
    lines.append(f"{len(found['arrivals'])} contestants measured, {len(found['skipped'])} skipped")
    if "speed" in found:
        lines.append(speed.text(found["speed"]))
    return "\n".join(lines)
