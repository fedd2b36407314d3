// A small deterministic generator (xorshift64*), so that a seed always means the same test.

export class Random {
  constructor(seed) {
    this.state = BigInt.asUintN(64, (BigInt(seed) + 1n) * 0x9e3779b97f4a7c15n);
  }
  u64() {
    let x = this.state;
    x ^= x >> 12n;
    x = BigInt.asUintN(64, x ^ (x << 25n));
    x ^= x >> 27n;
    this.state = x;
    return BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn);
  }
  below(limit) {
    return Number(this.u64() % BigInt(limit));
  }
  pick(list) {
    return list[this.below(list.length)];
  }
  bytes(size) {
    const result = new Uint8Array(size);
    for (let i = 0; i < size; i++) result[i] = Number(this.u64() >> 56n);
    return result;
  }
}
