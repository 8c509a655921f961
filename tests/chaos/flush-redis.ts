import { once } from 'node:events';
import { connect } from 'node:net';

/** Forgets everything that Redis has. */
export async function flushRedis(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.write('FLUSHALL\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  if (!answer.toString().startsWith('+OK')) throw new Error(`Redis answered FLUSHALL by ${answer.toString()}`);
}
