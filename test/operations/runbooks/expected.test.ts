import test from 'ava';
import { expected } from '../../../scripts/verify/runbooks/expected.ts';
import { healthyOutputs } from './healthy-outputs.ts';

for (const [alert, { shows, answers = [], note }] of Object.entries(expected)) {
  test(`the commands of ${alert} do not show the fault of a healthy service`, (t) => {
    const output = healthyOutputs[alert] ?? '';
    t.not(output, '', 'an output of a healthy service is missing');
    for (const pattern of shows) t.notRegex(output, pattern);
    for (const pattern of answers) t.regex(output, pattern);
    t.is(note === undefined, shows.length > 0, 'commands that do not show the fault have a note, and no others');
    t.true(shows.length + answers.length > 0);
  });
}
