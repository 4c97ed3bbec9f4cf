import { AppError } from '#src/kernel/catalogue/errors.ts';

/** The scope with the fewest rights that lets the service list events. */
export const calendarScope = 'https://www.googleapis.com/auth/calendar.events.readonly';

/** Each of these scopes contains the rights of `calendarScope`. */
const coveringScopes: ReadonlySet<string> = new Set(
  ['calendar.events.readonly', 'calendar.events', 'calendar.readonly', 'calendar'].map(
    (name) => `https://www.googleapis.com/auth/${name}`,
  ),
);

/** Whether the granted scopes let the service list events. Google need not name them; then the API decides. */
export const includesEvents = (scopes: readonly string[] | undefined): boolean =>
  scopes === undefined || scopes.some((scope) => coveringScopes.has(scope));

/** Google does not let the account use its calendar. The connection must not be synced again until its owner connects an account. */
export const accountWithoutCalendar = (status: number): AppError =>
  new AppError(
    'calendar_reauthorization_required',
    `Google does not give access to a calendar of this account (status ${status}): open /calendar/connect with another one`,
  );

/** The user has left out the calendar in a consent, or has withdrawn this part of it. */
export const consentTooNarrow = (): AppError =>
  new AppError(
    'calendar_reauthorization_required',
    'The consent does not include the events of the calendar: open /calendar/connect again',
  );
