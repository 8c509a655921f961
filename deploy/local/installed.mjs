// Exit code 0 where node_modules holds what package-lock.json asks for, 1 otherwise.
// Compares contents, not times: a checkout gives files new times. Runs on any Node that can run npm.
import { existsSync, readFileSync } from 'node:fs';

const installedFile = 'node_modules/.package-lock.json';
if (!existsSync(installedFile)) process.exit(1);
const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
const differs = Object.entries(wanted).some(([path, entry]) => {
  if (path === '' || entry.link === true) return false;
  // Packages for other platforms, and those that only optional ones need, are left out on purpose.
  if (installed[path] === undefined) return entry.optional !== true && entry.devOptional !== true && entry.peer !== true;
  return installed[path].version !== entry.version;
});
process.exit(differs ? 1 : 0);
