import fc from 'fast-check';
import { SaleId } from '#schemas/ids.ts';
import {
  type Checkpoint,
  type CheckpointFault,
  formatCheckpoint,
  openCheckpoint,
  originOf,
  parseCheckpoint,
  signCheckpoint,
} from './checkpoint.ts';
import { cosign, openNote, signNote } from './note.ts';
import { AUDIT_ORIGIN, testKey } from './testing/signed-log.ts';
import { EMPTY_ROOT } from './tree-hash.ts';

const key = testKey(AUDIT_ORIGIN, 1);
const witness = testKey('witness.example/w', 7, 'cosignature-v1');
const ROOT = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';
const checkpoint: Checkpoint = {
  origin: originOf(AUDIT_ORIGIN, SaleId.parse('sale')),
  size: 20_852_163,
  root: Buffer.from(ROOT, 'base64'),
};
const TEXT = `${AUDIT_ORIGIN}/sale\n20852163\n${ROOT}\n`;

// The example of C2SP tlog-checkpoint and tlog-cosignature (CC BY 4.0); its keys are not published.
const EXAMPLE = `example.com/behind-the-sofa
20852163
${ROOT}

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;

describe('the text of a checkpoint', () => {
  test('is that of C2SP tlog-checkpoint', () => {
    expect(formatCheckpoint(checkpoint)).toBe(TEXT);
    expect(parseCheckpoint(TEXT)).toEqual(checkpoint);
    expect(parseCheckpoint(`${EXAMPLE.split('\n\n')[0]!}\n`)).toEqual({ ...checkpoint, origin: 'example.com/behind-the-sofa' });
    // Its form as a note is right, too: all that is missing is the keys.
    expect(openNote(EXAMPLE, [])).toEqual({ kind: 'refused', fault: 'no_known_signature' });
  });

  test('comes back as it was', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, root) => {
        const one = { origin: 'a b', size, root: Buffer.from(root) };
        expect(parseCheckpoint(formatCheckpoint(one))).toEqual(one);
      }),
    );
  });

  test.each([
    ['of the empty tree', `o\n0\n${EMPTY_ROOT.toString('base64')}\n`, { origin: 'o', size: 0, root: EMPTY_ROOT }],
    ['of the largest tree', `o\n9007199254740991\n${ROOT}\n`, { origin: 'o', size: 2 ** 53 - 1, root: checkpoint.root }],
    ['with extension lines', `${TEXT}one\ntwo\n`, checkpoint],
  ])('%s is read', (_what, text, expected) => {
    expect(parseCheckpoint(text)).toEqual(expected);
  });

  test.each([
    ['nothing', ''],
    ['a newline', '\n'],
    ['without a root', 'o\n5\n'],
    ['without an origin', `\n5\n${ROOT}\n`],
    ['without the last newline', `o\n5\n${ROOT}`],
    ['with a blank line', `${TEXT}\n`],
    ['with a blank line before extensions', `${TEXT}\none\n`],
    ['with a leading zero', `o\n05\n${ROOT}\n`],
    ['with two zeroes', `o\n00\n${ROOT}\n`],
    ['with a sign', `o\n+5\n${ROOT}\n`],
    ['with a negative size', `o\n-5\n${ROOT}\n`],
    ['with a space before the size', `o\n 5\n${ROOT}\n`],
    ['with half a size', `o\n5.0\n${ROOT}\n`],
    ['with a size in hexadecimal digits', `o\n0x5\n${ROOT}\n`],
    ['with a size in other digits', `o\n٥\n${ROOT}\n`],
    ['with a size of 2^53', `o\n9007199254740992\n${ROOT}\n`],
    ['with a size of a hundred digits', `o\n${'9'.repeat(100)}\n${ROOT}\n`],
    ['with a root without padding', `o\n5\n${ROOT.slice(0, -1)}\n`],
    ['with a root whose unused bits are set', `o\n5\n${ROOT.replace('2I=', '2J=')}\n`],
    ['with a root of 31 bytes', `o\n5\n${Buffer.alloc(31).toString('base64')}\n`],
    ['with a root of 33 bytes', `o\n5\n${Buffer.alloc(33).toString('base64')}\n`],
    ['with a root in hexadecimal digits', `o\n5\n${'0'.repeat(64)}\n`],
    ['with newlines of another system', TEXT.replaceAll('\n', '\r\n')],
    ['with a lone surrogate', `\ud800\n5\n${ROOT}\n`],
  ])('is refused: %s', (_what, text) => {
    expect(parseCheckpoint(text)).toBeNull();
  });

  test.each<[string, Partial<Checkpoint>]>([
    ['an origin of two lines', { origin: 'a\nb' }],
    ['no origin', { origin: '' }],
    ['an origin with a tab', { origin: 'a\tb' }],
    ['a negative size', { size: -1 }],
    ['a size beyond 2^53', { size: 2 ** 53 }],
    ['half a root', { root: Buffer.alloc(16) }],
  ])('is not written with %s', (_what, change) => {
    expect(() => formatCheckpoint({ ...checkpoint, ...change })).toThrow('assertion failed');
  });
});

describe('a signed checkpoint', () => {
  const note = signCheckpoint(checkpoint, [key]);
  const options = { keys: [key.verifier, witness.verifier], origin: `${AUDIT_ORIGIN}/sale` };

  test('opens, with its witnesses', () => {
    expect(openCheckpoint(note, options)).toEqual({ kind: 'opened', checkpoint, signedBy: [{ key: key.verifier }] });
    expect(openCheckpoint(cosign(note, witness, 5), { keys: options.keys })).toEqual({
      kind: 'opened',
      checkpoint,
      signedBy: [{ key: key.verifier }, { key: witness.verifier, timestamp: 5 }],
    });
  });

  test('of a log that is named as its key opens', () => {
    const own = { ...checkpoint, origin: AUDIT_ORIGIN };
    expect(openCheckpoint(signCheckpoint(own, [key]), { keys: [key.verifier] })).toMatchObject({ kind: 'opened', checkpoint: own });
  });

  const impostor = { verifier: key.verifier, seed: Buffer.alloc(32, 9) };
  const stranger = testKey('example.com/log', 2);
  const otherSale = signCheckpoint({ ...checkpoint, origin: `${AUDIT_ORIGIN}/other` }, [key]);
  const witnessOnly = `${TEXT}\n${cosign(note, witness, 5).split('\n').at(-2)!}\n`;

  test.each<[string, string, CheckpointFault]>([
    ['another size', note.replace('20852163', '20852164'), 'signature_invalid'],
    ['another root', note.replace('CsUY', 'CsUZ'), 'signature_invalid'],
    ['another sale', note.replace('/sale', '/sole'), 'signature_invalid'],
    ['an extension line that was put in', note.replace('\n\n', '\nx\n\n'), 'signature_invalid'],
    ['another key under the same name and id', signCheckpoint(checkpoint, [impostor]), 'signature_invalid'],
    ['the signature of another checkpoint', `${TEXT}\n${otherSale.split('\n\n')[1]!}`, 'signature_invalid'],
    ["a stranger's", signCheckpoint({ ...checkpoint, origin: 'example.com/log/sale' }, [stranger]), 'no_known_signature'],
    ['bytes behind it', `${note}x`, 'note_malformed'],
    ['the checkpoint of another sale', otherSale, 'other_origin'],
    ['only a witness signed it', witnessOnly, 'origin_of_another_key'],
    ['a signed text that is no checkpoint', signNote('hello\n', [key]), 'checkpoint_malformed'],
    ['a signed size with a leading zero', signNote(TEXT.replace('20852163', '020852163'), [key]), 'checkpoint_malformed'],
    ['a signed root that is not canonical', signNote(TEXT.replace('2I=', '2J='), [key]), 'checkpoint_malformed'],
  ])('is refused: %s', (_what, forged, fault) => {
    expect(openCheckpoint(forged, options)).toEqual({ kind: 'refused', fault });
  });

  test.each(['other.test/log/sale', `${AUDIT_ORIGIN}s/sale`, 'firstcome.test'])(
    'of the log %s is neither signed nor taken with a key of another name',
    (origin) => {
      expect(() => signCheckpoint({ ...checkpoint, origin }, [key])).toThrow('assertion failed');
      const forged = signNote(formatCheckpoint({ ...checkpoint, origin }), [key]);
      expect(openCheckpoint(forged, { keys: [key.verifier] })).toEqual({ kind: 'refused', fault: 'origin_of_another_key' });
    },
  );
});
