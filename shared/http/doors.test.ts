import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { openDoors } from './doors.ts';

const answering = (): Server => createServer((_request, response) => response.end('here'));

/** Over a connection of its own. */
async function ask(port: number): Promise<string> {
  const sent = request({ host: '127.0.0.1', port, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>];
  let text = '';
  for await (const chunk of response) text += chunk.toString();
  return text;
}

test('whoever comes is let in by one door or another', async () => {
  const doors = await openDoors(answering(), '127.0.0.1', 0);
  expect(await Promise.all(Array.from({ length: 200 }, () => ask(doors.port)))).toEqual(Array.from({ length: 200 }, () => 'here'));
  await doors.close();
  await expect(ask(doors.port)).rejects.toThrow('ECONNREFUSED');
});

test('closing waits for who is still inside', async () => {
  let answer = (): void => undefined;
  const doors = await openDoors(
    createServer((_request, response) => (answer = () => response.end('at last'))),
    '127.0.0.1',
    0,
  );
  const asked = ask(doors.port);
  const inside = async (): Promise<boolean> => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return true;
  };
  await inside();
  let closed = false;
  const closing = doors.close().then(() => (closed = true));
  await inside();
  expect(closed).toBe(false);
  answer();
  expect(await asked).toBe('at last');
  await closing;
});

test('an address that is taken is not shared', async () => {
  const doors = await openDoors(answering(), '127.0.0.1', 0);
  await expect(openDoors(answering(), '127.0.0.1', doors.port)).rejects.toThrow('EADDRINUSE');
  await doors.close();
});
