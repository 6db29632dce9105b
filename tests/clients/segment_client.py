"""Sends events with Segment's Python client: segment_client.py HOST KEY NAME... or HOST KEY --every USER."""

import sys

from segment.analytics.client import Client

host, key, *names = sys.argv[1:]
client = Client(key, host=host, gzip=True, upload_size=5, upload_interval=0.1, on_error=lambda error, items: None)
if names[0] == "--every":
    user = names[1]
    client.track(user, "bought", {"price": 1.5})
    client.page(user, None, "Home")
    client.screen(user, None, "Start")
    client.identify(user, {"plan": "pro"})
    client.group(user, "g", {"size": 3})
    client.alias("before", user)
else:
    for i, name in enumerate(names):
        client.track("u", name, {"i": i})
client.flush()
client.shutdown()
