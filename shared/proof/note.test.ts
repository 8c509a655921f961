import fc from 'fast-check';
import {
  cosign,
  createSigningKey,
  formatSigningKey,
  formatVerifierKey,
  isKeyName,
  noteCharactersMax,
  type NoteFault,
  openNote,
  parseSigningKey,
  parseVerifierKey,
  type SigningKey,
  signNote,
  type VerifierKey,
} from './note.ts';
import { testKey } from './testing/signed-log.ts';

// From the documentation and tests of golang.org/x/mod/sumdb/note (BSD 3-clause, The Go Authors).
const PETER_VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const PETER_SKEY = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const ENOCH_VKEY = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop';
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE = '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const ENOCH_LINE = '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';
const NOTE = `${TEXT}\n${PETER_LINE}`;

const peter = parseVerifierKey(PETER_VKEY)!;
const enoch = parseVerifierKey(ENOCH_VKEY)!;
const peterSigns = parseSigningKey(PETER_SKEY)!;
const witness = testKey('witness.example/w', 7, 'cosignature-v1');

describe('keys', () => {
  test('are read and written as Go does', () => {
    expect(peter).toMatchObject({ name: 'PeterNeumann', id: 0xc74f20a3, algorithm: 'ed25519' });
    expect(formatVerifierKey(peter)).toBe(PETER_VKEY);
    expect(formatSigningKey(peterSigns)).toBe(PETER_SKEY);
    expect(formatVerifierKey(peterSigns.verifier)).toBe(PETER_VKEY);
  });

  test('that are made come back from their texts', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }).filter(isKeyName),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.constantFrom('ed25519' as const, 'cosignature-v1' as const),
        (name, seed, algorithm) => {
          const key = createSigningKey(name, Buffer.from(seed), algorithm);
          expect(parseSigningKey(formatSigningKey(key))).toEqual(key);
          expect(parseVerifierKey(formatVerifierKey(key.verifier))).toEqual(key.verifier);
        },
      ),
    );
  });

  test('have another id for another algorithm', () => {
    expect(createSigningKey('a', Buffer.alloc(32), 'cosignature-v1').verifier.id).not.toBe(
      createSigningKey('a', Buffer.alloc(32)).verifier.id,
    );
  });

  test.each([
    ['a verifier key', PETER_VKEY, parseVerifierKey],
    ['a signing key', PETER_SKEY, parseSigningKey],
  ])('%s is refused where any part of it is left out or any character is the next one', (_what, text, parse) => {
    for (let from = 0; from < text.length; from++) {
      for (let to = from + 1; to <= text.length; to++) {
        if (to - from < text.length) expect(parse(text.slice(from, to))).toBeNull();
      }
      const next = String.fromCharCode(text.charCodeAt(from) + 1);
      expect(parse(text.slice(0, from) + next + text.slice(from + 1))).toBeNull();
    }
  });

  test.each([
    ['of another length, with the id of that', 'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=='],
    ['of an unknown algorithm, with the id of that', 'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['with its id in capitals', PETER_VKEY.replace('c74f20a3', 'C74F20A3')],
    ['with a space in its name', PETER_VKEY.replace('r', ' ')],
    ['with a newline behind it', `${PETER_VKEY}\n`],
    ['that is secret', PETER_SKEY],
    ['that is empty', ''],
  ])('a verifier key is refused %s', (_what, vkey) => {
    expect(parseVerifierKey(vkey)).toBeNull();
  });

  test.each<[string, boolean]>([
    ['example.com/log', true],
    ['ü', true],
    ['', false],
    ['a b', false],
    ['a\u00a0b', false],
    ['a\u3000b', false],
    ['a\nb', false],
    ['a+b', false],
    ['\ud800', false],
  ])('%j as a name: %p', (name, taken) => {
    expect(isKeyName(name)).toBe(taken);
    if (taken) expect(createSigningKey(name, Buffer.alloc(32)).verifier.name).toBe(name);
    else expect(() => createSigningKey(name, Buffer.alloc(32))).toThrow('assertion failed');
  });
});

