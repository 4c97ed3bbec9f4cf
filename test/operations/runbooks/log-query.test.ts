import test from 'ava';
import { logFilter } from '../../../scripts/verify/runbooks/log-query.ts';

const line = { message: 'a job was given up', status: 503, code: 'database_timeout', duration_ms: 250.5 };
const finds = (stages: string): boolean => logFilter(`{service_name="volwatch"} ${stages}`)(line);

test('all filters of fields must match, expressions for the whole value', (t) => {
  t.true(finds('| json | status=503 | code=~"database_.*"'));
  t.false(finds('| json | status=503 | code=~"database"'));
  t.true(finds('| json | message=~".*job.*|nothing"'));
  t.true(finds('| json | duration_ms > 250'));
  t.false(finds('| json | duration_ms > 251'));
  t.true(finds('| json | status!=200 | code!~"auth_.*" | status>=500 | status<504 | duration_ms<=250.5'));
  t.false(finds('| json | code="database_timeout" | absent="x"'));
});

test('a search for a text', (t) => {
  t.true(finds('|= "given up"'));
  t.false(finds('|= "stopping"'));
});

test('what is not understood is refused', (t) => {
  t.throws(() => logFilter('{service_name="volwatch"} | json | line_format "{{.a}}"'), { message: /line_format/ });
  t.throws(() => logFilter('{job="other"} | json'), { message: /does not select/ });
});
