import { highest, of, type RowSpec } from '../spec.ts';

/** Tables: number of rows and size. */
export const storedData: RowSpec = {
  title: 'Stored data',
  panels: [
    {
      id: 40,
      kind: 'timeseries',
      title: 'Table size',
      description:
        'Bytes on disk of the eight largest tables, with indexes and large values, as the primary says. A ramp needs a retention or a limit.',
      unit: 'bytes',
      queries: [{ expr: highest(`max by (table) (${of('volwatch_table_bytes')})`, 'table'), legend: '{{table}}' }],
    },
    {
      id: 41,
      kind: 'timeseries',
      title: 'Rows by table',
      description: 'Rows by table as PostgreSQL estimates them, for the eight largest tables.',
      unit: 'count',
      queries: [{ expr: highest(`max by (table) (${of('volwatch_table_rows')})`, 'table'), legend: '{{table}}' }],
    },
  ],
};
