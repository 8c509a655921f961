import fc from 'fast-check';
import { signCheckpoint } from './checkpoint.ts';
import { cosign, type SigningKey, signNote } from './note.ts';
import { Receipt, type ReceiptFault, verifyReceipt } from './receipt.ts';
import { AUDIT_ORIGIN, heldLeaves, receiptFor, reservationOf, testKey } from './testing/signed-log.ts';

const key = testKey(AUDIT_ORIGIN, 1);
const stranger = testKey('example.test', 2);
const impostor: SigningKey = { verifier: key.verifier, seed: Buffer.alloc(32, 3) };
const witness = testKey('witness.test', 4, 'cosignature-v1');
const trusted = [key.verifier, witness.verifier];

const SIZE = 300;
const SEQ = 217;
const leaves = heldLeaves('sale', SIZE);
const receipt = receiptFor(leaves, SEQ, 'sale', [key]);
const otherSale = receiptFor(heldLeaves('other', SIZE), SEQ, 'other', [key]);

/** The receipt of a log whose operator put something else at that seq and signed it all. */
function signedWith(seq: number, leaf: Buffer): Receipt {
  return receiptFor(leaves.with(seq - 1, leaf), seq, 'sale', [key]);
}

const textOf = (leaf: Buffer, from: string | RegExp, to: string) => Buffer.from(leaf.toString().replace(from, to));
const leafText = (from: string | RegExp, to: string) => textOf(leaves[SEQ - 1]!, from, to).toString('base64');
const root = (note: string) => Buffer.from(note.split('\n')[2]!, 'base64');
const flip = (base64: string) => {
  const bytes = Buffer.from(base64, 'base64');
  bytes[0]! ^= 1;
  return bytes.toString('base64');
};

test.each([1, 2, 128, SEQ, 256, 257, SIZE])('the receipt of seq %d says what was decided and where it stands', (seq) => {
  const verified = verifyReceipt(JSON.parse(JSON.stringify(receiptFor(leaves, seq, 'sale', [key]))), trusted);
  expect(verified).toMatchObject({
    kind: 'valid',
    event: { type: 'reservation.created', seq, sale_id: 'sale', reservation_id: reservationOf(seq) },
    checkpoint: { origin: `${AUDIT_ORIGIN}/sale`, size: SIZE },
  });
});

test('a receipt whose note witnesses and strangers signed as well is valid', () => {
  const note = cosign(receiptFor(leaves, SEQ, 'sale', [key]).note, witness, 1_800_000_000) + '— example.test AAAAAAAAAAA=\n';
  expect(verifyReceipt({ ...receipt, note }, trusted).kind).toBe('valid');
});

