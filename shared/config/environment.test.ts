import { z } from 'zod';
import { TerminalFault } from '#shared/faults/faults.ts';
import { parseEnvironment } from './environment.ts';
import { databaseUrl, flag, kafkaBrokers, linePartitions, partitionList, port, wholeNumber } from './pieces.ts';

const schema = z.object({
  DATABASE_URL: databaseUrl,
  KAFKA_BROKERS: kafkaBrokers,
  LINE_PARTITIONS: linePartitions,
  HTTP_PORT: port.default(8103),
  SECRET: z.string().min(8).describe('at least 8 characters'),
});

test('defaults fill what is absent or empty, and values are converted', () => {
  expect(parseEnvironment(schema, { SECRET: ' long enough ', HTTP_PORT: '', LINE_PARTITIONS: '8', UNRELATED: 'x' })).toEqual({
    DATABASE_URL: 'postgres://firstcome_app:firstcome@127.0.0.1:5460/firstcome',
    KAFKA_BROKERS: ['127.0.0.1:9192'],
    LINE_PARTITIONS: 8,
    HTTP_PORT: 8103,
    SECRET: 'long enough',
  });
});

test('all faults are reported together, with what to set, and without the values', () => {
  const attempt = () => parseEnvironment(schema, { DATABASE_URL: 'mysql://root:hunter2@x', KAFKA_BROKERS: 'nowhere', HTTP_PORT: '70000' });
  expect(attempt).toThrow(TerminalFault);
  let message = '';
  try {
    attempt();
  } catch (error) {
    message = (error as Error).message;
  }
  for (const name of ['DATABASE_URL', 'KAFKA_BROKERS', 'HTTP_PORT', 'SECRET']) expect(message).toContain(`${name}: `);
  expect(message).toContain('SECRET: is not set; set it to at least 8 characters');
  expect(message).not.toContain('hunter2');
});

test.each([
  ['0-3', [0, 1, 2, 3]],
  ['5', [5]],
  ['8,0-2,1', [0, 1, 2, 8]],
  ['3-1', undefined],
  ['a', undefined],
  ['-1', undefined],
])('partitions %s', (text, expected) => {
  expect(partitionList.safeParse(text).data).toEqual(expected);
});

test.each([
  [flag, 'on', true],
  [flag, '0', false],
  [flag, 'maybe', undefined],
  [wholeNumber(1, 5), '5', 5],
  [wholeNumber(1, 5), '6', undefined],
  [wholeNumber(1, 5), '1.5', undefined],
])('piece %#: %s', (piece, text, expected) => {
  expect((piece as z.ZodType).safeParse(text).data).toEqual(expected);
});
