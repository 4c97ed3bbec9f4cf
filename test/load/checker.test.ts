import test from 'ava';
import { violations, type History, type Observation, type Refresh } from '#load/histories/checker.ts';

const refresh = (
  generation: number,
  began: number,
  ended: number,
  outcome: Refresh['outcome'] = 'succeeded',
): Refresh => ({
  generation,
  outcome,
  began,
  ended,
});
const look = (at: number, generation: number): Observation => ({ began: at, ended: at + 1, generation });

const sound: History = {
  initial: 1,
  refreshes: [
    refresh(2, 10, 20),
    refresh(3, 30, 40, 'undone'),
    refresh(4, 50, Infinity, 'unknown'),
    refresh(5, 70, 80),
  ],
  observations: [look(0, 1), look(15, 1), look(21, 2), look(45, 2), look(60, 4), look(85, 5)],
};

test('a sound history has no violations; a killed refresh may have happened or not', (t) => {
  t.deepEqual(violations(sound), []);
  const without = sound.observations.map((observation) => (observation.generation === 4 ? look(60, 2) : observation));
  t.deepEqual(violations({ ...sound, observations: without }), []);
});

const planted: [string, RegExp, (history: History) => History][] = [
  [
    'a torn state',
    /no single refresh/,
    (history) => ({
      ...history,
      observations: [...history.observations, { began: 90, ended: 91, torn: 'MSFT is of 4' }],
    }),
  ],
  ['an undone refresh that is seen', /reported undone/, (history) => ({ ...history, observations: [look(35, 3)] })],
  [
    'a state that comes back',
    /came back/,
    (history) => ({ ...history, observations: [look(5, 1), look(15, 2), look(18, 1)] }),
  ],
  [
    'a committed refresh that is lost',
    /reported committed/,
    (history) => ({ ...history, observations: [look(25, 1)] }),
  ],
  ['a state that nobody asked for', /never asked for/, (history) => ({ ...history, observations: [look(5, 9)] })],
  ['a state before its refresh began', /before it began/, (history) => ({ ...history, observations: [look(2, 2)] })],
];
for (const [name, expected, plant] of planted) {
  test(`planted: ${name} is found`, (t) => {
    t.regex(violations(plant(sound)).join('\n'), expected);
  });
}
