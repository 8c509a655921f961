import { Command } from 'commander';
import { generateKey, type KeyRing, readKeys, rotateKey } from '#shared/audit-keys/key-folder.ts';
import { formatVerifierKey } from '#shared/proof/note.ts';
import { print, type Output } from '../output.ts';
import { table } from '../table.ts';

export interface KeySurroundings {
  /** AUDIT_KEYS_DIR of the stack. */
  readonly keysFolder: string;
  /** AUDIT_ORIGIN, the name of the key. */
  readonly auditOrigin: string;
}

interface Listed {
  readonly vkey: string;
  readonly use: 'signs' | 'signed before';
}

/** `firstcome keys ...`: what the audit service signs checkpoints with. Private keys are never printed. */
export function keysCommand(surroundings: () => KeySurroundings, output: () => Output): Command {
  const keys = new Command('keys').description('the key that checkpoints of the audit log are signed with, and those before it');
  const tell = (ring: KeyRing): void => {
    const listed = listedOf(ring);
    print(output(), { keys: listed }, () =>
      table(
        ['public key', 'use'],
        listed.map(({ vkey, use }) => [vkey, use]),
      ),
    );
  };
  const command = (name: string, description: string, work: (folder: string, around: KeySurroundings) => Promise<KeyRing> | KeyRing) =>
    keys
      .command(name)
      .description(description)
      .option('--dir <folder>', 'folder of the keys; default: AUDIT_KEYS_DIR of the stack')
      .action(async ({ dir }: { dir?: string }) => {
        const around = surroundings();
        tell(await work(dir ?? around.keysFolder, around));
      });

  command('generate', 'make the first key; refused where there is one', (folder, { auditOrigin }) => generateKey(folder, auditOrigin));
  command('rotate', 'sign with a new key from now on; what earlier ones signed stays valid', (folder) => rotateKey(folder));
  command('list', 'public keys, which auditors compare with their copy', (folder) => readKeys(folder));
  return keys;
}

function listedOf({ signing, earlier }: KeyRing): Listed[] {
  return [
    { vkey: formatVerifierKey(signing.verifier), use: 'signs' },
    ...earlier.toReversed().map((key): Listed => ({ vkey: formatVerifierKey(key), use: 'signed before' })),
  ];
}
