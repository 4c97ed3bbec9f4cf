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

/**
 * Writes what kwok does in place of kubelets: the stages of its own module, slower, and with two images that fail.
 * @returns the path of the configuration
 */
export const writeStages = (directory: string): string => {
  const modules = outputOf('go', ['mod', 'download', '-json', 'sigs.k8s.io/kwok'], 'tools/kubernetes');
  const { Dir: folder } = JSON.parse(modules) as { Dir: string };
  const read = (path: string): Stage => parse(readFileSync(join(folder, 'kustomize/stage', path), 'utf8')) as Stage;
  const complete = read('pod/fast/pod-complete.yaml');
  const fails: Expression = { key: program, operator: 'In', values: [programOf('migrate', failingMigration)] };
  const failed = changed(complete, 'pod-fail', 0, [fails]);
  const template = failed.spec.next
    .statusTemplate!.replace('exitCode: 0', 'exitCode: 1')
    .replace('reason: Completed', 'reason: Error')
    .replace('phase: Succeeded', 'phase: Failed');
  const stages = [
    read('node/fast/node-initialize.yaml'),
    changed(read('pod/fast/pod-ready.yaml'), 'pod-ready', startMs, [
      { key: program, operator: 'NotIn', values: [programOf('volwatch', neverReady)] },
    ]),
    changed(complete, 'pod-complete', startMs, [{ ...fails, operator: 'NotIn' }]),
    { ...failed, spec: { ...failed.spec, next: { statusTemplate: template } } },
    changed(read('pod/fast/pod-delete.yaml'), 'pod-delete', endMs, []),
  ];
  const path = join(directory, 'kwok.yaml');
  writeFileSync(path, stages.map((stage) => stringify(stage)).join('---\n'));
  return path;
};
