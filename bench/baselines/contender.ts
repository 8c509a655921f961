/** A way of selling one item that people use instead, at its best settings. */
export interface Contender {
  readonly name: string;
  readonly what: string;
  /** Clients that never pause; each count is measured, the best one counts. */
  readonly clients: readonly number[];
  /** @param stock units of the one item */
  open(servers: Servers, stock: number, clients: number): Promise<OpenContender>;
}

export interface Servers {
  /** A database of its own, empty. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
}

export interface OpenContender {
  /** One buyer asks for one unit; whether he is told that it is his. `client` is 0 to `clients - 1`. */
  reserve(client: number): Promise<boolean>;
  /** Waits until all that was told is where it stays, and says how many reservations that are. */
  settle(): Promise<number>;
  /** What a power cut might take of what was told; empty where nothing. */
  readonly atRisk: string;
  close(): Promise<void>;
}
