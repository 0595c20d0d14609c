"""The worker's orders for pylibmc, the reference in C: threads instead of promises."""
import json
import resource
import sys
import threading
import time

import pylibmc

state = {}


def prepare(order):
    client = pylibmc.Client(order["settings"]["servers"], behaviors={"tcp_nodelay": True})
    state["client"] = client
    state["keys"] = ["%s:%06d" % (order["prefix"], i) for i in range(order["count"])]
    state["value"] = ("abcdefghij" * (order["bytes"] // 10 + 1))[: order["bytes"]]
    for key in state["keys"]:
        client.set(key, state["value"])
    return {}


def operation(order):
    keys = state["keys"]
    batch = order.get("batch", 100)
    groups = [keys[at : at + batch] for at in range(0, len(keys) - batch + 1, batch)]
    value = state["value"]
    return {
        "get": lambda client, i: client.get(keys[i % len(keys)]),
        "set": lambda client, i: client.set(keys[i % len(keys)], value),
        "getMany": lambda client, i: client.get_multi(groups[i % len(groups)]),
    }[order["verb"]]


def load(order, seconds):
    act = operation(order)
    samples = []
    counts = []
    end = time.perf_counter() + seconds

    def loop(client):
        done = 0
        while True:
            start = time.perf_counter()
            if start >= end:
                break
            act(client, done)
            samples.append(time.perf_counter() - start)
            done += 1
        counts.append(done)

    clients = [state["client"].clone() for _ in range(order["inFlight"])]
    if len(clients) == 1:
        loop(clients[0])
    else:
        threads = [threading.Thread(target=loop, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(counts), samples


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run(order):
    load(order, order["warmUpMs"] / 1000)
    before = cpu()
    start = time.perf_counter()
    done, samples = load(order, order["ms"] / 1000)
    seconds = time.perf_counter() - start
    samples.sort()
    return {
        "perSecond": done / seconds,
        "cpuUs": (cpu() - before) * 1e6 / done,
        "p50Us": samples[len(samples) // 2] * 1e6,
        "p99Us": samples[int(len(samples) * 0.99)] * 1e6,
        "p999Us": samples[int(len(samples) * 0.999)] * 1e6,
        "rssBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def close(_order):
    state.pop("client", None)
    return {}


orders = {"prepare": prepare, "run": run, "close": close}
for line in sys.stdin:
    order = json.loads(line)
    try:
        answer = orders[order["do"]](order)
    except Exception as error:  # noqa: BLE001 - told to whoever gave the order
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
