export { createJobs, type JobHandlers, type Jobs } from './jobs.ts';
export { removeOldTurns } from './turns.ts';
export { createRetention } from './retention.ts';
