import test from 'ava';
import { fileOf, uploadedFault } from '#load/chaos/uploaded-state.ts';

type Snapshot = Parameters<typeof uploadedFault>[0];

/** The state after the file of a generation. */
const stateOf = (generation: number): Snapshot => {
  const closes = fileOf(generation)
    .split('\n')
    .slice(1, -1)
    .map((line) => Number(line.split(',')[2]));
  const values = closes.filter((_, at) => at % 2 === 0).map((close) => close * 10);
  const definition = { indexes: [{ code: 'UPLOADED_PW' }], schedule: null };
  return { definition, codes: ['UPLOADED_PW'], schedules: [], closes, values };
};

test('states of one file are accepted', (t) => {
  for (const generation of [0, 1, 9]) t.is(uploadedFault(stateOf(generation)), undefined);
  t.is(uploadedFault({ ...stateOf(1), closes: [], values: [] }), undefined, 'before the first file');
});

test('planted faults are found', (t) => {
  const [one, other] = [stateOf(1), stateOf(2)];
  const mixed = [...one.closes.slice(0, 6), ...other.closes.slice(6)];
  t.regex(uploadedFault({ ...one, closes: mixed })!, /^prices /, 'prices of two files');
  t.regex(uploadedFault({ ...one, closes: one.closes.slice(2) })!, /^prices /, 'a day is missing');
  t.regex(uploadedFault({ ...one, values: other.values })!, /^index values /, 'index values of another file');
  t.regex(uploadedFault({ ...one, values: one.values.slice(1) })!, /^index values /);
  t.regex(uploadedFault({ ...one, closes: [] })!, /^index values without prices/);
  t.regex(uploadedFault({ ...one, codes: [] })!, /^indexes /);
  t.regex(uploadedFault({ ...one, schedules: ['0 0 1 1 *'] })!, /^schedules /);
  const definition = { ...one.definition, schedule: { cron: '0 0 1 1 *' } };
  t.regex(uploadedFault({ ...one, definition })!, /^schedules /);
});
