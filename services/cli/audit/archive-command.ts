import { tmpdir } from 'node:os';
import { Command } from 'commander';
import { trustedKeys } from './trusted-keys.ts';
import { archiveSales, type ArchiveDependencies, type ArchiveFlags } from './archive-sales.ts';

/** `firstcome audit archive`: puts settled sales where nobody can remove them; `archiveSales` says the exit codes. */
export function archiveCommand(dependencies: ArchiveDependencies): Command {
  return new Command('archive')
    .description('put verified exports of settled sales into an archive that holds them for the years their terms say')
    .option('--sale <id>', 'this sale')
    .option('--settled', 'every settled sale that is not archived yet')
    .option('--to <url>', 'the archive; default: ARCHIVE_URL')
    .option('--key <file or vkey>', 'a key whose signatures count; may be repeated', (one: string, all: string[]) => [...all, one], [])
    .option('--trust-included-keys', 'let the keys of the system itself count')
    .option('--scratch <folder>', 'where an export is written before it is sent', tmpdir())
    .action(async (flags: ArchiveFlags) => {
      const given = trustedKeys(flags.key, []);
      if (given.kind === 'refused') {
        dependencies.tell(given.why);
        process.exitCode = 2;
        return;
      }
      process.exitCode = await archiveSales(flags, dependencies);
    });
}
