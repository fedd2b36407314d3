"""Exercises the interpreter and its standard library; prints nothing that depends on the machine or the time."""

import collections
import csv
import dataclasses
import datetime
import decimal
import functools
import hashlib
import heapq
import io
import itertools
import json
import math
import os
import random
import re
import statistics
import string
import struct
import sys
import tempfile
import textwrap


@dataclasses.dataclass(order=True)
class Shell:
    size: int
    name: str = dataclasses.field(compare=False)


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def primes():
    found = []
    for n in itertools.count(2):
        if all(n % p for p in itertools.takewhile(lambda p: p * p <= n, found)):
            found.append(n)
            yield n


def files():
    folder = tempfile.mkdtemp(dir="/job")
    path = os.path.join(folder, "table.csv")
    with open(path, "w", newline="") as out:
        csv.writer(out).writerows([i, i * i, f"row {i}"] for i in range(1000))
    with open(path, newline="") as table:
        total = sum(int(row[1]) for row in csv.reader(table))
    os.rename(path, path + ".old")
    names = sorted(os.listdir(folder))
    os.remove(path + ".old")
    os.rmdir(folder)
    return total, names, os.path.exists(folder)


print(sys.version_info[:2], sys.argv[1:], os.environ.get("COLOUR"))
print([fibonacci(n) for n in range(200)][-1], list(itertools.islice(primes(), 200))[-1])
print(hashlib.sha256(b"nacre" * 1000).hexdigest(), hashlib.md5(b"nacre").hexdigest())
print(json.dumps(json.loads('{"b": [1, 2.5, null], "a": {"é": true}}'), sort_keys=True))
print(re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world"), re.findall(r"\d+", "a1b22c333"))
print(collections.Counter("mississippi").most_common(2), collections.deque(range(5), maxlen=3))
print(decimal.Decimal(2).sqrt(), math.pi, statistics.pstdev([2, 4, 4, 4, 5, 5, 7, 9]), 2**200 % 1000007)
print(datetime.date(2024, 2, 29) + datetime.timedelta(days=366), datetime.datetime(2000, 1, 1).isoformat())
print(struct.pack("<IhQ", 1, -2, 3).hex(), struct.unpack(">d", bytes.fromhex("400921fb54442d18")))
print(random.Random(42).sample(string.ascii_letters, 5), sorted([Shell(3, "c"), Shell(1, "a")]))
print(heapq.nsmallest(3, [5, 1, 4, 2, 3]), textwrap.wrap("the sea takes the shell", 10))
print(files())
try:
    json.loads("{")
except json.JSONDecodeError as error:
    print(type(error).__name__, error)
print("to standard error", file=sys.stderr)
buffer = io.StringIO()
print("in memory", file=buffer, end="")
print(buffer.getvalue(), round(sum(1 / n**2 for n in range(1, 100001)), 10))
sys.exit(23)
