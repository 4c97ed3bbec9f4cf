/**
 * The section of a version in the text of CHANGELOG.md: from its heading, `## 1.2.3` or `## [1.2.3] - 2026-12-01`, to the
 * next one.
 * @throws Error if there is none, or if it is empty
 */
export const notesOf = (changelog: string, version: string): string => {
  const sections = changelog.split(/^(?=## )/m);
  const found = sections.find((section) => /^## \[?([^\s\]]+)/.exec(section)?.[1] === version);
  if (found === undefined) throw new Error(`CHANGELOG.md has no section ## ${version}: rename ## Unreleased`);
  if (found.slice(found.indexOf('\n') + 1).trim() === '' || !found.includes('\n')) {
    throw new Error(`the section ${version} of CHANGELOG.md is empty`);
  }
  return found.trimEnd();
};
