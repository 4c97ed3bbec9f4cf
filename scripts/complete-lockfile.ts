/**
 * Adds the optional packages of other platforms to package-lock.json. npm omits them if the registry in use does not
 * have them, and then `npm ci` refuses the lockfile on every machine. Run this script after `npm install`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

type Entry = {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
};
type Lockfile = { packages: Record<string, Entry> };

const path = 'package-lock.json';
const lockfile = JSON.parse(readFileSync(path, 'utf8')) as Lockfile;

/** For example, `@oxfmt/binding-linux-arm64-musl` is for os linux, cpu arm64, libc musl. */
const platform = (name: string): Record<string, string[]> | undefined => {
  const [, os, cpu, abi] =
    /[-/](aix|android|darwin|freebsd|linux|openharmony|sunos|win32)-([a-z0-9]+)(?:-(\w+))?$/.exec(name) ?? [];
  if (os === undefined || cpu === undefined) return name.includes('wasm32') ? { cpu: ['wasm32'] } : undefined;
  const libc = abi?.startsWith('gnu') ? 'glibc' : abi?.startsWith('musl') ? 'musl' : undefined;
  return { os: [os], cpu: [cpu], ...(os === 'linux' && libc && { libc: [libc] }) };
};

let added = 0;
for (const entry of Object.values(lockfile.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const where = `node_modules/${name}`;
    const only = platform(name);
    if (lockfile.packages[where] || only === undefined || !/^\d/.test(version)) continue;
    lockfile.packages[where] = { version, ...(entry.dev && { dev: true }), ...only, optional: true } as Entry;
    added += 1;
  }
}
if (added > 0) {
  lockfile.packages = Object.fromEntries(Object.entries(lockfile.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify(lockfile, null, 2)}\n`);
}
console.log(`${path}: ${added} added`);
