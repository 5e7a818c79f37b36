#!/usr/bin/python3
"""Writes messages.ndjson: 500 messages to 50 users, one of whom gets 40.

The same every time: docs/samples/make_messages.py > docs/samples/messages.ndjson
"""

import json

USERS = 50
MESSAGES = 500
BUSY = 40  # of user-01; the others share the rest evenly
TEXTS = ("Thank you for subscribing!", "New photos are up tonight.", "Did you see my last post?",
         "Happy birthday!", "Live at nine, come and say hi.", "A little something just for you.")


def turns():
    """Whose turn it is, message by message: as mixed as a real queue, and never random."""
    left = {1: BUSY}
    for user in range(2, USERS + 1):
        share, odd = divmod(MESSAGES - BUSY, USERS - 1)
        left[user] = share + (user - 2 < odd)
    while left:
        for user in sorted(left, key=lambda u: (-left[u], u)):
            yield user
            left[user] -= 1
        left = {user: count for user, count in left.items() if count}


def main():
    for number, user in enumerate(turns(), 1):
        print(json.dumps({
            "messageId": f"sample-{number:03d}",
            "userId": f"user-{user:02d}",
            "content": TEXTS[number % len(TEXTS)],
            "mediaIds": [f"media-{number % 7}"] if number % 5 == 0 else [],
        }, separators=(",", ":")))


if __name__ == "__main__":
    main()
