/**
 * Checks docker-compose.yml with the library of Docker Compose (`node scripts/tools.ts composecheck` builds the
 * reader). The file must be valid with every variable of .env.example set, and must be refused if any one of them is
 * missing. Files that it mounts must exist. versions-check.ts checks tags and memory limits.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

const binary = '.tools/bin/composecheck';
const names = [...readFileSync('.env.example', 'utf8').matchAll(/^([A-Z_]+)=$/gm)].map(([, name]) => name!);

type Compose = { services: Record<string, { ports?: string[]; volumes?: string[] }> };
const services = Object.entries(
  (parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as Compose).services,
);

const read = (without?: string): { good: boolean; text: string } => {
  const environment = Object.fromEntries(names.filter((name) => name !== without).map((name) => [name, 'set']));
  const { status, stdout, stderr } = spawnSync(binary, ['docker-compose.yml'], { env: environment, encoding: 'utf8' });
  return { good: status === 0, text: stdout + stderr };
};

const faults: string[] = [];
if (!existsSync(binary)) faults.push(`${binary} is missing: run npm exec node scripts/tools.ts composecheck`);
else {
  const whole = read();
  if (!whole.good) faults.push(whole.text);
  for (const name of names) {
    if (read(name).good) faults.push(`${name} may be missing: it needs \${${name}:?}`);
  }
}
for (const [name, { ports = [], volumes = [] }] of services) {
  for (const port of ports) if (!port.startsWith('127.0.0.1:')) faults.push(`${name}: ${port} is open beyond loopback`);
  for (const [path] of volumes.map((volume) => volume.split(':'))) {
    if (path!.startsWith('.') && !existsSync(path!)) faults.push(`${name}: ${path} does not exist`);
  }
}
for (const fault of faults) console.error(fault);
if (faults.length === 0)
  console.log(`docker-compose.yml: ${services.length} services, ${names.length} variables required`);
process.exitCode = faults.length === 0 ? 0 : 1;
