/** Where an engine calculates. One of the event loop never begins a calculation of several milliseconds. */
export type EngineSite = 'event_loop' | 'process';

/**
 * Thrown by an engine of the event loop in place of a slow calculation, which only the calculation itself shows to be needed. A pricing
 * process must do the work.
 */
export class SlowCalculation extends Error {}