describe('a forged receipt is refused:', () => {
  test.each<[string, unknown, 'tampered' | 'unverifiable', ReceiptFault]>([
    // What it is made of.
    ['nothing', undefined, 'unverifiable', 'malformed'],
    ['a text', JSON.stringify(receipt), 'unverifiable', 'malformed'],
    ['a list', [receipt], 'unverifiable', 'malformed'],
    ['a field is missing', { ...receipt, note: undefined }, 'unverifiable', 'malformed'],
    ['a field too many', { ...receipt, status: 'confirmed' }, 'unverifiable', 'malformed'],
    ['a seq of 0', { ...receipt, seq: 0 }, 'unverifiable', 'malformed'],
    ['a negative index', { ...receipt, leaf_index: -1 }, 'unverifiable', 'malformed'],
    ['half an index', { ...receipt, leaf_index: 0.5 }, 'unverifiable', 'malformed'],
    ['a size beyond 2^53', { ...receipt, tree_size: 2 ** 53 }, 'unverifiable', 'malformed'],
    ['a size in letters', { ...receipt, tree_size: '300' }, 'unverifiable', 'malformed'],
    ['hashes that are no list', { ...receipt, hashes: receipt.hashes.join() }, 'unverifiable', 'malformed'],
    ['more hashes than any tree has levels', { ...receipt, hashes: Array(65).fill(receipt.hashes[0]) }, 'unverifiable', 'malformed'],
    ['a leaf in base64 with spaces', { ...receipt, leaf: `${receipt.leaf} ` }, 'unverifiable', 'malformed'],
    [
      'a hash in base64 without padding',
      { ...receipt, hashes: receipt.hashes.map((one) => one.replace('=', '')) },
      'unverifiable',
      'malformed',
    ],
    ['a hash in base64 whose unused bits are set', { ...receipt, hashes: receipt.hashes.map(unusedBits) }, 'unverifiable', 'malformed'],
    // The signature.
    ['no signature', { ...receipt, note: receipt.note.split('—')[0]! }, 'unverifiable', 'note_malformed'],
    ['bytes behind the note', { ...receipt, note: `${receipt.note}x` }, 'unverifiable', 'note_malformed'],
    ['a stranger signed', { ...receipt, note: noteOf(stranger, `example.test/sale`) }, 'unverifiable', 'no_known_signature'],
    ['only a witness signed', { ...receipt, note: onlyWitness() }, 'unverifiable', 'origin_of_another_key'],
    [
      'another key under the same name and id',
      { ...receipt, note: noteOf(impostor, `${AUDIT_ORIGIN}/sale`) },
      'tampered',
      'signature_invalid',
    ],
    ['the signature of another checkpoint', { ...receipt, note: withSignatureOf(otherSale.note) }, 'tampered', 'signature_invalid'],
    [
      'another root in the note',
      { ...receipt, note: receipt.note.replace(/\n(.{43}=)\n/, '\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n') },
      'tampered',
      'signature_invalid',
    ],
    [
      'another size in the note',
      { ...receipt, tree_size: 301, note: receipt.note.replace('\n300\n', '\n301\n') },
      'tampered',
      'signature_invalid',
    ],
    ['another sale in the note', { ...receipt, note: receipt.note.replace('/sale', '/other') }, 'tampered', 'signature_invalid'],
    [
      'a size with a leading zero, signed',
      { ...receipt, note: signNote(`${AUDIT_ORIGIN}/sale\n0300\n${root(receipt.note).toString('base64')}\n`, [key]) },
      'unverifiable',
      'checkpoint_malformed',
    ],
    [
      'a log beside the key, signed',
      { ...receipt, note: signNote(`${AUDIT_ORIGIN}s/sale\n300\n${root(receipt.note).toString('base64')}\n`, [key]) },
      'unverifiable',
      'origin_of_another_key',
    ],
    ['the checkpoint of another sale', { ...receipt, note: otherSale.note }, 'tampered', 'root_differs'],
    // The proof.
    ['seq is not leaf_index + 1', { ...receipt, seq: SEQ + 1 }, 'tampered', 'seq_differs'],
    ['leaf_index is not seq - 1', { ...receipt, leaf_index: SEQ }, 'tampered', 'seq_differs'],
    ['another size', { ...receipt, tree_size: SIZE + 1 }, 'tampered', 'size_differs'],
    ["the neighbour's place", { ...receipt, seq: SEQ + 1, leaf_index: SEQ }, 'tampered', 'root_differs'],
    ['a place behind the end', { ...receipt, seq: SIZE + 1, leaf_index: SIZE }, 'tampered', 'index_beyond_size'],
    ["the neighbour's leaf", { ...receipt, leaf: leaves[SEQ]!.toString('base64') }, 'tampered', 'root_differs'],
    ['a hash too few', { ...receipt, hashes: receipt.hashes.slice(0, -1) }, 'tampered', 'proof_too_short'],
    ['a hash too many', { ...receipt, hashes: [...receipt.hashes, receipt.hashes[0]] }, 'tampered', 'proof_too_long'],
    ['no hashes', { ...receipt, hashes: [] }, 'tampered', 'proof_too_short'],
    [
      'two hashes swapped',
      { ...receipt, hashes: receipt.hashes.with(0, receipt.hashes[1]!).with(1, receipt.hashes[0]!) },
      'tampered',
      'root_differs',
    ],
    ['a hash with one bit changed', { ...receipt, hashes: receipt.hashes.with(3, flip(receipt.hashes[3]!)) }, 'tampered', 'root_differs'],
    ['a hash of 31 bytes', { ...receipt, hashes: receipt.hashes.with(3, Buffer.alloc(31).toString('base64')) }, 'tampered', 'hash_length'],
    ['an empty leaf', { ...receipt, leaf: '' }, 'tampered', 'root_differs'],
    // The leaf.
    ['another quantity', { ...receipt, leaf: leafText('"quantity":1', '"quantity":9') }, 'tampered', 'root_differs'],
    ['another prev', { ...receipt, leaf: leafText(/"prev":"./, '"prev":"x') }, 'tampered', 'root_differs'],
    [
      'another reservation in the leaf',
      { ...receipt, leaf: leafText(reservationOf(SEQ), reservationOf(1)), reservation_id: reservationOf(1) },
      'tampered',
      'root_differs',
    ],
    ['the reservation of somebody else', { ...receipt, reservation_id: reservationOf(1) }, 'tampered', 'leaf_of_another_reservation'],
    ['a leaf that is no JSON, signed', signedWith(SEQ, Buffer.from('{')), 'tampered', 'leaf_unreadable'],
    ['a leaf that is no event, signed', signedWith(SEQ, Buffer.from('{}')), 'tampered', 'leaf_unreadable'],
    ['a leaf that is no UTF-8, signed', signedWith(SEQ, Buffer.concat([leaves[SEQ - 1]!, Buffer.of(0xff)])), 'tampered', 'leaf_unreadable'],
    [
      'a leaf with a byte order mark, signed',
      signedWith(SEQ, Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), leaves[SEQ - 1]!])),
      'tampered',
      'leaf_unreadable',
    ],
    ['a leaf that is spaced out, signed', signedWith(SEQ, textOf(leaves[SEQ - 1]!, ':', ': ')), 'tampered', 'leaf_not_canonical'],
    [
      'a leaf that says a thing twice, signed',
      signedWith(SEQ, textOf(leaves[SEQ - 1]!, '"seq":217', '"seq":1,"seq":217')),
      'tampered',
      'leaf_not_canonical',
    ],
    [
      'a leaf of another seq, signed',
      signedWith(SEQ, textOf(leaves[SEQ - 1]!, '"seq":217', '"seq":218')),
      'tampered',
      'leaf_of_another_seq',
    ],
    ['a leaf of another sale, signed', signedWith(SEQ, heldLeaves('other', SIZE)[SEQ - 1]!), 'tampered', 'leaf_of_another_sale'],
    ['a leaf of a sale whose name ends so, signed', signedWith(SEQ, heldLeaves('le', SIZE)[SEQ - 1]!), 'tampered', 'leaf_of_another_sale'],
    ['a leaf about no reservation, signed', signedWith(SEQ, opened()), 'tampered', 'leaf_of_another_reservation'],
  ])('%s', (_what, forged, verdict, fault) => {
    const refused = verifyReceipt(forged, trusted);
    expect(refused).toEqual({ kind: 'refused', verdict, fault, why: expect.stringMatching(/: |; /) });
  });

  test('where no key is trusted', () => {
    expect(verifyReceipt(receipt, [])).toMatchObject({ verdict: 'unverifiable', fault: 'no_known_signature' });
  });

  test('where the trusted keys leave open whose signature it is', () => {
    const twin = { ...key.verifier, publicKey: stranger.verifier.publicKey };
    expect(verifyReceipt(receipt, [key.verifier, twin])).toMatchObject({ verdict: 'unverifiable', fault: 'key_ambiguous' });
  });

  test('where any one byte of leaf, hashes or note is another', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('leaf' as const, 'hashes' as const, 'note' as const),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (part, at, mask) => {
          const change = (bytes: Buffer) => {
            bytes[at % bytes.length]! ^= mask;
            return bytes;
          };
          const forged = {
            leaf: () => ({ ...receipt, leaf: change(Buffer.from(receipt.leaf, 'base64')).toString('base64') }),
            hashes: () => ({
              ...receipt,
              hashes: receipt.hashes.with(
                at % receipt.hashes.length,
                change(Buffer.from(receipt.hashes[at % receipt.hashes.length]!, 'base64')).toString('base64'),
              ),
            }),
            note: () => ({ ...receipt, note: change(Buffer.from(receipt.note)).toString('latin1') }),
          }[part]();
          expect(verifyReceipt(forged, trusted).kind).toBe('refused');
        },
      ),
      { numRuns: 500 },
    );
  });

  test('and nothing throws, whatever it is', () => {
    const almost = fc.record(
      {
        reservation_id: fc.oneof(fc.constant(receipt.reservation_id), fc.anything()),
        seq: fc.oneof(fc.constant(SEQ), fc.anything()),
        leaf: fc.oneof(fc.constant(receipt.leaf), fc.base64String(), fc.anything()),
        leaf_index: fc.oneof(fc.constant(SEQ - 1), fc.nat(), fc.anything()),
        tree_size: fc.oneof(fc.constant(SIZE), fc.nat(), fc.anything()),
        hashes: fc.oneof(fc.constant(receipt.hashes), fc.array(fc.base64String()), fc.anything()),
        note: fc.oneof(fc.constant(receipt.note), fc.string(), fc.anything()),
      },
      { requiredKeys: ['reservation_id', 'seq', 'leaf', 'leaf_index', 'tree_size', 'note'] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), almost), (anything) => {
        const verified = verifyReceipt(anything, trusted);
        if (verified.kind === 'valid') expect(anything).toEqual(receipt);
      }),
      { numRuns: 1_000 },
    );
  });
});

/** Seq 217 of the sale, as a leaf that has no reservation. */
function opened(): Buffer {
  const event = JSON.parse(leaves[SEQ - 1]!.toString());
  const { at, offset, prev, request_id, sale_id, seq, v } = event;
  return Buffer.from(JSON.stringify({ at, offset, prev, request_id, sale_id, seq, type: 'sale.opened', v }));
}

function noteOf(signer: SigningKey, origin: string): string {
  return signCheckpoint({ origin, size: SIZE, root: root(receipt.note) }, [signer]);
}

function onlyWitness(): string {
  const text = receipt.note.split('\n\n')[0]!;
  return `${text}\n\n${cosign(receipt.note, witness, 1).split('\n').at(-2)!}\n`;
}

function withSignatureOf(other: string): string {
  return `${receipt.note.split('\n\n')[0]!}\n\n${other.split('\n\n')[1]!}`;
}

/** 32 bytes are 42 characters and 4 bits more, which leaves 2 bits of the 43rd. */
function unusedBits(hash: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return `${hash.slice(0, 42)}${alphabet[alphabet.indexOf(hash[42]!) | 1]!}=`;
}

test('a receipt that was answered is one that is taken', () => {
  expect(Receipt.parse(receipt)).toEqual(receipt);
});
