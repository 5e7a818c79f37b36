#!/usr/bin/python3
"""The numbers of docs/limits.md: how many requests the fullest closed minute holds, at the upstream's
door, when a limiter is told "10 per 60 s" and everybody always has something to send.

usage: docs/samples/limits.py
"""

import bisect
import random

N, WINDOW, GUARD = 10, 60.0, 1.0
MESSAGES = 400


def fullest(arrivals):
    """The most arrivals in one closed window [t, t + 60]."""
    times = sorted(arrivals)
    return max(bisect.bisect_right(times, start + WINDOW) - at for at, start in enumerate(times))


def token_bucket(capacity, ready):
    """A token every 6 s, at most `capacity` of them. `ready`: when each message is there."""
    tokens, at, sent = float(capacity), 0.0, []
    for time in ready:
        time = max(time, at)
        tokens, at = min(capacity, tokens + (time - at) * N / WINDOW), time
        if tokens < 1 - 1e-9:
            at += (1 - tokens) * WINDOW / N
            tokens = 1.0
        tokens -= 1
        sent.append(at)
    return sent


def fixed_window(ready, by_the_clock):
    """N in each window. They follow each other by the clock; or each begins with the first request
    that is more than 60 s after the beginning of the one before."""
    begin, count, sent, at, length = 0.0, 0, [], 0.0, WINDOW if by_the_clock else WINDOW + 0.001
    for time in ready:
        at = max(time, at)
        if at >= begin + length or not sent:
            begin, count = at // WINDOW * WINDOW if by_the_clock else at, 0
        if count == N:
            at, begin, count = begin + length, begin + length, 0
        count += 1
        sent.append(at)
    return sent


def sliding_log(ready):
    """N in the 60 s before each request, as the sender's clock has it when it sends."""
    sent = []
    for time in ready:
        free = sent[-N] + WINDOW + 1e-6 if len(sent) >= N else time
        sent.append(max(time, free, sent[-1] if sent else time))
    return sent


def sluice(ready, burst, latency):
    """Slots from the grant until 61 s after the answer is known, one attempt at a time, paced.
    latency() gives (until it arrives, until its answer is back). (grants, arrivals)."""
    grants, arrivals, ends, bucket, at = [], [], [], (float(burst), 0.0), 0.0
    for time in ready:
        at = max(time, at)
        if len(ends) >= N:
            at = max(at, ends[-N] + WINDOW + GUARD + 1e-6)
        tokens = min(burst, bucket[0] + (at - bucket[1]) * N / WINDOW)
        if tokens < 1 - 1e-9:
            at, tokens = at + (1 - tokens) * WINDOW / N, 1.0
        bucket = (tokens - 1, at)
        there, back = latency()
        grants.append(at)
        arrivals.append(at + there)
        ends.append(at + back)
        at += back
    return grants, arrivals


def delayed(sent):
    """By up to half a second, as networks do: here the first ten, and none after them."""
    return [at + (0.5 if number < N else 0.0) for number, at in enumerate(sent)]


def main():
    at_once = [0.0] * MESSAGES
    late = [0.0] + [WINDOW - 0.01] * MESSAGES  # one, and then everything at the minute's end
    rows = [("token bucket, capacity 3", fullest(token_bucket(3, at_once))),
            ("token bucket, capacity 10", fullest(token_bucket(10, at_once))),
            ("fixed window that begins with a request", fullest(fixed_window(late, False))),
            ("fixed window by the clock", fullest(fixed_window(late[1:], True))),
            ("sliding log of sends, network of 0 to 0.5 s", fullest(delayed(sliding_log(at_once))))]
    worst = 0
    for seed in range(200):
        chance = random.Random(seed)

        def latency(chance=chance):
            back = chance.uniform(0.0, 5.0)
            return chance.uniform(0.0, back), back
        worst = max(worst, fullest(sluice(at_once, chance.choice((1, 3, 10)), latency)[1]))
    rows.append(("Sluice, answers after 0 to 5 s, 200 runs", worst))
    for what, count in rows:
        print(f"{what:<46} {count}")
    for seconds in (0.0, 0.2, 1.0, 3.0):
        grants, _ = sluice(at_once, 3, lambda s=seconds: (s / 2, s))
        rate = (MESSAGES - N) / (grants[-1] - grants[N - 1]) * 60
        formula = 60 * N / (WINDOW + GUARD + seconds)
        print(f"Sluice's rate, answers after {seconds} s: {rate:.2f} a minute (formula {formula:.2f})")


if __name__ == "__main__":
    main()
