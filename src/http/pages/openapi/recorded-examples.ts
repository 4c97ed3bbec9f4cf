import recording from './examples.json' with { type: 'json' };
import type { OperationExamples } from './examples.ts';

/** Requests that were sent to the service, and their answers, by `METHOD /path`. `npm run examples:record` writes them. */
export const recordedExamples = recording as unknown as Readonly<Record<string, OperationExamples>>;
