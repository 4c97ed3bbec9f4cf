import { readFileSync } from 'node:fs';
import test from 'ava';
import { notesOf } from '../../scripts/check/workflows/notes-of.ts';

const changelog = `# Changelog

## Unreleased

- Later.

## [11.2.3] - 2026-12-02

- Other.

## 1.2.3

- One.

### Fixed

- Two.

## 1.2.2

`;

test('the notes of a release are the section of exactly its version', (t) => {
  t.is(notesOf(changelog, '1.2.3'), '## 1.2.3\n\n- One.\n\n### Fixed\n\n- Two.');
  t.is(notesOf(changelog, '11.2.3'), '## [11.2.3] - 2026-12-02\n\n- Other.');
});

test('a version without a section, or with an empty one, stops the release', (t) => {
  for (const version of ['1.2', '2.3', '1.2.30', '']) {
    t.throws(() => notesOf(changelog, version), { message: /has no section/ }, version);
  }
  t.throws(() => notesOf(changelog, '1.2.2'), { message: /is empty/ });
  t.throws(() => notesOf('## 1.0.0', '1.0.0'), { message: /is empty/ });
});

test('the release reads the notes before it pushes anything', (t) => {
  const workflow = readFileSync('.github/workflows/release.yml', 'utf8');
  const first = workflow.indexOf('scripts/check/release-notes.ts');
  t.true(first > 0 && first < workflow.indexOf('needs: verify'));
});
