import type { PanelSpec } from './spec.ts';

type Override = { readonly names: string; readonly properties: { readonly id: string; readonly value: object }[] };

/** Grafana gives colours by position, so that sent messages were red. The colour of an outcome says how bad it is. */
const colors = {
  green: 'ok|sent|delivered|refreshed|written|ran',
  yellow: 'invalid',
  orange: 'failed|held_back',
  red: 'dead|refused|reauthorization_required',
  blue: 'replayed|dropped|awaited',
  purple: 'limited|gone',
} as const;

/** The colours of the series of a panel whose series are outcomes; none for other panels. */
export const outcomeColors = ({ queries }: PanelSpec): readonly Override[] =>
  queries.every(({ legend }) => legend === '{{outcome}}')
    ? Object.entries(colors).map(([color, names]) => ({
        names: `/^(${names})$/`,
        properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }],
      }))
    : [];
