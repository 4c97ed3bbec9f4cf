import test from 'ava';
import { linkFaults } from '../../scripts/check/links.ts';

test('every relative link of the pages leads to a file and a heading', (t) => {
  t.deepEqual(linkFaults(), []);
});

test('a link to a missing file or heading names the page and the link', (t) => {
  const pages = new Map([
    ['docs/a.md', '# A\n\n[file](gone.md) [heading](b.md#what-is-seen) [own](#a) [web](https://example.org/#x)\n'],
    ['docs/b.md', '# B\n\n```\n## What is seen\n```\n\n## How `x` is [seen](a.md)\n\n[good](#how-x-is-seen)\n'],
  ]);
  t.deepEqual(linkFaults(pages), [
    'docs/a.md links to gone.md: there is no such file.',
    'docs/a.md links to b.md#what-is-seen: docs/b.md has no such heading.',
  ]);
});
