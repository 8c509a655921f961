import { setTimeout as pause } from 'node:timers/promises';
import { breakLink, type Cut, killInBatch, killWhileLocked, killWriter } from './break-writer.ts';
import { moveBrokerClock, moveWriterClock, startWritersUnderFaketime } from './clocks.ts';
import { fillDisk, toLargeDisk, toSmallDisk } from './disk.ts';
import { mayMount } from './mounts.ts';
import type { Random } from './plan.ts';
import { recreateTopic, restorePostgres } from './restore.ts';
import { ownerOf, takeover } from './owner.ts';
import type { Fault } from './scene.ts';
import type { Service, Stack } from './stack.ts';
import { flushRedis } from './flush-redis.ts';

const GOES_ON = 'everyone is answered, everything adds up';

export const FAULTS: Readonly<Record<string, Fault>> = {
  'writer-killed': {
    how: 'SIGKILL of the writer that owns the line, of the other, or of both, at any moment',
    expected: `the other takes over; ${GOES_ON}`,
    run: (scene) => killWriter(scene),
  },
  'writer-killed-before-commit': {
    how: 'a batch is held back on its way to PostgreSQL, then SIGKILL of the writer',
    expected: `the batch was never committed and is decided again; ${GOES_ON}`,
    run: (scene) => killInBatch(scene, 'asked'),
  },
  'writer-killed-after-commit': {
    how: "PostgreSQL's answer to a batch is held back, then SIGKILL of the writer",
    expected: `the batch was committed, nobody was told; retries learn it from the ledger; ${GOES_ON}`,
    run: (scene) => killInBatch(scene, 'answered'),
  },
  'writer-killed-in-commit': {
    how: 'a lock on the events stops a batch inside PostgreSQL, SIGKILL of the writer, and later the lock is let go',
    expected: `the dead writer’s batch is committed whole or not at all; ${GOES_ON}`,
    run: killWhileLocked,
  },
  'writer-frozen': {
    how: 'SIGSTOP of the owner for longer than its lease, then SIGCONT',
    expected: `the other takes over; the sleeper wakes, is fenced and tells nobody anything; ${GOES_ON}`,
    async run(scene) {
      const owner = await ownerOf(scene);
      scene.stack.services.signal(owner, 'SIGSTOP');
      const seen = await takeover(scene, owner);
      await pause(scene.random.between(0, 1_500));
      scene.stack.services.signal(owner, 'SIGCONT');
      return `${seen}, then the sleeper woke`;
    },
  },
  'writers-added': {
    how: 'two more writers for the same partitions; now and then the owner is killed as well',
    expected: `one owner at a time; ${GOES_ON}`,
    async run(scene) {
      scene.stack.start('writer-third');
      scene.stack.start('writer-fourth');
      await pause(scene.random.between(200, 1_500));
      return scene.random.chance(0.5)
        ? `four writers; ${await killWriter(scene)}`
        : `four writers, ${await ownerOf(scene)} stays the owner`;
    },
  },
  'postgres-connections-cut': {
    how: 'pg_terminate_backend of every connection, once to three times',
    expected: GOES_ON,
    async run({ stack, random }) {
      let cut = 0;
      for (let times = random.between(1, 3); times > 0; times--) {
        const rows = await stack.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`,
        );
        cut += rows.length;
        await pause(random.between(50, 800));
      }
      return `${cut} connections cut`;
    },
  },
  'postgres-killed': {
    how: 'SIGQUIT of PostgreSQL (immediate: as if the machine had lost power), started again within 2 s',
    expected: GOES_ON,
    async run({ stack, random }) {
      await stack.servers.kill('postgres', 'SIGQUIT');
      return startedAgain(stack, 'postgres', random.between(0, 2_000));
    },
  },
  'postgres-restored': {
    how: 'PostgreSQL is put back to a copy that is a few seconds old; line and events are as they were',
    expected: `the line is decided again from there, byte for byte as before; what was answered stands; ${GOES_ON}`,
    run: (scene) => restorePostgres(scene, 'line whole'),
  },
  'postgres-restored-line-cut': {
    how: 'as above, and what the copy has not decided yet is deleted from the line',
    expected: 'the writer halts (line_truncated): nothing is decided behind the hole',
    run: (scene) => restorePostgres(scene, 'line cut'),
    halts: true,
    waives: {
      lost: 'ledger and line have both lost them',
      unanswered: 'the line stands still',
      different: 'answered after the copy was made',
      published: 'the events know more than the copy',
      replay: 'the line is cut',
      money: 'captured after the copy was made',
      halted: 'as it has to be',
    },
  },
  'kafka-killed': {
    how: 'SIGKILL of the broker, started again within 2 s',
    expected: GOES_ON,
    async run({ stack, random }) {
      await stack.servers.kill('kafka', 'SIGKILL');
      return startedAgain(stack, 'kafka', random.between(0, 2_000));
    },
  },
  'topic-recreated': {
    how: 'the topic sale.commands is deleted and made anew under running writers',
    expected: 'the writer halts: nothing of the new topic is decided, whatever was answered stands',
    run: recreateTopic,
    halts: true,
    waives: {
      lost: 'what stood in the line was deleted with it',
      unanswered: 'the line stands still',
      replay: 'the line is gone',
      money: 'results of payments cannot be told to the line',
      halted: 'as it has to be',
    },
  },
  'redis-flushed': {
    how: 'FLUSHALL, once to three times',
    expected: GOES_ON,
    async run({ stack, random }) {
      const times = random.between(1, 3);
      for (let n = 0; n < times; n++) {
        await flushRedis(stack.context.layout.ports.redis);
        await pause(random.between(50, 500));
      }
      return `flushed ${times} times`;
    },
  },
  'redis-hung': {
    how: 'SIGSTOP of Redis for one to four seconds',
    expected: GOES_ON,
    async run({ stack, random }) {
      const ms = random.between(1_000, 4_000);
      stack.servers.signal('redis', 'SIGSTOP');
      await pause(ms);
      stack.servers.signal('redis', 'SIGCONT');
      return `hung for ${ms} ms`;
    },
  },
  'redis-killed': {
    how: 'SIGKILL of Redis, started again within 3 s',
    expected: GOES_ON,
    async run({ stack, random }) {
      await stack.servers.kill('redis', 'SIGKILL');
      return startedAgain(stack, 'redis', random.between(0, 3_000));
    },
  },
  'edge-killed': {
    how: 'SIGKILL of reserve, checkout or both in the middle of requests, started again after a second',
    expected: GOES_ON,
    run: ({ stack, random }) => killServices(stack, random, random.pick([['reserve'], ['checkout'], ['reserve', 'checkout']])),
  },
  'payment-killed': {
    how: 'SIGKILL of the payment service, the simulated gateway or both, started again after a second',
    expected: GOES_ON,
    run: ({ stack, random }) =>
      killServices(stack, random, random.pick([['payment'], ['payment'], ['gateway-sim'], ['payment', 'gateway-sim']])),
  },
  'scheduler-killed': {
    how: 'SIGKILL of the scheduler, which ticks the lines, started again after a second',
    expected: GOES_ON,
    run: ({ stack, random }) => killServices(stack, random, ['scheduler']),
  },
  'disk-full': {
    how: "PostgreSQL's write-ahead log or its tables lie on a small tmpfs, which is filled and freed again",
    expected: `nothing half done is left; ${GOES_ON}`,
    impossible: ({ context }) => (mayMount(context.layout.home) ? null : 'mounting a tmpfs is not allowed here'),
    prepare: toSmallDisk,
    run: fillDisk,
    mend: toLargeDisk,
  },
  'writer-clock': {
    how: "the owner's clock moves ten minutes forward or backward while it runs (libfaketime)",
    expected: `forward changes nothing; backward the records seem stamped ahead, so it halts (broker_clock_ahead) and the other takes over; ${GOES_ON}`,
    prepare: startWritersUnderFaketime,
    run: moveWriterClock,
    mend: (stack) => restartServices(stack, ['writer', 'writer-standby']),
  },
  'broker-clock-back': {
    how: 'Kafka is started anew with its clock ten minutes behind (libfaketime), and again with the right one',
    expected: `the line's time stands still and never goes back; ${GOES_ON}`,
    run: (scene) => moveBrokerClock(scene, 'back'),
  },
  'broker-clock-ahead': {
    how: 'Kafka is started anew with its clock ten minutes ahead (libfaketime)',
    expected: 'the writer halts (broker_clock_ahead): no hold ends before its time',
    run: (scene) => moveBrokerClock(scene, 'ahead'),
    halts: true,
    waives: { unanswered: 'the line stands still', money: 'results of payments stand in the line', halted: 'as it has to be' },
  },
  'link-writer-postgres': linkFault('writer', 'postgres'),
  'link-writer-kafka': linkFault('writer', 'kafka'),
  'link-edge-postgres': linkFault('edge', 'postgres'),
  'link-edge-kafka': linkFault('edge', 'kafka'),
  'link-payment-kafka': linkFault('payment', 'kafka'),
  'link-redis': linkFault('everyone', 'redis'),
};

function linkFault(from: Cut, to: 'postgres' | 'kafka' | 'redis'): Fault {
  const who = {
    writer: 'the owner’s way',
    edge: 'the way of reserve and checkout',
    payment: 'the payment service’s way',
    everyone: 'everyone’s way',
  }[from];
  return {
    how: `${who} to ${to} is slow, cut, cut once, or swallows everything, for up to six seconds (TCP proxy)`,
    expected: GOES_ON,
    run: (scene) => breakLink(scene, from, to),
  };
}

async function startedAgain(stack: Stack, server: 'postgres' | 'kafka' | 'redis', afterMs: number): Promise<string> {
  await pause(afterMs);
  const from = performance.now();
  await stack.servers.start(server);
  return `started after ${afterMs} ms, ready ${Math.round(performance.now() - from)} ms later`;
}

async function killServices(stack: Stack, random: Random, names: readonly Service[]): Promise<string> {
  const times = random.between(1, 2);
  for (let n = 0; n < times; n++) {
    for (const name of names) await stack.services.kill(name);
    await pause(random.between(1_100, 2_500));
  }
  return `${names.join(' and ')} killed ${times === 1 ? 'once' : 'twice'}`;
}

async function restartServices(stack: Stack, names: readonly Service[]): Promise<void> {
  for (const name of names) await stack.services.stop(name);
  await stack.heal();
}
