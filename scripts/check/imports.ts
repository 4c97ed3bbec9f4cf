import { findCircles, shortestCircles, type ImportGraph } from './import-graph.ts';
import { folders, rooms } from './rooms.ts';

const topOf = (path: string): string => path.split('/')[0]!;
/** `src/auth/keys/key-ring.ts` -> `auth`, `src/main.ts` -> `main.ts`. */
const roomOf = (path: string): string => path.split('/')[1]!;
/** The file of a room that other rooms may import. The kernel has no such limit. */
const faceOf = (room: string): string => (room.endsWith('.ts') ? `src/${room}` : `src/${room}/index.ts`);
/** The tables of a room have a file of their own, because a command that needs only tables loads half as many modules. */
const tablesOf = (room: string): string => `src/${room}/entities.ts`;

const folderFault = (file: string, target: string): string | undefined => {
  const allowed = folders[topOf(file)] ?? [];
  if (allowed.includes(topOf(target))) return undefined;
  return `${file} imports ${target}: ${topOf(file)}/ may import ${allowed.join(', ')}. Move what both need to testkit/ or src/kernel/, or change scripts/check/rooms.ts with a reason.`;
};

const roomFault = (file: string, target: string): string | undefined => {
  if (topOf(file) !== 'src' || topOf(target) !== 'src') return undefined;
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from === to) return undefined;
  const room = rooms[from];
  if (room === undefined) return `src/${from} is not in the table of rooms: add it to scripts/check/rooms.ts.`;
  if (room.imports !== 'every room' && !room.imports.includes(to)) {
    return `${file} imports ${target}: ${from} may import ${room.imports.join(', ') || 'no other room'}. Pass it in as a named dependency from src/compose/, or change scripts/check/rooms.ts with a decision record.`;
  }
  if (to !== 'kernel' && target !== faceOf(to) && target !== tablesOf(to)) {
    return `${file} imports ${target}: what a room offers to others stands in ${faceOf(to)}. Export it there.`;
  }
  return undefined;
};

/** Imports that the tables of rooms.ts do not allow, and import cycles. `import type` also counts. */
export const importFaults = (graph: ImportGraph): string[] => {
  const edges = [...graph].flatMap(([file, targets]) => targets.map((target) => [file, target] as const));
  return [
    ...edges.flatMap(([file, target]) => folderFault(file, target) ?? roomFault(file, target) ?? []),
    ...shortestCircles(findCircles(graph)).map(
      (circle) =>
        `A circle of imports: ${circle.join(' -> ')}. Move what both sides need into a file that imports neither.`,
    ),
  ];
};