describe('a note', () => {
  test('is signed byte for byte as Go does, and opens', () => {
    expect(signNote(TEXT, [peterSigns])).toBe(NOTE);
    expect(openNote(NOTE, [peter])).toEqual({ kind: 'opened', text: TEXT, signedBy: [{ key: peter }] });
  });

  test.each<[string, string, VerifierKey[], VerifierKey[]]>([
    ['signatures of others are ignored', NOTE + ENOCH_LINE, [peter], [peter]],
    ['in whichever order', `${TEXT}\n${ENOCH_LINE}${PETER_LINE}`, [peter], [peter]],
    ['both are known', NOTE + ENOCH_LINE, [enoch, peter], [peter, enoch]],
    ['a signature stands there twice', NOTE + PETER_LINE, [peter], [peter]],
    ['a key is given twice', NOTE, [peter, parseVerifierKey(PETER_VKEY)!], [peter]],
    ['another has the name and not the id', `${NOTE}— PeterNeumann AAAAAAAA\n`, [peter], [peter]],
    ['another has the id and not the name', `${NOTE}— Peter x08go/Zj\n`, [peter], [peter]],
    ['unknown keys that are ambiguous are not asked', NOTE, [peter, enoch, { ...enoch, publicKey: peter.publicKey }], [peter]],
    ['a hundred signatures', NOTE + ENOCH_LINE.repeat(99), [peter], [peter]],
  ])('opens where %s', (_what, note, keys, signers) => {
    expect(openNote(note, keys)).toEqual({ kind: 'opened', text: TEXT, signedBy: signers.map((key) => ({ key })) });
  });

  test('may have blank lines and signatures of others in its text', () => {
    const text = `one\n\ntwo\n\n${ENOCH_LINE}\n`;
    expect(openNote(signNote(text, [peterSigns]), [peter])).toMatchObject({ kind: 'opened', text });
  });

  const impostor: SigningKey = { verifier: peter, seed: Buffer.alloc(32, 9) };

  test.each<[string, string, VerifierKey[], NoteFault]>([
    ['the text is another', NOTE.replace('cryptography', 'cryptographY'), [peter], 'signature_invalid'],
    ['a line was put before it', `x\n${NOTE}`, [peter], 'signature_invalid'],
    ['a blank line was put behind the text', NOTE.replace('\n\n', '\n\n\n'), [peter], 'signature_invalid'],
    ['another key signed under that name and id', signNote(TEXT, [impostor]), [peter], 'signature_invalid'],
    ['a good signature has a bad one behind it', NOTE + signNote(TEXT, [impostor]).split('\n\n')[1]!, [peter], 'signature_invalid'],
    ['the signature is of another text', `${TEXT}\n${signNote('other\n', [peterSigns]).split('\n\n')[1]!}`, [peter], 'signature_invalid'],
    ['the signatures are swapped', `${TEXT}\n— PeterNeumann ${swapped(PETER_LINE, ENOCH_LINE)}\n`, [peter], 'signature_invalid'],
    ['the signature is cut', `${TEXT}\n— PeterNeumann x08go/Zj\n`, [peter], 'signature_invalid'],
    ['the signature is longer', `${TEXT}\n${PETER_LINE.slice(0, 60)}ABCD${PETER_LINE.slice(60)}`, [peter], 'signature_invalid'],
    ['a known cosignature is bad', cosign(NOTE, { ...witness, seed: Buffer.alloc(32) }, 5), [peter, witness.verifier], 'signature_invalid'],
    ['two keys have the name and the id', NOTE, [peter, { ...peter, publicKey: enoch.publicKey }], 'key_ambiguous'],
    ['nobody is known', NOTE, [], 'no_known_signature'],
    ['only others signed', NOTE, [enoch], 'no_known_signature'],
    ['there is no signature', TEXT, [peter], 'note_malformed'],
    ['there is a blank line and no signature', `${TEXT}\n`, [peter], 'note_malformed'],
    ['the last newline is missing', NOTE.slice(0, -1), [peter], 'note_malformed'],
    ['there is a byte behind it', `${NOTE}x`, [peter], 'note_malformed'],
    ['there is a newline behind it', `${NOTE}\n`, [peter], 'note_malformed'],
    ['there is a line behind it', `${NOTE}Unexpected line.\n`, [peter], 'note_malformed'],
    ['there is no blank line', NOTE.replace('\n\n', '\n'), [peter], 'note_malformed'],
    ['it has a control character', `\u0001${NOTE}`, [peter], 'note_malformed'],
    ['it has a tab', NOTE.replace('is the', 'is\tthe'), [peter], 'note_malformed'],
    ['its newlines are those of another system', NOTE.replaceAll('\n', '\r\n'), [peter], 'note_malformed'],
    ['it has a lone surrogate', `\ud800${NOTE}`, [peter], 'note_malformed'],
    ['a hyphen stands for the dash', NOTE.replace('—', '-'), [peter], 'note_malformed'],
    ['there are two spaces', NOTE.replace('— ', '—  '), [peter], 'note_malformed'],
    ['a name has a space', `${TEXT}\n${PETER_LINE.replace('rN', 'r N')}`, [peter], 'note_malformed'],
    ['a name has a plus', `${NOTE}— a+b AAAAAAAA\n`, [peter], 'note_malformed'],
    ['a name has a space of another alphabet', `${NOTE}— a\u2003b AAAAAAAA\n`, [peter], 'note_malformed'],
    ['a signature has no padding', NOTE.replace('=', ''), [peter], 'note_malformed'],
    ['a signature sets bits that are not used', NOTE.replace('AM=', 'AN='), [peter], 'note_malformed'],
    ['a signature is written for addresses', NOTE.replaceAll('/', '_'), [peter], 'note_malformed'],
    ['an unknown signature is no base64', `${NOTE}— a !!!!\n`, [peter], 'note_malformed'],
    ['an unknown signature is an id alone', `${NOTE}— a AAAAAA==\n`, [peter], 'note_malformed'],
    ['it is empty', '', [peter], 'note_malformed'],
    ['there are 101 signatures', `${TEXT}\n${PETER_LINE.repeat(101)}`, [peter], 'note_too_large'],
    ['it is larger than any', `${'x'.repeat(noteCharactersMax)}\n`, [peter], 'note_too_large'],
  ])('is refused where %s', (_what, note, keys, fault) => {
    expect(openNote(note, keys)).toEqual({ kind: 'refused', fault });
  });

  test('opens no more where any one byte is another', () => {
    const bytes = Buffer.from(NOTE);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = Buffer.from(bytes);
        changed[at]! ^= mask;
        expect(openNote(changed.toString(), [peter]).kind).toBe('refused');
      }),
      { numRuns: 500 },
    );
  });

  test('never throws', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(TEXT, '\n', PETER_LINE, ENOCH_LINE, '— a '), fc.base64String());
    fc.assert(
      fc.property(fc.array(text), (parts) => {
        const opened = openNote(parts.join(''), [peter, enoch, witness.verifier]);
        if (opened.kind === 'opened') expect(opened.text).toBe(TEXT);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each<[string, () => unknown]>([
    ['without a newline at its end', () => signNote('abc', [peterSigns])],
    ['with a control character', () => signNote('a\tb\n', [peterSigns])],
    ['by nobody', () => signNote(TEXT, [])],
    ['by a witness', () => signNote(TEXT, [witness])],
  ])('is not signed %s', (_what, make) => {
    expect(make).toThrow('assertion failed');
  });
});

describe('a cosignature', () => {
  const cosigned = cosign(NOTE, witness, 1_679_315_147);

  test('is added to a note and says when', () => {
    expect(cosigned.startsWith(NOTE)).toBe(true);
    expect(openNote(cosigned, [peter, witness.verifier])).toEqual({
      kind: 'opened',
      text: TEXT,
      signedBy: [{ key: peter }, { key: witness.verifier, timestamp: 1_679_315_147 }],
    });
  });

  test('is a signature over cosignature/v1, the time and the text', () => {
    const signed = signNote(`cosignature/v1\ntime 1679315147\n${TEXT}`, [testKey('witness.example/w', 7)]);
    const signature = Buffer.from(signed.split(' ').at(-1)!, 'base64').subarray(4);
    const line = Buffer.from(cosigned.split(' ').at(-1)!, 'base64');
    expect(line.readUInt32BE(0)).toBe(witness.verifier.id);
    expect(line.readBigUInt64BE(4)).toBe(1_679_315_147n);
    expect(line.subarray(12)).toEqual(signature);
  });

  test.each<[string, bigint]>([
    ['another time', 1_679_315_148n],
    ['a time beyond 2^53', 2n ** 53n],
    ['a time beyond 2^63', 2n ** 64n - 1n],
  ])('is refused with %s', (_what, timestamp) => {
    const line = Buffer.from(cosigned.split(' ').at(-1)!, 'base64');
    line.writeBigUInt64BE(timestamp, 4);
    const forged = `${NOTE}— witness.example/w ${line.toString('base64')}\n`;
    expect(openNote(forged, [peter, witness.verifier])).toEqual({ kind: 'refused', fault: 'signature_invalid' });
    expect(openNote(forged, [peter]).kind).toBe('opened');
  });

  test.each<[string, () => unknown]>([
    ['of what is no note', () => cosign(TEXT, witness, 1)],
    ['by a log', () => cosign(NOTE, peterSigns, 1)],
    ['before there was time', () => cosign(NOTE, witness, -1)],
    ['at half a second', () => cosign(NOTE, witness, 0.5)],
  ])('is not made %s', (_what, make) => {
    expect(make).toThrow('assertion failed');
  });
});

/** The id of one line with the signature of another. */
function swapped(line: string, other: string): string {
  const bytes = (text: string) => Buffer.from(text.trim().split(' ')[2]!, 'base64');
  return Buffer.concat([bytes(line).subarray(0, 4), bytes(other).subarray(4)]).toString('base64');
}
