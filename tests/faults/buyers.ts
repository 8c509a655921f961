import { call, reserve, type Answer } from './api.ts';

/** What each buyer was told in the end, and what it took. */
export interface Told {
  readonly user: string;
  readonly status: number;
  readonly reservationId: string | undefined;
  readonly tries: number;
}

const triesMax = 200;
const retryAfterMs = 250;

/**
 * Sends `count` buyers for one unit each, `atOnce` at a time, each with a key of its
 * own. Whoever is told to come back (503, 429) or gets no answer does so with the same
 * key; whoever is still in the line asks again. Returns what each was told in the end.
 */
export async function sendBuyers(
  baseUrl: string,
  saleId: string,
  count: number,
  atOnce: number,
  prefix: string,
  onAnswer: (answered: number) => void = () => undefined,
): Promise<Told[]> {
  const told: Told[] = [];
  let next = 0;
  async function buyers(): Promise<void> {
    while (next < count) {
      const user = `${prefix}-${String(next++)}`;
      told.push(await buy(baseUrl, saleId, user));
      onAnswer(told.length);
    }
  }
  await Promise.all(Array.from({ length: atOnce }, buyers));
  return told;
}

async function buy(baseUrl: string, saleId: string, user: string): Promise<Told> {
  let last = 'nothing';
  for (let tries = 1; tries <= triesMax; tries++) {
    const answer: Answer | Error = await reserve(baseUrl, saleId, user, 'once', 'wait=10').catch((error: unknown) => error as Error);
    if (!(answer instanceof Error)) {
      const status: unknown = answer.body?.status;
      if (
        answer.status === 201 ||
        answer.status === 409 ||
        (answer.status === 200 && status !== 'queued') ||
        (answer.status === 202 && status === 'waitlisted')
      )
        return {
          user,
          status: answer.status === 200 && status === 'held' ? 201 : answer.status,
          reservationId: answer.body.id as string | undefined,
          tries,
        };
      last = `${String(answer.status)} ${JSON.stringify(answer.body)}`;
      if (answer.status >= 400 && answer.status !== 503 && answer.status !== 429) throw new Error(`${user} was told ${last}`);
    } else last = answer.message;
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
  }
  throw new Error(`${user} had no answer in ${String(triesMax)} tries; last: ${last}`);
}

/** Buyers who were told `held` and whose reservation does not say so (I6). */
export async function brokenPromises(baseUrl: string, told: readonly Told[]): Promise<string[]> {
  const broken: string[] = [];
  for (const { user, status, reservationId } of told) {
    if (status !== 201) continue;
    const found = await call(baseUrl, 'GET', `/v1/reservations/${String(reservationId)}`, { user });
    if (found.status !== 200 || found.body.status !== 'held') broken.push(`${user}: ${String(found.status)} ${String(found.body?.status)}`);
  }
  return broken;
}
