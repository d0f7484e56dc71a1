#!/usr/bin/env python3
"""Known-answer vectors for crng/, computed independently of it.

    python3 tests/vectors/generate.py           writes tests/vectors/*.json
    python3 tests/vectors/generate.py --check   compares with them, exits 1 on a difference

Written from the rules of the generator alone, without reading its TypeScript, in another language and
with the Python standard library only: BLAKE2s is hashlib's, ChaCha20 is the few lines below. No output
of the TypeScript goes in here, so an error would have to be made twice to stay unseen.

RFC 8439: sections 2.1 to 2.3 (the block function), 2.3.2 and A.1 (its vectors).
RFC 7693: section 3.3 (keyed BLAKE2s), appendix B ("abc"), appendix E (the self-test).
RFC 9562: section 5.4 (UUID version 4).
Both ciphers are checked against these RFCs on every run, before anything is written.
"""

import hashlib
import json
import math
import pathlib
import sys
import uuid
from struct import pack, unpack

HERE = pathlib.Path(__file__).resolve().parent

# ---- BLAKE2s and ChaCha20 ------------------------------------------------------------------------


def blake2s(data, key=b"", size=32):
    return hashlib.blake2s(data, key=key, digest_size=size).digest()


def quarter_round(s, a, b, c, d):  # RFC 8439, 2.1
    for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        s[z] ^= s[x]
        s[z] = (s[z] << bits | s[z] >> (32 - bits)) & 0xFFFFFFFF


def chacha20_block(key, counter, nonce):  # RFC 8439, 2.3
    initial = unpack("<16I", b"expand 32-byte k" + key + pack("<I", counter) + nonce)
    s = list(initial)
    for _ in range(10):
        quarter_round(s, 0, 4, 8, 12)
        quarter_round(s, 1, 5, 9, 13)
        quarter_round(s, 2, 6, 10, 14)
        quarter_round(s, 3, 7, 11, 15)
        quarter_round(s, 0, 5, 10, 15)
        quarter_round(s, 1, 6, 11, 12)
        quarter_round(s, 2, 7, 8, 13)
        quarter_round(s, 3, 4, 9, 14)
    return pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(s, initial)))


# ---- The simulated machine: every port answers by rule, and the calls are counted ----------------


def test_seed(i):
    """What call number i of EntropySource.fill answers."""
    return b"".join(blake2s(pack("<II", i, k), b"vmfork test seed") for k in range(4))[:104]


def test_nonce(i):
    return blake2s(pack("<I", i), b"vmfork test nonce")[:12]


def test_id(label):
    return blake2s(pack("<I", label), b"vmfork test id")[:16]


class Machine:
    def __init__(self, has_id, nonces):
        self.has_id, self.nonces = has_id, nonces
        self.count = self.label = 1
        self.ms = 0
        self.calls = {"fill": 0, "nonce": 0, "clock": 0}

    def _call(self, port):
        self.calls[port] += 1
        return self.calls[port] - 1

    def generation(self):
        return self.count

    def unique_id(self):
        return test_id(self.label) if self.has_id else b""

    def fill(self):
        return test_seed(self._call("fill"))

    def nonce(self):
        i = self._call("nonce")
        return test_nonce(i) if self.nonces == "hardware" else bytes(12)

    def now(self):
        self._call("clock")
        return self.ms


# ---- The generator -------------------------------------------------------------------------------


class InputPool:
    def __init__(self):
        self.hash = hashlib.blake2s()

    def mix_pool_bytes(self, data):
        self.hash.update(data)

    def extract_entropy(self, seed_block):
        seed = self.hash.digest()
        next_key = blake2s(seed_block + pack("<Q", 0), seed)
        self.hash = hashlib.blake2s(key=next_key)
        return blake2s(seed_block + pack("<Q", 1), seed)


