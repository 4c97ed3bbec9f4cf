import test from 'ava';
import { malformedJson } from '#src/kernel/requests/json-fault.ts';

const messageOf = (text: string): string => {
  try {
    JSON.parse(text);
  } catch (cause) {
    return malformedJson(text, cause).message;
  }
  throw new Error('The text is JSON');
};

const cases: readonly (readonly [text: string, message: string])[] = [
  ['{"spot":NaN}', ' at line 1, column 9: send a number in place of NaN; in a column, null marks an empty cell'],
  ['{\n  "spot": -Infinity\n}', ' at line 2, column 12: send a finite number in place of Infinity'],
  ['{"strict_units":True}', ' at line 1, column 17: send true in place of True'],
  ['{"a":[1,2 , ]}', ' at line 1, column 11: remove the comma before ]'],
  ['{"a":1} // why', ' at line 1, column 9: remove the comment, because JSON has no comments'],
  ['{"a":1', ': it ends too early; add the closing bracket or quote that is missing'],
  ['{"a" 1}', ' at line 1, column 6'],
  [`{"a":"${'x'.repeat(70_000)}" 1}`, ' at character 70009'],
  [
    '[None]',
    ' at line 1, column 2: send a value in place of None, or remove an optional member; in a column, null marks an empty cell',
  ],
  ['[Nane,False]', ' at line 1, column 7: send false in place of False'],
  [
    '[undefine]\n[undefined]',
    ' at line 2, column 2: send a value in place of undefined, or remove an optional member; in a column, null marks an empty cell',
  ],
  [
    `${'\n'.repeat(60_000)}['a']`,
    ` at line 60001, column 2: write texts in double quotes ("), not in single quotes (')`,
  ],
  ['{"a":"x\\"NaN", }', ' at line 1, column 14: remove the comma before }'],
  ['[u\u2028N\u00e9T', ''],
  [' ', ': it is empty; send a JSON object'],
];
for (const [text, message] of cases) {
  test(`a body that is not JSON${message}`, (t) => {
    t.is(messageOf(text), `The body is not valid JSON${message}`);
  });
}

test('no part of the body is in the message', (t) => {
  for (const text of ['{"password":hunter2}', 'hunter2', '{"password":"hunter2" "hunter2"}', '{"hunter2":None}']) {
    t.false(messageOf(text).includes('hunter2'), text);
  }
});
