"""The load of test/support/fault-load.ts for pylibmc: blocking threads, paced together."""
import json
import random
import sys
import threading
import time

import pylibmc

servers, seconds, ops_per_second, keys = sys.argv[1].split(','), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
THREADS = 8
BEHAVIORS = {
    'ketama_weighted': True, 'remove_failed': 1, 'retry_timeout': 1, 'dead_timeout': 2,
    '_poll_timeout': 500, 'connect_timeout': 500, 'tcp_nodelay': True, 'no_block': True,
}
versions, acknowledged, writing = [0] * keys, [0] * keys, [False] * keys
lock = threading.Lock()
report = dict(issued=0, settled=0, hits=0, misses=0, wrong=0, stale=0, errors=0, readErrors=0, maxMs=0.0, maxReadMs=0.0)
windows = [[0, 0, 0] for _ in range(int(seconds * 2) + 60)]


def value_of(index, version):
    return f'load:{index}#{version}#'.ljust(100, 'x')


def write(client, index):
    with lock:
        if writing[index]:
            return
        writing[index] = True
        versions[index] += 1
        version = versions[index]
    client.set(f'load:{index}', value_of(index, version))
    writing[index] = False
    acknowledged[index] = version


def read(client, index, window):
    known = acknowledged[index]
    value = client.get(f'load:{index}')
    if value is None:
        report['misses'] += 1
        windows[window()][1] += 1
        try:
            write(client, index)
        except pylibmc.Error:
            pass
        return
    report['hits'] += 1
    windows[window()][0] += 1
    name, version, _ = value.split('#')
    if name != f'load:{index}' or len(value) < 100:
        report['wrong'] += 1
    elif int(version) < known:
        report['stale'] += 1


def run(seed, start):
    rng = random.Random(seed)
    client = pylibmc.Client(servers, behaviors=BEHAVIORS)
    window = lambda: min(int((time.monotonic() - start) * 2), len(windows) - 1)
    pause, due = THREADS / ops_per_second, start + seed * (1 / ops_per_second)
    while due < start + seconds:
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        due = max(due + pause, time.monotonic() - 1)
        index, is_write, began = rng.randrange(keys), rng.random() < 0.1, time.monotonic()
        report['issued'] += 1
        try:
            write(client, index) if is_write else read(client, index, window)
        except pylibmc.Error:
            report['errors'] += 1
            report['readErrors'] += 0 if is_write else 1
            windows[window()][2] += 1
        took = (time.monotonic() - began) * 1000
        report['settled'] += 1
        report['maxMs'] = max(report['maxMs'], took)
        if not is_write:
            report['maxReadMs'] = max(report['maxReadMs'], took)


filler = pylibmc.Client(servers, behaviors=BEHAVIORS)
for i in range(keys):
    write(filler, i)
print('filled', flush=True)
begin = time.monotonic()
threads = [threading.Thread(target=run, args=(n, begin), daemon=True) for n in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
report['windows'] = [dict(hits=h, misses=m, errors=e) for h, m, e in windows[:int(seconds * 2)]]
report['peakInFlight'] = THREADS
print(json.dumps(report), flush=True)
