/** Where an engine calculates. One of the event loop never begins a calculation of several milliseconds. */
export type EngineSite = 'event_loop' | 'process';

/**
 * Thrown by an engine of the event loop in place of a slow calculation, which only the calculation itself shows to be needed: a pricing
 * process must do the work. Thrown by a search in a process for short work that takes very much longer than its estimate: a process for long work must
 * do it.
 */
export class SlowCalculation extends Error {}
