import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sample } from '../prometheus.ts';

type Panel = {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string; readonly exemplar?: boolean }[];
};
export type Dashboard = {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
  readonly templating: {
    readonly list: readonly { readonly type: string; readonly name: string; readonly query: string }[];
  };
};

const directory = 'dashboards';

/** The committed dashboards. */
export const readDashboards = (): Dashboard[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Dashboard);

/** Replaces the variables as Grafana does for all instances and routes. */
export const filledIn = (expr: string): string =>
  expr
    .replaceAll('$__rate_interval', '15s')
    .replaceAll('$__interval', '15s')
    .replaceAll('$__range', '10m')
    // The run is shorter than that.
    .replaceAll(' offset 10m', '')
    .replaceAll('"$instance"', '".+"')
    .replaceAll('"$route"', '".+"');

export const hasNumber = ({ values }: Sample): boolean => values.some(([, value]) => value !== 'NaN');
