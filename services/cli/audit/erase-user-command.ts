import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { userRef } from '#shared/ids/derive.ts';
import { openPool } from '#shared/ledger/connections.ts';
import { eraseBuyer, tracesOf, type BuyerToErase, type BuyerTraces } from '#shared/ledger/erase-buyer.ts';
import { print, type Output } from '../output.ts';
import { pairs } from '../table.ts';

export interface EraseUserSurroundings {
  /** Only the owner of the tables may take anything out of them. */
  readonly databaseOwnerUrl: string;
  readonly userRefSecret: string;
}

const connectionsMax = 1;

/**
 * `firstcome audit erase-user`: takes a user's name from his pseudonyms, and from the attempts made under them
 * pseudonym, address and device. Exit code 2 without `--yes`, which
 * shows what would be erased and changes nothing.
 */
export function eraseUserCommand(surroundings: () => EraseUserSurroundings, output: () => Output, tell: (line: string) => void): Command {
  return new Command('erase-user')
    .description('forget whose pseudonyms a user had; what was decided stays and still verifies. Without --yes: show it and end with 2')
    .requiredOption('--user <id>', 'the user id, as the tokens have it')
    .option('--yes', 'erase it; there is no way back')
    .action(async ({ user, yes }: { user: string; yes?: boolean }) => {
      const { databaseOwnerUrl, userRefSecret } = surroundings();
      const owner = openPool(databaseOwnerUrl, 'firstcome-erase-user', connectionsMax);
      const buyer: BuyerToErase = { userId: user, derived: [userRef(userRefSecret, user)] };
      try {
        if (yes === true) {
          const erased = await eraseBuyer(owner, buyer, { caller: `owner:${userInfo().username}`, requestId: `cli_${randomUUID()}` });
          print(output(), { erased: true, ...erased }, () => erasedText(erased));
        } else {
          const found = await tracesOf(owner, buyer);
          print(output(), { erased: false, ...found }, () => foundText(found));
          const nothing = Object.values(found).every((count) => count === 0);
          tell(
            nothing
              ? `Nothing is kept of a user ${user}: look whether the id is written as the tokens have it.`
              : 'Nothing was erased: add --yes to do it. There is no way back.',
          );
          process.exitCode = 2;
        }
      } finally {
        await owner.end();
      }
    });
}

const foundText = (found: BuyerTraces): string =>
  pairs([['names to erase', found.names], ['attempts to clear of pseudonym, address and device', found.attempts], ...remaining(found)]);

const erasedText = (erased: BuyerTraces): string =>
  [
    pairs([['names erased', erased.names], ['attempts cleared of pseudonym, address and device', erased.attempts], ...remaining(erased)]),
    '',
    'The events stay as they are and still verify; nothing in the database says any more whose they are.',
    'Whoever has USER_REF_SECRET and the user id can still derive the pseudonym, and a new request of this user is a new buyer:',
    'docs/decisions/0012-whose-pseudonym.md says what to do about both, and about backups.',
  ].join('\n');

const remaining = ({ reservations, orders }: BuyerTraces) =>
  [
    ['reservations that remain, by pseudonym', reservations],
    ['orders that remain, by pseudonym', orders],
  ] as const;
