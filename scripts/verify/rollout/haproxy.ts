import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { eventually } from '#testkit/eventually.ts';
import type { Scope } from '#testkit/scope.ts';

const program = '/usr/sbin/haproxy';

/**
 * It sends no request a second time, so that a request that meets a stopped instance fails. Two probes that answer 503 mark
 * an instance as down, after one second. A slow probe does not: its timeout is that of the readiness probe of the chart,
 * because HAProxy would use the interval of 500 ms, and a busy instance would count as down.
 */
const configuration = (port: number, instances: readonly number[]): string => `
global
  maxconn 4000
defaults
  mode http
  timeout connect 1s
  timeout client 35s
  timeout server 35s
  timeout http-keep-alive 10s
  timeout check 3s
  retries 0
frontend entry
  bind 127.0.0.1:${port}
  default_backend instances
backend instances
  balance roundrobin
  option httpchk GET /health/serving
  http-check expect status 200
  default-server check inter 500 fall 2 rise 1
  http-response set-header X-Instance %s
${instances.map((each, index) => `  server instance-${index} 127.0.0.1:${each}`).join('\n')}
`;

/** Starts HAProxy in front of the instances. @returns its URL */
export const startHaproxy = async (scope: Scope, instances: readonly number[]): Promise<string> => {
  if (!existsSync(program)) throw new Error(`${program} is missing: apt-get install haproxy`);
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-rollout-'));
  const port = await freePort();
  const path = join(directory, 'haproxy.cfg');
  writeFileSync(path, configuration(port, instances));
  const child = spawn(program, ['-db', '-f', path], { stdio: 'ignore' });
  scope.teardown(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    rmSync(directory, { recursive: true });
  });
  const url = `http://127.0.0.1:${port}`;
  const answers = async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.status === 200;
  await eventually(answers, 'HAProxy has a ready instance', 60_000);
  return url;
};
