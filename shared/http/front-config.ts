import { z } from 'zod';
import { TerminalFault } from '#shared/faults/faults.ts';
import { httpHost, httpUrl, instanceId, logLevel, port, wholeNumber } from '#shared/config/pieces.ts';

/** The developer's secret, which production refuses. */
const DEV_USER_REF_SECRET = 'firstcome-development-only';
const secretCharactersMin = 16;

/** Variables of every service that answers clients by HTTP. */
export const frontPieces = (portDefault: number) => ({
  NODE_ENV: z.string().default('development'),
  AUTH_MODE: z.enum(['dev', 'jwt']).default('dev').describe('jwt, or dev on a developer’s machine'),
  JWT_SECRET: z.string().min(secretCharactersMin).optional().describe(`a secret of at least ${secretCharactersMin} characters (HS256)`),
  JWT_PUBLIC_KEY: z
    .string()
    // An environment line has no line breaks; `\n` stands for them.
    .transform((text) => text.replaceAll('\\n', '\n'))
    .pipe(z.string().regex(/^-----BEGIN (RSA )?PUBLIC KEY-----/, 'is not a public key in PEM'))
    .optional()
    .describe('a public key in PEM (RS256), \\n for line breaks'),
  USER_REF_SECRET: z
    .string()
    .min(secretCharactersMin)
    .default(DEV_USER_REF_SECRET)
    .describe(`a secret of at least ${secretCharactersMin} characters`),
  LOG_LEVEL: logLevel,
  HTTP_HOST: httpHost,
  HTTP_PORT: port.default(portDefault),
  INSTANCE_ID: instanceId,
  ERRORS_BASE_URL: httpUrl.default('http://localhost:8080/errors'),
  WAITING_ROOM_URL: z.string().startsWith('/').default('/waiting-room').describe('a path such as /waiting-room'),
  RATE_LIMIT_REQUESTS: wholeNumber(1, 1_000_000).default(500),
  RATE_LIMIT_WINDOW_SECONDS: wholeNumber(1, 3_600).default(10),
  DATABASE_CONNECTIONS: wholeNumber(2, 100).default(6),
});

export type FrontConfig = z.output<z.ZodObject<ReturnType<typeof frontPieces>>>;

/** Throws TerminalFault that says what to set where nobody could be told from anybody, also where production would run with what is meant for a developer's machine. */
export function refuseUnsafe(config: FrontConfig): void {
  const faults: string[] = [];
  if (config.AUTH_MODE === 'jwt' && config.JWT_SECRET === undefined && config.JWT_PUBLIC_KEY === undefined) {
    faults.push('AUTH_MODE=jwt needs JWT_SECRET (HS256) or JWT_PUBLIC_KEY (RS256): set one of them');
  }
  if (config.NODE_ENV === 'production') {
    if (config.AUTH_MODE === 'dev') faults.push('AUTH_MODE=dev takes anyone for anyone: set AUTH_MODE=jwt in production');
    if (config.USER_REF_SECRET === DEV_USER_REF_SECRET)
      faults.push('USER_REF_SECRET is the one everybody knows: set a secret of your own and keep it');
  }
  if (faults.length > 0) throw new TerminalFault('environment_invalid', faults.join('\n'));
}
