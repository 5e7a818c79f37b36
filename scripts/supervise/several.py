"""Several limiters and dispatchers in one run: what each is called, told, and where it is reached."""

from supervise.layout import HEALTH, Stop

STEP = 10  # between the health ports of two of one stage


def stage_of(name):
    """"limiter-2" is a limiter."""
    return name.partition("-")[0]


def names(stage, count):
    return [stage] + [f"{stage}-{n}" for n in range(2, count + 1)]


def health(address, nth):
    """Where the nth of a stage says how it is, when the first does at `address`."""
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + STEP * (nth - 1)}"


def links(stage, count, settings, data):
    """Where all of a stage are reached: the first as its settings say."""
    first = settings[stage].get("listen") or [f"ipc://{data}/run/{stage}.sock"]
    return first + [f"ipc://{data}/run/{name}.sock" for name in names(stage, count)[1:]]


def spread(commands, counts, settings, data):
    """{name: command} of all; whoever dials one of several is told them all."""
    if counts.get("limiter", 1) > 1 and settings["limiter"].get("store", "sqlite") == "sqlite":
        raise Stop(78, "several limiters need one store between them: --redis")
    for stage, dialled in (("ingest", "limiter"), ("limiter", "dispatcher")):
        if counts.get(dialled, 1) > 1:
            there = links(dialled, counts[dialled], settings, data)
            commands[stage] = commands[stage] + [f"--{dialled}s", ",".join(there)]
    found = {}
    for stage, command in commands.items():
        for nth, name in enumerate(names(stage, counts.get(stage, 1)), 1):
            own = [] if nth == 1 else [
                "--instance", str(nth), "--listen", f"ipc://{data}/run/{name}.sock",
                "--health-listen", health(settings[stage]["health_listen"], nth)]
            found[name] = command + own
    return found


def addresses(counts, settings):
    """{setting: host:port} of the health ports of all but the first of each stage."""
    return {f"{name}.health_listen": health(settings[stage]["health_listen"], nth)
            for stage in HEALTH
            for nth, name in enumerate(names(stage, counts.get(stage, 1)), 1) if nth > 1}
