import test from 'ava';
import { definitionFault, definitionOf, type DefinitionSnapshot } from '#load/histories/definitions.ts';

const both = ['TECH5_EXTRA', 'TECH5_PW'];
const odd: DefinitionSnapshot = {
  title: '7',
  version: 3,
  defined: both,
  codes: both,
  stored: both,
  events: 3,
  values: [1_000, 1_010],
  extraValues: [100, 101],
};
const even: DefinitionSnapshot = {
  ...odd,
  title: '8',
  defined: ['TECH5_PW'],
  codes: ['TECH5_PW'],
  stored: ['TECH5_PW'],
  extraValues: [],
};

test('states of one definition are accepted', (t) => {
  t.is(definitionOf(7).indexes.length, 2);
  t.is(definitionFault(odd), undefined);
  t.is(definitionFault(even), undefined);
  t.is(definitionFault({ ...odd, stored: ['TECH5_PW'], extraValues: [] }), undefined, 'before the next refresh');
});

test('planted faults are found', (t) => {
  t.regex(definitionFault({ ...odd, title: '8' })!, /in definition 8/);
  t.regex(definitionFault({ ...odd, codes: ['TECH5_PW'] })!, /^codes /);
  t.regex(definitionFault({ ...even, stored: both })!, /^index TECH5_EXTRA is stored/, 'an index that was removed');
  t.regex(definitionFault({ ...odd, events: 2 })!, /^2 audit events/, 'a change without its event');
  t.regex(definitionFault({ ...odd, extraValues: [100] })!, /^1 values/);
  t.regex(definitionFault({ ...odd, extraValues: [100, 102] })!, /^values of two refreshes/);
});
