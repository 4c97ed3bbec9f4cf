import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The anchor that GitHub generates for a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');

const withoutCode = (text: string): string => text.replaceAll(/^ *```[^]*?^ *```/gm, '');

const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set([...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => anchorOf(heading!)));

const readPages = (): ReadonlyMap<string, string> =>
  new Map(
    globSync(['*.md', 'clients/*/*.md', '{deploy,docs,src,testkit,tools}/**/*.md'], {
      exclude: ['tools/openapi/{generated,node_modules}/**'],
    }).map((path) => [path, readFileSync(path, 'utf8')]),
  );

/** Relative links in pages whose target file or heading does not exist. */
export const linkFaults = (pages = readPages()): string[] =>
  [...pages].flatMap(([page, text]) =>
    [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return [];
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!pages.has(target) && !existsSync(target)) return [`${page} links to ${link}: there is no such file.`];
      const known = pages.get(target);
      if (anchor === undefined || known === undefined || anchorsOf(known).has(anchor)) return [];
      return [`${page} links to ${link}: ${target} has no such heading.`];
    }),
  );
