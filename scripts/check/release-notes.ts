/** Prints the section of a version in CHANGELOG.md, and fails if there is none: `node scripts/check/release-notes.ts 1.2.3`. */
import { readFileSync } from 'node:fs';
import { notesOf } from './workflows/notes-of.ts';

try {
  console.log(notesOf(readFileSync('CHANGELOG.md', 'utf8'), process.argv[2] ?? ''));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
