import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '#src/embedded-postgres/free-port.ts';
import { startProgram, temporaryDirectory, type Program } from '../../programs.ts';
import type { Scope } from '#testkit/scope.ts';
import { createApi, type Api } from './api.ts';
import { createCredentials, type User } from './credentials.ts';
import { createNodes } from './nodes.ts';
import { writeStages } from './stages.ts';

export type Cluster = {
  readonly scope: Scope;
  readonly api: Api;
  readonly directory: string;
  readonly kubeconfig: string;
  /** Certificate and key of the API server, for the other servers of the run. */
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly programs: ReadonlyMap<string, Program>;
};

export const nodeCount = 50;

/** Each program gets this limit of Go for its heap, so that the whole control plane stays below 2.5 GB. */
const heapLimit = '700MiB';

/** The API server needs 5 s of processor time before it is ready, which is 90 s on a machine with other work. */
const startMs = 120_000;

/** Starts etcd, the control plane and kwok on loopback. Everything ends with the scope. */
export const startCluster = async (scope: Scope): Promise<Cluster> => {
  const directory = temporaryDirectory(scope);
  const certificates = join(directory, 'certificates');
  mkdirSync(certificates);
  const [certificateFile, keyFile] = [join(certificates, 'apiserver.crt'), join(certificates, 'apiserver.key')];
  const credentials = createCredentials(directory, certificateFile);
  const ports = { etcd: 0, peer: 0, api: 0, controllers: 0, scheduler: 0, kwok: 0 };
  for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
  const programs = new Map<string, Program>();
  const start = async (
    name: string,
    args: readonly string[],
    ready: string | (() => Promise<boolean>),
  ): Promise<void> => {
    const isReady = typeof ready === 'string' ? { readyUrl: ready } : { isReady: ready };
    const environment = { GOMEMLIMIT: heapLimit };
    programs.set(name, await startProgram(scope, name, args, { ...isReady, environment, startMs }));
  };

  const etcd = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  await start(
    'etcd',
    [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      // The data end with the run, so they need not survive a power failure.
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
    `${etcd}/health`,
  );

  const server = `https://127.0.0.1:${ports.api}`;
  // The API server writes its certificate before it listens.
  const isAnswered = async (address: string): Promise<boolean> => {
    if (!existsSync(certificateFile)) return false;
    const client = createApi(address, readFileSync(certificateFile, 'utf8'), credentials.token('administrator'));
    const answer = await client.send('GET', address === server ? '/readyz' : '/healthz').catch(() => undefined);
    client.close();
    return answer?.status === 200;
  };
  await start(
    'kube-apiserver',
    [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.api}`,
      `--cert-dir=${certificates}`,
      // An address for documentation. Endpoints refuse loopback addresses, so the service `kubernetes` gets none.
      '--advertise-address=192.0.2.1',
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.96.0.0/16',
      `--token-auth-file=${credentials.tokenFile}`,
      '--authorization-mode=Node,RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${credentials.keyOfAccounts}`,
      `--service-account-signing-key-file=${credentials.keyOfAccounts}`,
    ],
    () => isAnswered(server),
  );
  const api = createApi(server, readFileSync(certificateFile, 'utf8'), credentials.token('administrator'));
  scope.teardown(() => api.close());

  const addressOf = (port: number): string => `https://127.0.0.1:${port}`;
  const ofControlPlane = (user: User, port: number): string[] => {
    const path = credentials.kubeconfig(user, server);
    return [
      `--kubeconfig=${path}`,
      `--authentication-kubeconfig=${path}`,
      `--authorization-kubeconfig=${path}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--tls-cert-file=${certificateFile}`,
      `--tls-private-key-file=${keyFile}`,
      '--leader-elect=false',
    ];
  };
  await start(
    'kube-controller-manager',
    [
      ...ofControlPlane('system:kube-controller-manager', ports.controllers),
      // Each controller has the rights that Kubernetes gives it, and no more.
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${credentials.keyOfAccounts}`,
      // The defaults are 15 s, 5 min and 30 s. The decisions are the same.
      '--horizontal-pod-autoscaler-sync-period=2s',
      '--horizontal-pod-autoscaler-cpu-initialization-period=0s',
      '--horizontal-pod-autoscaler-initial-readiness-delay=0s',
    ],
    () => isAnswered(addressOf(ports.controllers)),
  );
  await start('kube-scheduler', ofControlPlane('system:kube-scheduler', ports.scheduler), () =>
    isAnswered(addressOf(ports.scheduler)),
  );
  const kwok = `127.0.0.1:${ports.kwok}`;
  await start(
    'kwok',
    [
      `--kubeconfig=${credentials.kubeconfig('kwok', server)}`,
      `--config=${writeStages(directory)}`,
      '--manage-all-nodes=true',
      '--node-lease-duration-seconds=40',
      '--cidr=10.0.0.1/16',
      `--server-address=${kwok}`,
    ],
    `http://${kwok}/healthz`,
  );
  await createNodes(api, nodeCount);
  const kubeconfig = credentials.kubeconfig('administrator', server);
  return { scope, api, directory, kubeconfig, certificateFile, keyFile, programs };
};
