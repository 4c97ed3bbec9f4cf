import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { startProgram, temporaryDirectory } from '../../programs.ts';
import type { Scope } from '#testkit/scope.ts';
import { roles, type Pods } from '../cluster/pods.ts';
import { expositionText, type Level } from './levels.ts';

/**
 * Starts an HTTP server that answers for the simulated pods, which run no program, and a Prometheus that scrapes it each second.
 * All pods share this one target: an answer has the metrics of every pod that is ready.
 * @returns the URL of Prometheus
 * @throws Error with the output of Prometheus if it ends first or is not ready in time
 */
export const startPodMetrics = async (
  scope: Scope,
  namespace: string,
  pods: Pods,
  level: () => Level,
): Promise<string> => {
  const readyPods = () =>
    roles.flatMap((role) => pods.ready(role).map(({ metadata }) => ({ name: metadata.name, role })));
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(expositionText(level(), namespace, readyPods()));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => server.close());
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  const directory = temporaryDirectory(scope);
  const path = join(directory, 'prometheus.yml');
  // `honor_labels` keeps the labels of the pods, because one target answers for all of them.
  const job = { job_name: 'pods', honor_labels: true, static_configs: [{ targets: [target] }] };
  writeFileSync(path, stringify({ global: { scrape_interval: '1s' }, scrape_configs: [job] }));
  const address = `127.0.0.1:${await freePort()}`;
  await startProgram(
    scope,
    'prometheus',
    [
      `--config.file=${path}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { readyUrl: `http://${address}/-/ready` },
  );
  return `http://${address}`;
};
