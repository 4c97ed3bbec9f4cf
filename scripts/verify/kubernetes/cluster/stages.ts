import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { outputOf } from '../../../check/chart/programs.ts';

type Expression = { readonly key: string; readonly operator: string; readonly values?: readonly string[] };
type Stage = {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector: { readonly matchExpressions: readonly Expression[] };
    readonly delay?: { readonly durationMilliseconds: number };
    readonly next: { readonly statusTemplate?: string };
  };
};

/** Tags of images whose servers do not become ready, or whose migration fails. */
export const neverReady = '0.1.2-never-ready';
export const failingMigration = '0.1.2-migration-fails';
/** The container of a pod and its image: the servers are `volwatch`, the Job is `migrate`. */
const program = '.spec.containers[0] | .name + " " + .image';
const programOf = (container: string, tag: string): string => `${container} ghcr.io/volwatch/volwatch:${tag}`;

/** Time from the node's choice to readiness, and from the deletion to the end, of each simulated pod. */
const [startMs, endMs] = [2_000, 1_000];

const changed = (stage: Stage, name: string, delayMs: number, expressions: readonly Expression[]): Stage => ({
  ...stage,
  metadata: { name },
  spec: {
    ...stage.spec,
    selector: { matchExpressions: [...stage.spec.selector.matchExpressions, ...expressions] },
    ...(delayMs > 0 && { delay: { durationMilliseconds: delayMs } }),
  },
});

/** @throws Error if the stage of kwok has another text, because the change would be lost */
const withStatus = (stage: Stage, changes: readonly (readonly [from: string, to: string])[]): Stage => {
  let template = stage.spec.next.statusTemplate ?? '';
  for (const [from, to] of changes) {
    if (!template.includes(from)) throw new Error(`${stage.metadata.name}: the status has no ${JSON.stringify(from)}`);
    template = template.replace(from, to);
  }
  return { ...stage, spec: { ...stage.spec, next: { statusTemplate: template } } };
};

/**
 * Writes what kwok does in place of kubelets: the stages of its own module, slower, and with two images that fail.
 * @returns the path of the configuration
 */
export const writeStages = (directory: string): string => {
  const modules = outputOf('go', ['mod', 'download', '-json', 'sigs.k8s.io/kwok'], 'tools/kubernetes');
  const { Dir: folder } = JSON.parse(modules) as { Dir: string };
  const read = (path: string): Stage => parse(readFileSync(join(folder, 'kustomize/stage', path), 'utf8')) as Stage;
  const ready = read('pod/fast/pod-ready.yaml');
  const never: Expression = { key: program, operator: 'In', values: [programOf('volwatch', neverReady)] };
  const complete = read('pod/fast/pod-complete.yaml');
  const fails: Expression = { key: program, operator: 'In', values: [programOf('migrate', failingMigration)] };
  const failed = withStatus(changed(complete, 'pod-fail', 0, [fails]), [
    ['exitCode: 0', 'exitCode: 1'],
    ['reason: Completed', 'reason: Error'],
    ['phase: Succeeded', 'phase: Failed'],
  ]);
  // Its process runs, but its readiness probe fails.
  const unready = withStatus(changed(ready, 'pod-never-ready', startMs, [never]), [
    ['status: "True"\n  type: Ready\n', 'status: "False"\n  type: Ready\n'],
    ['status: "True"\n  type: ContainersReady\n', 'status: "False"\n  type: ContainersReady\n'],
    ['ready: true', 'ready: false'],
  ]);
  const stages = [
    read('node/fast/node-initialize.yaml'),
    changed(ready, 'pod-ready', startMs, [{ ...never, operator: 'NotIn' }]),
    unready,
    changed(complete, 'pod-complete', startMs, [{ ...fails, operator: 'NotIn' }]),
    failed,
    changed(read('pod/fast/pod-delete.yaml'), 'pod-delete', endMs, []),
  ];
  const path = join(directory, 'kwok.yaml');
  writeFileSync(path, stages.map((stage) => stringify(stage)).join('---\n'));
  return path;
};
