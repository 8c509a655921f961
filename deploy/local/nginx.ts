import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { messageOf, StackFailure } from './failure.ts';
import type { Layout } from './layout.ts';
import type { Part, StackContext } from './part.ts';
import { ownFolder, writeFor } from './server-user.ts';

/** nginx from the system's package: the gateway, the only part that clients talk to. */

const askMsMax = 2_000;
const certificateDays = 90;

/** Problem `type`s begin with this; the page each opens is rendered by the reserve service. */
export function errorsBaseUrl(layout: Layout): string {
  return `http://localhost:${layout.ports.gateway}/errors/`;
}

/** Fills `${NAME}` in; throws StackFailure where the template asks for a name that is not given, or a given one is not used. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  const unused = new Set(Object.keys(values));
  const filled = template.replace(/\$\{([A-Z][A-Z0-9_]*)\}/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new StackFailure(`The gateway's template asks for \${${name}}, which deploy/local/nginx.ts does not give.`);
    unused.delete(name);
    return value;
  });
  if (unused.size > 0) throw new StackFailure(`The gateway's template does not use ${[...unused].join(', ')}.`);
  return filled;
}

/** Values of the template for the local stack. */
export function gatewayValues({ layout, folder, tls }: { layout: Layout; folder: string; tls: boolean }): Record<string, string> {
  const { ports } = layout;
  return {
    GATEWAY_LISTEN: `127.0.0.1:${ports.gateway}`,
    GATEWAY_TLS: tls
      ? [
          `listen 127.0.0.1:${ports['gateway-tls']} ssl http2;`,
          `ssl_certificate ${folder}/tls.crt;`,
          `ssl_certificate_key ${folder}/tls.key;`,
          'ssl_session_cache shared:tls:2m;',
          'ssl_protocols TLSv1.2 TLSv1.3;',
        ].join('\n  ')
      : '',
    GATEWAY_RESERVE: `127.0.0.1:${ports.reserve}`,
    GATEWAY_CHECKOUT: `127.0.0.1:${ports.checkout}`,
    GATEWAY_AUDIT: `127.0.0.1:${ports.audit}`,
    GATEWAY_ERRORS_URL: errorsBaseUrl(layout),
    GATEWAY_CACHE: `${folder}/cache`,
    GATEWAY_UNLIMITED: layout.limitLoopback ? '' : '127.0.0.0/8 1; ::1 1;',
  };
}

/** nginx.conf around the filled template, for a process that is not root and stays in the foreground. */
export function nginxConf({ folder, gateway, cores }: { folder: string; gateway: string; cores: number }): string {
  return `# Written by deploy/local/nginx.ts at each start.
worker_processes ${Math.min(2, cores)};
pcre_jit on;
worker_rlimit_nofile 20000;
worker_shutdown_timeout 5s;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 8192; multi_accept on; }
http {
client_body_temp_path ${folder}/tmp/body;
proxy_temp_path ${folder}/tmp/proxy;
fastcgi_temp_path ${folder}/tmp/fastcgi;
uwsgi_temp_path ${folder}/tmp/uwsgi;
scgi_temp_path ${folder}/tmp/scgi;
${gateway}
}
`;
}

/** Debian keeps it where an ordinary user's path does not look. */
export function nginxProgram(): string {
  return (
    ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx', '/usr/local/bin/nginx'].find((path) => existsSync(path)) ??
    'nginx'
  );
}

function folderOf(context: StackContext): string {
  return join(context.serversHome, 'nginx');
}

function as(context: StackContext): { uid?: number; gid?: number } {
  return context.user === undefined ? {} : { uid: context.user.uid, gid: context.user.gid };
}

/** A certificate of its own for localhost, where openssl is there to make one. Says whether there is one. */
function ensureCertificate(context: StackContext): boolean {
  const folder = folderOf(context);
  const crt = join(folder, 'tls.crt');
  const key = join(folder, 'tls.key');
  const options = { ...as(context), cwd: '/', stdio: 'ignore' } as const;
  // Still good for a day?
  if (
    existsSync(crt) &&
    existsSync(key) &&
    spawnSync('openssl', ['x509', '-checkend', '86400', '-noout', '-in', crt], options).status === 0
  ) {
    return true;
  }
  const made = spawnSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      String(certificateDays),
      '-keyout',
      key,
      '-out',
      crt,
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
    ],
    options,
  );
  return made.status === 0;
}

export const nginx: Part = {
  name: 'nginx',
  kind: 'server',
  port: (layout) => layout.ports.gateway,
  async prepare(context) {
    const folder = ownFolder(folderOf(context), context.user);
    ownFolder(join(folder, 'tmp'), context.user);
    ownFolder(join(folder, 'cache'), context.user);
    const template = readFileSync(join(context.layout.root, 'deploy/nginx/gateway.conf.template'), 'utf8');
    const tls = ensureCertificate(context);
    if (!tls) context.say('nginx: no openssl, so there is no HTTPS listener');
    const gateway = fillTemplate(template, gatewayValues({ layout: context.layout, folder, tls }));
    const conf = join(folder, 'nginx.conf');
    writeFor(context.user, conf, nginxConf({ folder, gateway, cores: availableParallelism() }));
    try {
      execFileSync(nginxProgram(), ['-t', '-q', '-p', folder, '-c', conf, '-e', 'stderr'], {
        ...as(context),
        cwd: '/',
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
      });
    } catch (error) {
      throw new StackFailure(`nginx does not take its configuration: ${(error as { stderr?: string }).stderr ?? messageOf(error)}`);
    }
  },
  command: (context) => ({
    file: nginxProgram(),
    args: ['-p', folderOf(context), '-c', join(folderOf(context), 'nginx.conf'), '-e', 'stderr'],
    env: { PATH: '/usr/sbin:/usr/bin:/bin' },
    cwd: '/',
  }),
  ready: ({ layout }) => askHttp(layout.ports.gateway, '/gateway/livez'),
  // Lets running requests end; SIGTERM would cut them off.
  stopSignal: 'SIGQUIT',
  goesFirst: true,
};

/** Null where a GET of the path answers 200; else what it answered, or why not. */
export function askHttp(port: number, path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path, timeout: askMsMax, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => {
        resolve(error.message);
      });
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8').slice(0, 500);
        resolve(response.statusCode === 200 ? null : `${path} answers ${response.statusCode ?? 0}: ${text}`);
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`${path} does not answer within ${askMsMax} ms`)));
    asked.on('error', (error) => {
      resolve(error.message);
    });
    asked.end();
  });
}
