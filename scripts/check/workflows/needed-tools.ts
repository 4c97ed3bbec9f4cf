import { readFileSync } from 'node:fs';
import { tools } from '../../support/tool-list.ts';
import type { ImportGraph } from '../import-graph.ts';

const toolOfBinary = new Map(
  Object.entries(tools).flatMap(([tool, { packages }]) => Object.keys(packages).map((binary) => [binary, tool])),
);

/** A file that a script starts as a process of its own. */
const started = /'(scripts\/[\w/-]+\.ts)'/g;
/** The name of a program, as a string of its own or at the end of a path. */
const named = /(?:\.tools\/bin\/|')([\w-]+)'/g;

/** The script, what it imports, and what it starts. */
const reachedFrom = (script: string, graph: ImportGraph): Set<string> => {
  const reached = new Set<string>();
  const waiting = [script];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file) || !graph.has(file)) continue;
    reached.add(file);
    const starts = [...readFileSync(file, 'utf8').matchAll(started)].map(([, path]) => path!);
    waiting.push(...graph.get(file)!, ...starts.filter((path) => path !== 'scripts/tools.ts'));
  }
  return reached;
};

/** The names for scripts/tools.ts of the programs that a script uses, directly or through other files. */
export const neededTools = (script: string, graph: ImportGraph): string[] => {
  const texts = [...reachedFrom(script, graph)].map((file) => readFileSync(file, 'utf8'));
  const users = texts.filter((text) => text.includes('.tools/bin') || text.includes('/programs.ts'));
  const needed = users.flatMap((text) => [...text.matchAll(named)].map(([, name]) => toolOfBinary.get(name!)));
  return [...new Set(needed.filter((tool) => tool !== undefined))].sort();
};
