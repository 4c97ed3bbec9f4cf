import { readCode } from './source-code.ts';

/** Objects that live as long as the process, and classes. To inherit from these costs nothing. */
const allowed = new Set(['null', 'platform']);
/** The prototype of another object is a class. */
const ofClass = /^Object\.getPrototypeOf\(/;
const inherits =
  /Object\.create\((?<created>[^,)]*)|(?:Object|Reflect)\.setPrototypeOf\([^,]*,\s*(?<set>[^)]*)|__proto__\s*[:=]\s*(?<own>[^,;}]*)/g;

/**
 * Places where an object inherits from another one. V8 gives every object that becomes a prototype a hidden class of its
 * own, so an object of a request, a span or a metric as a prototype makes all code slow that uses such objects. See
 * docs/decisions/0156.
 */
export const prototypeFaults = (files = readCode()): string[] =>
  [...files].flatMap(([path, code]) =>
    code.split('\n').flatMap((line, index) =>
      [...line.matchAll(inherits)]
        .map(({ groups = {} }) => (groups['created'] ?? groups['set'] ?? groups['own'] ?? '').trim())
        .filter((from) => !allowed.has(from.replace(/ as .*$/, '')) && !ofClass.test(from))
        .map(
          (from) =>
            `${path}:${index + 1}: an object inherits from ${from}. Make an object of its own with the members that are needed, or add the name to scripts/check/code/prototypes.ts if it lives as long as the process.`,
        ),
    ),
  );
