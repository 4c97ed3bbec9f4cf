import test from 'ava';
import { urlFaults } from '../../../scripts/check/code/urls.ts';

test('no text of a caller becomes a URL before its length is checked', (t) => {
  t.deepEqual(urlFaults(), []);
});

for (const line of ['const a = URL.parse(origin);', 'const a = new URL(text, base);', 'if (URL.canParse(text)) a();']) {
  test(`a text that becomes a URL is found, with its line: ${line}`, (t) => {
    const [fault, ...more] = urlFaults(new Map([['src/http/a.ts', `\n${line}\n`]]));
    t.true(fault?.startsWith('src/http/a.ts:2: a text becomes a URL.'), fault);
    t.deepEqual(more, []);
  });
}

test('files of the service and texts of the operator are allowed', (t) => {
  const files = new Map([
    ['src/http/a.ts', "const css = new URL('a.css', import.meta.url);"],
    ['src/config/a.ts', 'const a = URL.parse(value);'],
  ]);
  t.deepEqual(urlFaults(files), []);
});
