import { dayMs, utcDay } from '../calendar.ts';

/** A day as `YYYY-MM-DD`. It begins at midnight UTC. */
type Day = `${number}-${number}-${number}`;

/** A route that clients should leave. See docs/versioning.md. */
export type Deprecation = {
  /** The day from which the route is deprecated. */
  readonly since: Day;
  /** The day from which the route can be missing. */
  readonly sunset: Day;
  /** Path of the route to use in its place, with the base path. Its parameters have the names of this route's. */
  readonly successor?: `/${string}`;
};

/** A deprecated route is served for at least this time. */
const minDeprecationDays = 180;

/** @throws Error for a text that is not a day */
const timeOf = (day: Day): number => {
  const time = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(time) || utcDay(new Date(time)) !== day) throw new Error(`${day} is not a day`);
  return time;
};

/**
 * The headers of a deprecated route: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).
 * @throws Error for an invalid day, or a sunset that is too early
 */
export const deprecationHeaders = ({ since, sunset }: Deprecation): Readonly<Record<string, string>> => {
  const [from, until] = [timeOf(since), timeOf(sunset)];
  if (until - from < minDeprecationDays * dayMs) {
    throw new Error(`The sunset ${sunset} must be at least ${minDeprecationDays} days after ${since}`);
  }
  return { Deprecation: `@${from / 1_000}`, Sunset: new Date(until).toUTCString() };
};

const documentation = '</docs>; rel="deprecation"; type="text/html"';

/**
 * The header `Link` (RFC 8288) of a deprecated route: its successor for this request, and its documentation.
 * @param segment returns the segment of the request path for a parameter, as it was sent
 */
export const deprecationLink = ({ successor }: Deprecation, segment: (parameter: string) => string): string => {
  if (successor === undefined) return documentation;
  const path = successor.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(name));
  // Characters that end or break the target of a link. The path comes from the caller.
  const target = path.replaceAll(/[^\w\-.~!$&'()*+,;=:@%/]/g, encodeURIComponent);
  return `<${target}>; rel="successor-version", ${documentation}`;
};

/** A sentence for the documentation of the route. */
export const describeDeprecation = ({ since, sunset, successor }: Deprecation): string =>
  `Deprecated since ${since}. It can be missing from ${sunset} on.${successor === undefined ? '' : ` Use ${successor}.`}`;
