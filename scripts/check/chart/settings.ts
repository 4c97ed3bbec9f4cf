import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const chart = 'deploy/chart';
export const plainManifests = 'deploy/kubernetes/volwatch.yaml';

export const valuesFiles = readdirSync(join(chart, 'ci')).map((file) => join(chart, 'ci', file));

/** Arguments of `helm template` for each setting that is checked: the defaults, and each values file. */
export const settings: readonly (readonly string[])[] = [[], ...valuesFiles.map((file) => ['--values', file])];
