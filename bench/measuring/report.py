"""The table that people read."""

import os
import time


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return {"date": time.strftime("%Y-%m-%d"), "cores": os.cpu_count(),
            "model": models[0] if models else "?", "kernel": os.uname().release,
            "load": os.getloadavg()[0]}


def floor_of(found):
    """What the bare libraries would cost a message: it is taken by HTTP, inserted, goes over three
    links (to the limiter, the dispatcher, the auditor) and back, and leaves by HTTP."""
    floors = found["floors"]
    if not floors:
        return None
    return (floors["microhttpd_post/64"] + floors["sqlite_insert/256"]
            + 3 * floors["zmq_request/32"] + floors["curl_post/32"])


def throughput(name, run, floor):
    lines = [f"{name}: {run['messages']} messages in {run['seconds']:.1f} s, "
             f"{run['per_second']:.0f}/s; {run['five_us']:.1f} us of CPU a message"
             + (f", {run['five_us'] / floor:.1f} times the floor" if floor else "")]
    lines += [f"  {process:<12}{of['user_us']:7.1f} us user {of['system_us']:6.1f} us system "
              f"{of['rss_mib']:7.1f} MiB" for process, of in run["processes"].items()]
    if "import" in run:
        lines.append(f"  {'import':<12}{run['import']['us']:7.1f} us, "
                     f"{run['messages'] / run['import']['seconds']:.0f}/s")
    if "load" in run:
        lines.append(f"  {'(load)':<12}{run['load']['us']:7.1f} us, "
                     f"{run['load']['accepted_per_second']:.0f}/s accepted")
    return lines


def own_time(run):
    parts = {"202 -> first byte": run["to_first_byte"], "answer -> settled": run["after_answer"],
             "own time": run["own"]}
    return [f"time: {run['messages']} messages at {run['rate']}/s"] + [
        f"  {what:<20} p50 {of['p50_ms']:6.2f} ms   p99 {of['p99_ms']:6.2f} ms"
        for what, of in parts.items()]


def memory(run):
    lines = [f"memory: {run['messages']} messages of {run['bodies']} bytes in lines, then as many "
             "of one key beyond its line"]
    for name, empty in run["empty_mib"].items():
        lines.append(f"  {name:<12}{empty:7.1f} MiB empty {run['full_mib'][name]:7.1f} MiB at the "
                     f"end; bytes a message: {run['in_line'][name]:7.0f} in line, "
                     f"{run['beyond'][name]:6.0f} beyond")
    return lines


def text(found):
    at = found["machine"]
    lines = [f"{at['date']}, {at['cores']} cores of {at['model']}, load {at['load']:.1f} before"]
    floor = floor_of(found)
    lines += [f"  {name:<22}{us:7.2f} us" for name, us in found["floors"].items()]
    if floor:
        lines.append(f"  {'a message, bare':<22}{floor:7.2f} us")
    for name, run in found["runs"].items():
        if name == "time":
            lines += own_time(run)
        elif name == "memory":
            lines += memory(run)
        else:
            lines += throughput(name, run, floor)
    return "\n".join(lines)
