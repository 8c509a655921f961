import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a server that can be cut, or go silent, and come back: for tests of what happens then. */
export interface Proxy {
  readonly port: number;
  /** Closes every connection and takes no new one. */
  cut(): void;
  /** Keeps every connection, takes new ones, and passes nothing on. */
  silence(): void;
  /** Connections that were silent stay useless, as after a machine has vanished. */
  restore(): void;
  /** Closes every connection once; new ones work. */
  interrupt(): void;
  close(): Promise<void>;
}

export async function openProxy(host: string, port: number): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let mode: 'open' | 'cut' | 'silent' = 'open';
  const server = createServer((client) => {
    if (mode === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect({ host, port, noDelay: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    if (mode === 'open') {
      client.pipe(upstream);
      upstream.pipe(client);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endAll = (): void => {
    for (const [client, upstream] of [...pairs]) {
      client.destroy();
      upstream.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      mode = 'cut';
      endAll();
    },
    silence: () => {
      mode = 'silent';
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream);
        upstream.unpipe(client);
      }
    },
    restore: () => {
      mode = 'open';
    },
    interrupt: endAll,
    close: async () => {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
