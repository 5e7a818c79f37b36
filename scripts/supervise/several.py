"""Several of a stage in one run: what each is called, told, and where it is reached."""

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


def told(command, flag, value):
    """The command with this flag, whatever it said of it."""
    if flag in command:
        at = command.index(flag)
        command = command[:at] + command[at + 2:]
    return command + [flag, value]


def front_door(settings, nth):
    """Where the nth ingest takes messages; between two there is room for sluice-upstream."""
    return health(settings["ingest"]["listen"], nth + 1 if nth > 1 else nth)


def own_flags(name, nth, settings, data):
    """What the nth of a stage is told that the first is not. An ingest has a front door of its own."""
    listen = front_door(settings, nth) if stage_of(name) == "ingest" else f"ipc://{data}/run/{name}.sock"
    return ["--instance", str(nth), "--listen", listen, "--health-listen",
            health(settings[stage_of(name)]["health_listen"], nth)]


def spread(commands, counts, settings, data):
    """{name: command} of all; whoever dials one of several is told them all, and so is each of several
    ingests, as each has a data directory of its own."""
    if counts.get("limiter", 1) > 1 and settings["limiter"].get("store", "sqlite") == "sqlite":
        raise Stop(78, "several limiters need one store between them: --redis")
    for stage, dialled in (("ingest", "limiter"), ("ingest", "auditor"), ("limiter", "dispatcher")):
        if counts.get(dialled, 1) > 1 or (stage == "ingest" and counts.get("ingest", 1) > 1):
            there = links(dialled, counts.get(dialled, 1), settings, data)
            commands[stage] = commands[stage] + [f"--{dialled}s", ",".join(there)]
    found = {}
    for stage, command in commands.items():
        for nth, name in enumerate(names(stage, counts.get(stage, 1)), 1):
            if nth > 1 and stage == "ingest":
                command = told(command, "--data-dir", f"{data}/{name}")
            found[name] = command + (own_flags(name, nth, settings, data) if nth > 1 else [])
    return found


def addresses(counts, settings):
    """{setting: host:port} of what all but the first of each stage listen at."""
    found = {f"{name}.health_listen": health(settings[stage]["health_listen"], nth)
             for stage in HEALTH
             for nth, name in enumerate(names(stage, counts.get(stage, 1)), 1) if nth > 1}
    return found | {f"ingest-{nth}.listen": front_door(settings, nth)
                    for nth in range(2, counts.get("ingest", 1) + 1)}
