import Encoder from 'kafkajs/src/protocol/encoder.js';
import { growEncodersAsWanted } from './kafkajs-encoders.ts';

growEncodersAsWanted();

const bytesOf = (length: number): Buffer => Buffer.alloc(length, 'firstcome');

test.each([
  ['fits', [10], 512],
  ['a little too large', [500, 20], 1_024],
  ['many small ones', Array.from({ length: 1_000 }, () => 16), 32_768],
  ['a large one', [1_000_000], 1_125_004],
  ['a large one, and its trailer', [1_000_000, 100], 1_125_004],
])('an encoder holds what was written into it: %s', (_name, sizes, capacity) => {
  const encoder = new Encoder();
  for (const size of sizes) encoder.writeBytes(bytesOf(size));
  const expected = sizes.flatMap((size) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(size);
    return [length, bytesOf(size)];
  });
  expect(encoder.buffer.equals(Buffer.concat(expected))).toBe(true);
  expect(encoder.buf).toHaveLength(capacity);
});

test('encoders go into another one in one piece', () => {
  const parts = [40_000, 40_000, 100].map((size) => new Encoder().writeBytes(bytesOf(size)));
  const whole = new Encoder().writeString('all').writeEncoderArray(parts);
  expect(whole.buffer.subarray(5).equals(Buffer.concat(parts.map(({ buffer }) => buffer)))).toBe(true);
  const written = 5 + 80_100 + 4 * parts.length;
  expect(whole.buf).toHaveLength(written + (written >>> 3));
});

test('what comes piece by piece is not copied for each of them', () => {
  const encoder = new Encoder();
  const piece = bytesOf(1_000);
  const buffers = new Set(Array.from({ length: 1_000 }, () => encoder.writeBytes(piece).buf));
  expect(buffers.size).toBeLessThan(20);
});

test('growing asks for no zeros', () => {
  const [encoder, bytes] = [new Encoder(), bytesOf(100_000)];
  const zeros = jest.spyOn(Buffer, 'alloc');
  encoder.writeBytes(bytes);
  expect(zeros).not.toHaveBeenCalled();
  zeros.mockRestore();
});
