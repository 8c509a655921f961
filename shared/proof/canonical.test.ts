import { canonicalJson } from './canonical.ts';
import vectors from './testing/vectors/rfc8785.json' with { type: 'json' };

describe('canonical JSON', () => {
  test.each(vectors.map((vector) => [vector.name, vector] as const))('of the vector %s is that of RFC 8785', (_name, vector) => {
    const input: unknown = JSON.parse(Buffer.from(vector.input_utf8_hex, 'hex').toString());
    expect(Buffer.from(canonicalJson(input)).toString('hex')).toBe(vector.canonical_utf8_hex);
  });

  // Appendix B of RFC 8785: the number as its 64 bits.
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('of the number %s is %s', (bits, canonical) => {
    expect(canonicalJson(Buffer.from(bits, 'hex').readDoubleBE())).toBe(canonical);
  });

  test.each([
    ['NaN', NaN],
    ['an infinity', -Infinity],
    ['a lone surrogate', '\ud800'],
    ['a key with a lone surrogate', { '\udead': 1 }],
    ['a bigint', 1n],
    ['a function within a list', [() => 1]],
  ])('does not exist of %s', (_what, value) => {
    expect(() => canonicalJson(value)).toThrow();
  });
});
