// `node deploy/local/complete-lock.mjs [--check]`: packages of other platforms that package-lock.json
// must name. npm leaves an optional package out of the lock when the registry of the moment does not
// have it, and `npm ci` then refuses the lock everywhere. With --check nothing is written and the exit
// code is 1 where one is missing.
import { readFileSync, writeFileSync } from 'node:fs';

const SYSTEMS = ['darwin', 'linux', 'win32', 'android', 'freebsd', 'openharmony'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];
const lockFile = 'package-lock.json';
const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
const { packages } = lock;
const added = [];

for (const [path, parent] of Object.entries({ ...packages })) {
  if (path === '') continue;
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (packages[place] !== undefined || packages[`${path}/${place}`] !== undefined) continue;
    // Such packages say in their name what they are for: binding-linux-x64-musl.
    const words = name.split('/').pop().split('-');
    const os = words.find((word) => SYSTEMS.includes(word));
    const cpu = words.find((word) => PROCESSORS.includes(word));
    if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+/.test(version)) {
      throw new Error(`${name}@${version}, optional for ${path}: add it by hand, its name does not tell its platform`);
    }
    const libc = os !== 'linux' ? {} : words.some((word) => word.startsWith('musl')) ? { libc: ['musl'] } : { libc: ['glibc'] };
    packages[place] = { version, cpu: [cpu], ...(parent.dev === true ? { dev: true } : {}), ...libc, optional: true, os: [os] };
    added.push(`${name}@${version}`);
  }
}

if (added.length > 0) {
  console.log(`package-lock.json lacks ${added.length} packages of other platforms: ${added.slice(0, 3).join(', ')} ...`);
  if (process.argv.includes('--check')) {
    console.log('Run: node deploy/local/complete-lock.mjs');
    process.exitCode = 1;
  } else {
    lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
    writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
    console.log('added');
  }
}
