import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What the client says to the server, and what the server says to the client. */
export type Direction = 'asked' | 'answered';

/**
 * Sees each piece on its way. `hold`: neither it nor anything behind it in that direction of that
 * connection is passed on, ever; the connection stays open.
 */
export type Tap = (direction: Direction, bytes: Buffer) => 'pass' | 'hold';

/** A way to a server that can be cut, slowed down, or go silent, and come back: for tests of what happens then. */
export interface Proxy {
  readonly port: number;
  /** Closes every connection and takes no new one. */
  cut(): void;
  /** Keeps every connection, takes new ones, and passes nothing on. */
  silence(): void;
  /** Everything takes so much longer, in each direction. */
  delay(ms: number): void;
  /** Looks at what passes, until `restore`. */
  tap(look: Tap): void;
  /** Connections that were silent or held stay useless, as after a machine has vanished. */
  restore(): void;
  /** Closes every connection once; new ones work. */
  interrupt(): void;
  close(): Promise<void>;
}

interface Way {
  /** Nothing passes any more. */
  held: boolean;
  readonly waiting: { readonly bytes: Buffer; readonly at: number }[];
}

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly ways: Readonly<Record<Direction, Way>>;
}

const newWay = (): Way => ({ held: false, waiting: [] });

/** @param listenOn default: any free port */
export async function openProxy(host: string, port: number, listenOn = 0): Promise<Proxy> {
  const pairs = new Set<Pair>();
  let mode: 'open' | 'cut' | 'silent' = 'open';
  let delayMs = 0;
  let look: Tap | null = null;

  function carry(from: Socket, to: Socket, direction: Direction, way: Way): void {
    const send = (bytes: Buffer): void => {
      if (way.held || to.destroyed || to.write(bytes)) return;
      from.pause();
      to.once('drain', () => from.resume());
    };
    /** Pieces leave in the order in which they came, whatever the delay was for each. */
    const sendDue = (): void => {
      while (way.waiting[0] !== undefined && way.waiting[0].at <= performance.now()) send(way.waiting.shift()!.bytes);
      if (way.waiting[0] !== undefined) setTimeout(sendDue, way.waiting[0].at - performance.now());
    };
    from.on('data', (bytes: Buffer) => {
      if (look !== null && !way.held) way.held = look(direction, bytes) === 'hold';
      if (way.held) return;
      if (delayMs === 0 && way.waiting.length === 0) {
        send(bytes);
        return;
      }
      way.waiting.push({ bytes, at: performance.now() + delayMs });
      if (way.waiting.length === 1) setTimeout(sendDue, delayMs);
    });
  }

  const server = createServer({ noDelay: true }, (client) => {
    if (mode === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect({ host, port, noDelay: true });
    const pair: Pair = { client, upstream, ways: { asked: newWay(), answered: newWay() } };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    if (mode === 'silent') hold(pair);
    carry(client, upstream, 'asked', pair.ways.asked);
    carry(upstream, client, 'answered', pair.ways.answered);
  });
  server.listen(listenOn, '127.0.0.1');
  await once(server, 'listening');

  function hold({ ways }: Pair): void {
    ways.asked.held = true;
    ways.answered.held = true;
  }
  const endAll = (): void => {
    for (const { client, upstream } of [...pairs]) {
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
      for (const pair of pairs) hold(pair);
    },
    delay: (ms) => {
      delayMs = ms;
    },
    tap: (watcher) => {
      look = watcher;
    },
    restore: () => {
      mode = 'open';
      delayMs = 0;
      look = null;
    },
    interrupt: endAll,
    close: async () => {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
