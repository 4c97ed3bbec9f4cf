import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { Scope } from '#testkit/scope.ts';

const periodUs = 20_000;

/** The settings of a control group with this share of one core, for either version of control groups. */
const settingsOf = (
  share: number,
): { readonly directory: string; readonly files: Readonly<Record<string, string>> } => {
  const quota = String(Math.round(periodUs * share));
  return existsSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')
    ? {
        directory: '/sys/fs/cgroup/cpu',
        files: { 'cpu.cfs_period_us': String(periodUs), 'cpu.cfs_quota_us': quota },
      }
    : { directory: '/sys/fs/cgroup', files: { 'cpu.max': `${quota} ${periodUs}` } };
};

/**
 * Gives a process a share of one core, so that several processes fit into a machine with two cores and none of them waits
 * for a core. Needs root and the cpu controller.
 */
export const capProcess = (scope: Scope, pid: number, share: number): void => {
  const { directory, files } = settingsOf(share);
  const group = `${directory}/volwatch-capacity-${pid}`;
  mkdirSync(group);
  scope.teardown(() => {
    // A group can only be removed without processes.
    for (const member of readFileSync(`${group}/cgroup.procs`, 'utf8').split('\n').filter(Boolean)) {
      writeFileSync(`${directory}/cgroup.procs`, member);
    }
    rmdirSync(group);
  });
  for (const [name, value] of Object.entries(files)) writeFileSync(`${group}/${name}`, value);
  writeFileSync(`${group}/cgroup.procs`, String(pid));
};