class Crng:
    BUFFER = 992

    def __init__(self, machine, strategy, unbuffered):
        self.machine, self.strategy, self.unbuffered = machine, strategy, unbuffered
        self.input_pool = InputPool()
        self.key = self.mixed_id = self.last = self.fork_seen_at = None
        self.seeded_under = 0
        self.batch = b""  # the bytes of the buffer that are left

    def crng_reseed(self, occasion, extra=b""):
        """occasion: "count" (first seeding or fork), "timer", "reseed" or "notifyFork"."""
        first = self.key is None
        generation = self.machine.generation()
        unique_id = self.machine.unique_id()
        inject = (self.strategy == "injection" and occasion == "count" and not first
                  and unique_id != self.mixed_id)
        self.batch = b""
        self.input_pool.mix_pool_bytes(unique_id)
        if inject:
            self.key = blake2s(self.key + unique_id)
        else:
            seed = self.machine.fill()
            self.input_pool.mix_pool_bytes(extra)
            self.input_pool.mix_pool_bytes(seed[:72])
            self.key = self.input_pool.extract_entropy(seed[72:])
        self.mixed_id = unique_id
        self.last = self.machine.now()
        if first or occasion in ("count", "notifyFork"):
            self.fork_seen_at = self.last
        self.seeded_under = generation

    def crng_reseed_interval(self):
        return min(60000, max(1000, (self.last - self.fork_seen_at) / 2))

    def crng_make_state(self):
        """Before the blocks of a refill, large or unbuffered draw. Returns the nonce."""
        if self.machine.now() >= self.last + self.crng_reseed_interval():
            self.crng_reseed("timer")
        return self.machine.nonce()

    def crng_fast_key_erasure(self, nonce, blocks):
        """Blocks 0, 1, ... without the first 32 bytes, which become the key."""
        stream = b"".join(chacha20_block(self.key, i, nonce) for i in range(blocks))
        self.key = stream[:32]
        return stream[32:]

    def produce(self, n):
        if n == 0:
            return b""
        if self.unbuffered or n > self.BUFFER:
            nonce = self.crng_make_state()
            return self.crng_fast_key_erasure(nonce, 1 + math.ceil(max(0, n - 32) / 64))[:n]
        if len(self.batch) < n:
            self.batch = b""
            nonce = self.crng_make_state()
            self.batch = self.crng_fast_key_erasure(nonce, 16)
        out = self.batch[:n]
        self.batch = self.batch[(n + 3) // 4 * 4:]  # BUFFER is a multiple of 4, so what is left is one too
        return out

    def get_random_bytes(self, n):
        if self.seeded_under != self.machine.generation():
            self.crng_reseed("count")
        return self.produce(n)

    def get_random_u32(self):
        return int.from_bytes(self.get_random_bytes(4), "little")

    def get_random_u32_inclusive(self, low, end):  # end is exclusive here, and the range up to 2^53
        size = end - low
        bits = (size - 1).bit_length()
        while bits:
            candidate = int.from_bytes(self.get_random_bytes((bits + 7) // 8), "little") & ((1 << bits) - 1)
            if candidate < size:
                return low + candidate
        return low

    def generate_random_uuid(self):
        return str(uuid.UUID(bytes=self.get_random_bytes(16), version=4))


# ---- Scenarios: each method does one step and writes it down --------------------------------------


class Scenario:
    all = []

    def __init__(self, name, strategy="input-pool", unbuffered=False, id=True, nonce="hardware"):
        self.machine = Machine(id, nonce)
        self.crng = Crng(self.machine, strategy, unbuffered)
        self.steps = []
        Scenario.all.append({"name": name, "strategy": strategy, "unbuffered": unbuffered, "id": id,
                             "nonce": nonce, "steps": self.steps})

    def _event(self, op, **fields):
        self.steps.append({"op": op, **fields})

    def _result(self, op, **fields):
        self._event(op, **fields, calls=dict(self.machine.calls))

    def draw(self, *sizes):
        for n in sizes:
            out = self.crng.get_random_bytes(n)
            assert len(out) == n
            self._result("draw", n=n, **shown(out))

    def draws(self, sizes):
        """Many draws, their results joined."""
        self._result("draws", sizes=sizes, **shown(b"".join(map(self.crng.get_random_bytes, sizes))))

    def uint32(self, times=1):
        for _ in range(times):
            self._result("uint32", out=self.crng.get_random_u32())

    def int(self, low, end):
        self._result("int", min=low, max=end, out=self.crng.get_random_u32_inclusive(low, end))

    def ints(self, low, end, times):
        out = [self.crng.get_random_u32_inclusive(low, end) for _ in range(times)]
        assert all(low <= x < end for x in out)
        self._result("ints", min=low, max=end, out=out)

    def uuid(self, times=1):
        for _ in range(times):
            self._result("uuid", out=self.crng.generate_random_uuid())

    def clock(self, ms):
        self.machine.ms = ms
        self._event("clock", ms=int(ms) if ms == int(ms) else ms)

    def fork(self, label=None):
        """The machine is forked. A label of the past: it is rolled back to that id."""
        used = [1] + [step["label"] for step in self.steps if step["op"] == "fork"]
        self.machine.count += 1
        self.machine.label = label or max(used) + 1
        self._event("fork", label=self.machine.label)

    def same_id_fork(self):
        self.machine.count += 1
        self._event("sameIdFork")

    def reseed(self, extra=None):
        self.crng.crng_reseed("reseed", extra or b"")
        self._event("reseed", **({} if extra is None else {"extra": extra.hex()}))

    def notify_fork(self, extra=None):
        self.crng.crng_reseed("notifyFork", extra or b"")
        self._event("notifyFork", **({} if extra is None else {"extra": extra.hex()}))

    def expect(self, **calls):
        """What the author of a scenario worked out by hand, against what the code above did."""
        assert all(self.machine.calls[port] == n for port, n in calls.items()), (calls, self.machine.calls)

    def walk(self, times):
        """A draw of 992 one ms before each time, which must not reseed, and one at it, which must."""
        for ms in times:
            before = self.machine.calls["fill"]
            self.clock(ms - 1)
            self.draw(992)
            self.expect(fill=before)
            self.clock(ms)
            self.draw(992)
            self.expect(fill=before + 1)


def shown(out):
    if len(out) <= 256:
        return {"out": out.hex()}
    return {"digest": blake2s(out).hex(), "first": out[:32].hex(), "last": out[-32:].hex()}


def pseudo_random(what, length):
    """Inputs without structure, the same on every run."""
    blocks = range(-(-length // 32))
    return b"".join(blake2s(pack("<I", i), b"vmfork " + what.encode()) for i in blocks)[:length]


SIZES = [1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 991, 992]
UNBUFFERED_SIZES = [1, 4, 16, 31, 32, 33, 64, 96, 97, 992, 993, 5000]
# The exact times of the timed reseeds when the fork was seen at 1000 and no draw is late, worked out by
# hand from last + min(60000, max(1000, (last - 1000) / 2)). The last two intervals are the steady 60 s.
SCHEDULE = [2000, 3000, 4000, 5500, 7750, 11125, 16187.5, 23781.25, 35171.875, 52257.8125, 77886.71875,
            116330.078125, 173995.1171875, 233995.1171875, 293995.1171875]
# The same for a clock of whole milliseconds: each reseed is at the first one not before its time.
WHOLE_SCHEDULE = [2000, 3000, 4000, 5500, 7750, 11125, 16188, 23782, 35173, 52260, 77890, 116335, 174003,
                  234003, 294003]


def basic_scenarios():
    s = Scenario("first draw")
    s.draw(32)
    s.expect(fill=1, nonce=1, clock=2)
    Scenario("first draw, nonce zeros", nonce="zeros").draw(32, 992)
    Scenario("first draw, no id", id=False).draw(32, 992)

    s = Scenario("n = 0 first and later")
    s.draw(0, 0)
    s.expect(fill=1, nonce=0, clock=1)
    s.draw(5, 0, 3, 0, 980, 0)  # 8 + 4 + 980 = 992: the buffer is empty, and n = 0 leaves it so
    s.expect(fill=1, nonce=1, clock=2)
    s.draw(1)
    s.expect(fill=1, nonce=2, clock=3)

    Scenario("sizes").draw(*SIZES)
    Scenario("sizes, descending").draw(*reversed(SIZES))
    Scenario("sizes, nonce zeros", nonce="zeros").draw(*SIZES, *SIZES)

    s = Scenario("position rounds up to 4")
    s.draw(1, 4, 2, 4, 3, 4, 4, 4, 5, 4)

    s = Scenario("the end of the buffer, exactly and one word short")
    for n in SIZES[:-2]:
        room = (n + 3) // 4 * 4
        for left in (room, room - 4):
            s.draw(992, 992 - left)  # the first leaves nothing, the second is from a new buffer
            refills = s.machine.calls["nonce"]
            s.draw(n)
            s.expect(nonce=refills + (left < n))
    s = Scenario("nearly whole buffers")
    s.draw(988, 4, 988, 5, 987, 1, 990, 989, 3, 991, 1, 991, 992, 992, 1, 992, 988, 3, 1)

    s = Scenario("large draws between buffered draws")
    for n in (993, 1024, 1025, 4096, 65536, 1055, 1056, 1057):
        s.draw(10, n, 10)
    s.expect(fill=1, nonce=9, clock=10)  # one refill and eight large draws
    s = Scenario("large draw first")
    s.draw(1025, 16, 993, 992)
    Scenario("large draws, nonce zeros", nonce="zeros").draw(16, 993, 16, 4096, 16)

    s = Scenario("unbuffered", unbuffered=True)
    s.draw(*UNBUFFERED_SIZES)
    s.expect(fill=1, nonce=len(UNBUFFERED_SIZES), clock=len(UNBUFFERED_SIZES) + 1)
    Scenario("unbuffered, nonce zeros", unbuffered=True, nonce="zeros").draw(*UNBUFFERED_SIZES)
    s = Scenario("unbuffered, n = 0", unbuffered=True)
    s.draw(0, 0)
    s.expect(fill=1, nonce=0, clock=1)
    s.draw(16, 0, 16)
    s.expect(fill=1, nonce=2, clock=3)
    s = Scenario("unbuffered, integers and uuids", unbuffered=True)
    s.uint32(3)
    s.ints(0, 257, 8)
    s.uuid(2)

    walk = unpack("<150H", pseudo_random("test sizes", 300))
    for name, options in (("many draws", {}), ("many draws, unbuffered", {"unbuffered": True})):
        s = Scenario(name, **options)
        s.draws([x % 50 for x in walk])
        s.draws([x % 1100 for x in walk])


def fork_scenarios():
    for strategy in ("input-pool", "injection"):
        s = Scenario(f"forks, {strategy}", strategy)
        s.draw(16)
        s.fork()
        s.draw(16, 0, 992)  # the remainder of the first buffer is lost
        s.fork()
        s.fork()  # two forks, one reseed
        s.draw(4096, 16)
        s.fork()
        s.uint32()
        s.fork()
        s.int(0, 1000)
        s.fork()
        s.uuid()
        s.expect(fill=1 if strategy == "injection" else 6, nonce=8, clock=6 + 8)
        s = Scenario(f"fork, then n = 0, {strategy}", strategy)
        s.draw(16)
        s.fork()
        s.draw(0)
        s.expect(nonce=1, clock=3)
        s.draw(16)
        s = Scenario(f"forks, {strategy}, unbuffered", strategy, unbuffered=True)
        s.draw(16)
        s.fork()
        s.draw(16, 16)
        s.fork()
        s.draw(100)
        s = Scenario(f"forks, {strategy}, nonce zeros", strategy, nonce="zeros")
        s.draw(16, 16)
        s.fork()
        s.draw(16, 16)
        s = Scenario(f"rollbacks to an earlier id, {strategy}", strategy)
        s.draw(16)
        s.fork()
        s.draw(16)
        s.fork(1)
        s.draw(16)
        s.expect(fill=1 if strategy == "injection" else 3)
        s.fork()
        s.fork(1)  # the id last mixed is back: nothing to inject
        s.draw(16)
        s.expect(fill=2 if strategy == "injection" else 4)
        s = Scenario(f"sameIdFork, {strategy}", strategy)
        s.draw(16)
        s.same_id_fork()
        s.draw(16)
        s.expect(fill=2)
        s.fork()
        s.draw(16)
        s.same_id_fork()
        s.draw(16)
        s.expect(fill=3 if strategy == "injection" else 4)
        Scenario(f"first seeding, {strategy}", strategy).draw(16, 992)

    s = Scenario("injection, then the schedule", "injection")
    s.clock(200)
    s.draw(16)
    s.clock(500)
    s.fork()
    s.draw(100)
    s.expect(fill=1)
    s.clock(1400)
    s.draw(992)  # the first seeding's own time would have been 1200
    s.expect(fill=1)
    s.walk([1500, 2500, 3500, 5000, 7250])
    s.clock(8000)
    s.fork()
    s.draw(16)
    s.expect(fill=6)
    s.walk([9000, 10000, 11000, 12500])
    s.fork()
    s.draw(16)
    s.fork()
    s.draw(16)  # two ids in the pool, then a timed reseed
    s.walk([13500, 14500])

    s = Scenario("injection, sameIdFork and the schedule", "injection")
    s.draw(16)
    s.walk([1000, 2000, 3000, 4500])
    s.same_id_fork()
    s.draw(16)
    s.walk([5500, 6500, 7500, 9000])

    s = Scenario("source without id", id=False)
    s.draw(16)
    s.fork()
    s.draw(16)
    s.reseed(b"extra")
    s.draw(16)
    s.walk([1000])


def reseed_scenarios():
    for strategy in ("input-pool", "injection"):
        s = Scenario(f"reseed and notifyFork, {strategy}", strategy)
        s.draw(16)
        s.reseed()
        s.draw(16)
        s.reseed(b"extra")
        s.draw(16)
        s.notify_fork()
        s.draw(16)
        s.notify_fork(b"\x00" * 65)
        s.draw(16)
        s.reseed(b"a")
        s.reseed(b"b")
        s.draw(16)
        s.reseed(pseudo_random("test extra", 200))
        s.draw(1000, 16)
        s.expect(fill=8)
        s.fork()
        s.draw(16)
        s = Scenario(f"notifyFork on a fork that no draw has seen, {strategy}", strategy)
        s.draw(16)
        s.clock(10000)
        s.fork()
        s.notify_fork(b"extra")
        s.draw(16)
        s.expect(fill=2, nonce=2, clock=4)
        s.same_id_fork()  # the id last mixed is the one notifyFork mixed
        s.draw(16)
        s.expect(fill=3)
        s.walk([11000, 12000])
        # The rules leave open whether this starts the schedule anew, so the scenario ends before it shows.
        s = Scenario(f"reseed on a fork that no draw has seen, {strategy}", strategy)
        s.draw(16)
        s.fork()
        s.reseed(b"extra")
        s.draw(16)
        s.expect(fill=2, nonce=2, clock=4)
    s = Scenario("reseed before the first draw")
    s.clock(1000)
    s.reseed(b"extra")
    s.draw(16)
    s.expect(fill=1, nonce=1, clock=2)
    s.walk(SCHEDULE[:5])
    s = Scenario("notifyFork before the first draw", "injection")
    s.clock(1000)
    s.notify_fork(b"extra")
    s.draw(16)
    s.expect(fill=1, nonce=1, clock=2)
    s.walk(SCHEDULE[:5])
    s = Scenario("extra bytes, unbuffered", unbuffered=True)
    s.draw(16)
    s.reseed(b"extra")
    s.draw(16)
    s.notify_fork(b"extra")
    s.draw(16)


def schedule_scenarios():
    s = Scenario("the whole schedule")
    s.clock(1000)
    s.draw(992)
    s.walk(SCHEDULE)
    s = Scenario("the whole schedule, whole milliseconds, nonce zeros", nonce="zeros")
    s.clock(1000)
    s.draw(992)
    s.walk(WHOLE_SCHEDULE)
    s = Scenario("the clock is read at refills only")
    s.draw(16)
    s.clock(1000000)
    s.draw(16, 0, 960)  # from the buffer, however late
    s.expect(fill=1, nonce=1, clock=2)
    s.draw(16)
    s.expect(fill=2, nonce=2, clock=4)
    s.walk([1060000, 1120000])
    s = Scenario("timed reseeds in large draws")
    s.draw(16)
    s.clock(999)
    s.draw(993, 16)
    s.expect(fill=1)
    s.clock(1000)
    s.draw(993, 16)  # the reseed of the large draw wipes the buffer
    s.expect(fill=2, nonce=4, clock=6)
    s.clock(1999)
    s.draw(5000)
    s.clock(2000)
    s.draw(5000, 5000)
    s.expect(fill=3)
    s = Scenario("timed reseeds in unbuffered draws", unbuffered=True)
    for ms in (0, 999, 1000, 1999, 2000, 2999, 3000, 4499, 4500):
        s.clock(ms)
        s.draw(16)
    s.expect(fill=5, nonce=9, clock=14)
    s = Scenario("timed reseeds in integers and uuids")
    for ms in (0, 999, 1000):
        s.clock(ms)
        s.draw(992)
        s.uint32()
    s.draw(984)  # one word used, one left
    s.clock(2000)
    s.uint32()
    s.int(0, 2**32 + 1)
    s.clock(3000)
    s.draw(976)
    s.uuid()
    s.expect(fill=4)

    s = Scenario("what starts the schedule anew")
    s.draw(16)
    s.clock(100000)
    s.draw(992)  # late: last = 100000, the next in 50 s
    s.walk([150000])
    s.clock(160000)
    s.fork()
    s.draw(16)
    s.walk([161000, 162000, 163000, 164500])
    s.clock(200000)
    s.notify_fork()
    s.walk([201000, 202000, 203000, 204500])
    s.clock(300000)
    s.same_id_fork()
    s.draw(16)
    s.walk([301000, 302000])
    s = Scenario("reseed(extra) moves the time but keeps the schedule")
    s.draw(16)
    s.clock(20000)
    s.reseed(b"extra")
    s.walk([30000, 45000])
    s.clock(50000)
    s.reseed()
    s.walk([75000])
    s.clock(200000)
    s.reseed()
    s.walk([260000])


def integer_scenarios():
    Scenario("uint32").uint32(8)
    s = Scenario("uint32 across the end of the buffer")
    s.draw(986)
    s.uint32(3)
    s = Scenario("uuids")
    s.uuid(70)  # 62 to a buffer
    s.expect(nonce=2)
    for low, size, times in ((0, 2, 40), (0, 3, 40), (0, 255, 40), (0, 256, 40), (0, 257, 40),
                             (0, 2**16, 20), (0, 2**16 + 1, 20), (0, 2**24, 20), (0, 2**24 + 1, 20),
                             (0, 2**31, 20), (0, 2**31 + 1, 20), (0, 2**32 - 1, 20), (0, 2**32, 20),
                             (0, 2**32 + 1, 20), (0, 2**40 + 1, 20), (0, 2**48, 20), (0, 2**48 + 1, 20),
                             (0, 2**53 - 1, 20), (-5, 11, 40), (-1000, 999, 40), (-(2**31), 2**32, 20),
                             (-(2**52), 2**53, 20), (1 - 2**53, 2**53, 20), (2**53 - 101, 100, 20)):
        Scenario(f"integers from {low}, range {size}").ints(low, low + size, times)
    s = Scenario("integers below 2^53")
    s.ints(0, 2**53, 20)
    s = Scenario("integers, range 1")
    s.draw(4)
    s.int(0, 1)
    s.int(-7, -6)
    s.int(2**53 - 2, 2**53 - 1)
    s.draw(4)
    s.expect(nonce=1, clock=2)
    s = Scenario("integers across the end of the buffer")
    s.draw(988)
    s.ints(0, 2**52 + 1, 130)
    s.draw(4)
    s.ints(0, 129, 300)
    s.draw(4)


# ---- The files -----------------------------------------------------------------------------------


def chacha20_vectors():
    zeros, rest = bytes(32), bytes(12)
    last_one = bytes(31) + b"\x01"
    rfc = [  # typed from RFC 8439
        ("RFC 8439 2.3.2", bytes(range(32)), 1, bytes.fromhex("000000090000004a00000000"),
         "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
         "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"),
        ("RFC 8439 A.1 #1", zeros, 0, rest,
         "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
         "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"),
        ("RFC 8439 A.1 #2", zeros, 1, rest,
         "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
         "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"),
        ("RFC 8439 A.1 #3", last_one, 1, rest,
         "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
         "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"),
        ("RFC 8439 A.1 #4", b"\x00\xff" + bytes(30), 2, rest,
         "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
         "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"),
        ("RFC 8439 A.1 #5", zeros, 0, bytes(11) + b"\x02",
         "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
         "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d"),
    ]
    blocks = []
    for name, key, counter, nonce, block in rfc:
        assert chacha20_block(key, counter, nonce).hex() == block, name
        blocks.append((name, key, counter, nonce))
    for i, counter in enumerate((0, 1, 2, 15, 16, 255, 256, 65535, 65536, 0x01020304, 0x7FFFFFFF, 0x80000000,
                                 0xDEADBEEF, 0xFFFFFFF0)):
        name = f"computed #{i + 1}"
        blocks.append((name, pseudo_random(f"test key {i}", 32), counter, pseudo_random(f"test nonce {i}", 12)))
    key, nonce = pseudo_random("test wrap", 32), pseudo_random("test wrap nonce", 12)
    for counter in (0xFFFFFFFE, 0xFFFFFFFF, 0, 1):
        blocks.append((f"around the wrap: {counter:#010x}", key, counter, nonce))
    blocks.append(("all ones", b"\xff" * 32, 0xFFFFFFFF, b"\xff" * 12))
    blocks.append(("high bits", b"\x80" * 32, 0x80000000, b"\x80" * 12))
    return {
        "description": [
            "ChaCha20 blocks: block = ChaCha20(key, counter, nonce), RFC 8439 2.3.",
            "The four blocks around the wrap share key and nonce: the counter is 32 bits and wraps to 0.",
        ],
        "blocks": [{"name": name, "key": key.hex(), "counter": counter, "nonce": nonce.hex(),
                    "block": chacha20_block(key, counter, nonce).hex()} for name, key, counter, nonce in blocks],
    }


def selftest_seq(length, seed):  # RFC 7693, appendix E
    a, b, out = 0xDEAD4BAD * seed & 0xFFFFFFFF, 1, bytearray()
    for _ in range(length):
        a, b = b, (a + b) & 0xFFFFFFFF
        out.append(b >> 24)
    return bytes(out)


def blake2s_selftest(digest_lengths):
    grand = hashlib.blake2s()
    for outlen in digest_lengths:
        for inlen in (0, 3, 64, 65, 255, 1024):
            data = selftest_seq(inlen, inlen)
            grand.update(blake2s(data, size=outlen))
            grand.update(blake2s(data, selftest_seq(outlen, outlen), outlen))
    return grand.hexdigest()


def blake2s_vectors():
    abc = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
    grand = "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe"
    assert blake2s(b"abc").hex() == abc
    assert blake2s_selftest((16, 20, 28, 32)) == grand
    message, key = bytes(range(256)), bytes(range(32))
    return {
        "description": [
            "BLAKE2s-256, RFC 7693; abc is its appendix B.",
            "The message of length n is the first n bytes of 00 01 .. ff, the key of length n of 00 01 .. 1f.",
            "lengths: unkeyed, and keyed with the 32-byte key. keyLengths: the message of 100 bytes.",
            "selfTest: appendix E. grandHash is the RFC's, over digests of 16, 20, 28 and 32 bytes; grandHash32 is the "
            "same over digests (and keys) of 32 bytes only.",
        ],
        "abc": {"message": b"abc".hex(), "digest": abc},
        "selfTest": {"grandHash": grand, "grandHash32": blake2s_selftest((32,))},
        "lengths": [{"length": n, "digest": blake2s(message[:n]).hex(), "keyed": blake2s(message[:n], key).hex()}
                    for n in range(131)],
        "keyLengths": [{"keyLength": n, "digest": blake2s(message[:100], key[:n]).hex()} for n in range(1, 33)],
    }


def input_pool_vectors():
    data = pseudo_random("test pool", 1000)
    block = [pseudo_random(f"test seed block {i}", 32) for i in range(4)]

    def split(*sizes):
        offsets = [sum(sizes[:i]) for i in range(len(sizes))]
        return [("mix", data[at:at + n]) for at, n in zip(offsets, sizes)]

    extract = [("extract", b) for b in block]
    sequences = [
        ("nothing mixed", extract),
        ("zeros", [("mix", bytes(72)), ("extract", bytes(32)), ("extract", bytes(32))]),
        ("a seeding: id, fresh", [("mix", test_id(1)), ("mix", test_seed(0)[:72]), ("extract", test_seed(0)[72:])]),
        ("one mix of 200", split(200) + extract[:1]),
        ("the same 200 in odd pieces", split(1, 3, 0, 59, 1, 1, 63, 65, 7) + extract[:1]),
        ("mixes between extractions",
         split(16, 72) + extract[:1] + split(16, 5, 72) + extract[1:2] + split(72) + extract[2:]),
        ("an injected id, then a reseed", split(16, 72) + extract[:1] + split(16) + split(16, 72) + extract[1:2]),
        ("1000 in odd pieces", split(127, 129, 255, 257, 61, 171) + extract[:2]),
    ]
    for n in (1, 63, 64, 65, 127, 128, 129):
        sequences.append((f"{n} bytes, and again after an extraction", (split(n) + extract[:1]) * 2))
    cases = []
    for name, sequence in sequences:
        pool, steps = InputPool(), []
        for op, value in sequence:
            if op == "mix":
                pool.mix_pool_bytes(value)
                steps.append({"op": "mix", "data": value.hex()})
            else:
                steps.append({"op": "extract", "seedBlock": value.hex(), "out": pool.extract_entropy(value).hex()})
        cases.append({"name": name, "steps": steps})
    assert cases[3]["steps"][-1] == cases[4]["steps"][-1]
    return {
        "description": ["The input pool, new in each case: mix(data) and out = extract(seedBlock), in this order."],
        "cases": cases,
    }


def generator_vectors():
    basic_scenarios()
    fork_scenarios()
    reseed_scenarios()
    schedule_scenarios()
    integer_scenarios()
    names = [scenario["name"] for scenario in Scenario.all]
    assert len(set(names)) == len(names)
    return {
        "description": [
            "The generator on a simulated machine, new in each scenario: count 1, id label 1, clock 0 ms, calls from 0.",
            "fill, call i (from 0): the first 104 bytes of BLAKE2s(key 'vmfork test seed', u32(i) || u32(k)), k = 0, 1, ..",
            "nonce, call i: the first 12 bytes of BLAKE2s(key 'vmfork test nonce', u32(i)), or 12 zeros (nonce: zeros).",
            "uniqueId: the first 16 bytes of BLAKE2s(key 'vmfork test id', u32(label)), or none (id: false).",
            "u32 is little-endian. ports has the first answers.",
            "Machine steps: clock (it answers ms from now on), fork (count + 1, the id of label), sameIdFork (count + 1).",
            "Generator steps: draw (n bytes), draws (one of each size, results joined), uint32, int (min, max exclusive), "
            "ints (one call for each out), uuid, reseed and notifyFork (extra: bytes or absent).",
            "calls: how often each port has been called since the start, after the step.",
            "Results over 256 bytes: digest = BLAKE2s(result), its first and last 32 bytes.",
        ],
        "ports": {
            "fill": [test_seed(i).hex() for i in range(2)],
            "nonce": [test_nonce(i).hex() for i in range(3)],
            "uniqueId": [{"label": label, "id": test_id(label).hex()} for label in (1, 2, 3)],
        },
        "scenarios": Scenario.all,
    }


def dump(value, indent=""):
    """JSON as deno fmt leaves it: what fits on a line is on one."""
    if isinstance(value, dict) and value:
        flat = "{ " + ", ".join(f"{json.dumps(k)}: {dump(v)}" for k, v in value.items()) + " }"
        items, ends = [f"{json.dumps(k)}: {dump(v, indent + '  ')}" for k, v in value.items()], "{}"
    elif isinstance(value, list) and value:
        flat = "[" + ", ".join(map(dump, value)) + "]"
        items, ends = [dump(v, indent + "  ") for v in value], "[]"
    else:
        return json.dumps(value)
    if len(indent + flat) <= 66:
        return flat
    inner = ",\n".join(indent + "  " + item for item in items)
    return f"{ends[0]}\n{inner}\n{indent}{ends[1]}"


def main():
    files = {
        "chacha20.json": chacha20_vectors(),
        "blake2s.json": blake2s_vectors(),
        "input_pool.json": input_pool_vectors(),
        "generator.json": generator_vectors(),
    }
    if sys.argv[1:] == ["--check"]:
        stale = [name for name, vectors in files.items()
                 if not (HERE / name).exists() or json.loads((HERE / name).read_text()) != vectors]
        for name in stale:
            print(f"{name} differs: run python3 tests/vectors/generate.py and read the diff", file=sys.stderr)
        return 1 if stale else 0
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    for name, vectors in files.items():
        (HERE / name).write_text(dump(vectors) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
