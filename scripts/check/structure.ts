/** `npm run check:structure`: import directions, import cycles, sizes, reasons of SQL, lists that must match, links, regular expressions, prototypes, names of locks, numbers as keys, lengths of texts, URLs. */
import { dashboardFaults } from './dashboard-faults.ts';
import { boundedTextFaults } from './code/bounded-texts.ts';
import { completenessFaults } from './completeness.ts';
import { readImportGraph } from './import-graph.ts';
import { importFaults } from './imports.ts';
import { linkFaults } from './links.ts';
import { lockNameFaults } from './code/lock-names.ts';
import { numberKeyFaults } from './code/number-keys.ts';
import { prototypeFaults } from './code/prototypes.ts';
import { urlFaults } from './code/urls.ts';
import { windowFrameFaults } from './code/window-frames.ts';
import { mixedFaults, readFaults } from './code/reads.ts';
import { expressionFaults } from './code/regular-expressions.ts';
import { sizeFaults } from './sizes.ts';
import { sqlFaults } from './code/sql-reasons.ts';

const faults = [
  ...importFaults(readImportGraph()),
  ...readFaults(),
  ...mixedFaults(),
  ...sqlFaults(),
  ...sizeFaults(),
  ...completenessFaults(),
  ...linkFaults(),
  ...dashboardFaults(),
  ...expressionFaults(),
  ...prototypeFaults(),
  ...windowFrameFaults(),
  ...lockNameFaults(),
  ...numberKeyFaults(),
  ...boundedTextFaults(),
  ...urlFaults(),
];
for (const fault of faults) console.error(fault);
if (faults.length > 0) console.error(`${faults.length} faults of structure`);
process.exitCode = faults.length > 0 ? 1 : 0;
