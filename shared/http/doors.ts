import type { Server } from 'node:http';
import { createServer, type AddressInfo, type Server as Door } from 'node:net';

/**
 * Several listening sockets of one address before one HTTP server. Since libuv 1.5x a listening socket lets in one
 * connection a turn of the event loop: when a gateway opened a thousand at once to a busy process, the last of them
 * stood outside for six seconds. With sixteen of these it were two, with sixty-four half a second.
 */

const doorsCount = 64;
const backlog = 4_096;

export interface Doors {
  readonly port: number;
  /** Lets nobody in any more; resolves when everybody who came has gone. */
  close(): Promise<void>;
}

/** Rejects with what `listen` failed with. Where the system has no such sockets there is one door. */
export async function openDoors(server: Server, host: string, port: number): Promise<Doors> {
  // Alone first: sockets that share an address would not notice another process that shares it too.
  const alone = await open(server, host, port, false);
  if (process.platform !== 'linux') return { port: alone, close: () => closed(server) };
  await closed(server);
  const doors: Door[] = [server];
  await open(server, host, alone, true);
  for (let count = 1; count < doorsCount; count += 1) {
    const door = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket));
    doors.push(door);
    await open(door, host, alone, true);
  }
  return {
    port: alone,
    async close() {
      await Promise.all(doors.map(closed));
    },
  };
}

function open(door: Door, host: string, port: number, reusePort: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    door.once('error', reject);
    door.listen({ host, port, backlog, reusePort }, () => {
      door.off('error', reject);
      resolve((door.address() as AddressInfo).port);
    });
  });
}

function closed(door: Door): Promise<void> {
  return new Promise((resolve) => door.close(() => resolve()));
}
