"""What the sink saw: arrivals (nanoseconds, ascending) counted in closed windows, by code that is
not the sink's own."""

import bisect


def read_times(path):
    """The arrivals of a --times-file of sluice-upstream: its second column, in order."""
    with open(path, encoding="utf-8") as file:
        return sorted(int(line.split()[1]) for line in file)


def fullest(arrivals, window):
    """The most arrivals in one closed window [t, t + window]."""
    return max((bisect.bisect_right(arrivals, start + window) - at
                for at, start in enumerate(arrivals)), default=0)


def over(arrivals, window, n):
    """How many arrivals found a closed window that ends with them full: each is a 429, or a ban."""
    return sum(1 for at, time in enumerate(arrivals)
               if at - bisect.bisect_left(arrivals, time - window) >= n)


def first_over(arrivals, window, n):
    """The number (from 1) of the first such arrival; None: there is none."""
    return next((at + 1 for at in range(n, len(arrivals))
                 if arrivals[at] - arrivals[at - n] <= window), None)


def per_hour(arrivals, n, window):
    """What a saturated key gets once it has begun, where a window is a minute: from the end of its
    first n arrivals to that of its last whole n. None: too few."""
    whole = len(arrivals) // n * n
    if whole < 2 * n:
        return None
    return 60 * (whole - n) * window / (arrivals[whole - 1] - arrivals[n - 1])


def counts(arrivals, window):
    """How many arrivals lie in [t - window, t], as steps: [(t, count from t on)]."""
    changes = sorted([(time, 0, 1) for time in arrivals]
                     + [(time + window, 1, -1) for time in arrivals])
    steps, count = [], 0
    for time, _, change in changes:  # at the same moment one comes before another leaves: closed
        count += change
        steps.append((time, count))
    return steps
