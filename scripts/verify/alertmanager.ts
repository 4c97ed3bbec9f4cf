import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startProgram, temporaryDirectory } from './programs.ts';
import type { Scope } from '#testkit/scope.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';

type Notification = {
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly alerts: readonly Alert[];
};
type Alert = {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

export type Alertmanager = {
  /** host:port */
  readonly address: string;
  /** The alerts that fire now, including inhibited alerts. */
  readonly alerts: () => Promise<readonly Alert[]>;
  /** The notifications that were posted to the page and ticket addresses. */
  readonly notifications: readonly Notification[];
  /** The receiver of all notifications. */
  readonly receiver: Receiver;
};

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
};

type Receiver = { isRefusing: boolean };

const startWebhook = async (
  scope: Pick<Scope, 'teardown'>,
  notifications: Notification[],
  receiver: Receiver,
): Promise<string> => {
  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      if (receiver.isRefusing) {
        response.writeHead(503).end();
        return;
      }
      notifications.push(JSON.parse(text) as Notification);
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** Starts the real Alertmanager with the repository's configuration, except that each wait time is one second. */
export const startAlertmanager = async (scope: Pick<Scope, 'teardown'>): Promise<Alertmanager> => {
  const notifications: Notification[] = [];
  const receiver: Receiver = { isRefusing: false };
  const webhook = await startWebhook(scope, notifications, receiver);
  const directory = temporaryDirectory(scope);
  mkdirSync(join(directory, 'secrets'));
  for (const kind of ['page', 'ticket', 'heartbeat'])
    writeFileSync(join(directory, 'secrets', `${kind}-webhook-url`), webhook);
  const configuration = readFileSync('alerts/alertmanager.yml', 'utf8')
    .replaceAll(/(group_wait|group_interval): \w+/g, '$1: 1s')
    .replaceAll('/etc/alertmanager', directory);
  writeFileSync(join(directory, 'alertmanager.yml'), configuration);
  const address = `127.0.0.1:${await freePort()}`;
  await startProgram(
    scope,
    'alertmanager',
    [
      `--config.file=${join(directory, 'alertmanager.yml')}`,
      `--storage.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
      '--log.level=warn',
    ],
    { readyUrl: `http://${address}/-/ready` },
  );
  return {
    address,
    notifications,
    receiver,
    alerts: async () => (await (await fetch(`http://${address}/api/v2/alerts`)).json()) as Alert[],
  };
};
