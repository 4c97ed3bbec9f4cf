import { z } from 'zod';

/**
 * The id of an object in a path. RFC 9562 allows capital letters, and PostgreSQL compares and prints ids in small letters.
 * Audit streams, owners and secrets are named by the text of an id, so a handler must get the stored one.
 */
export const idParameter = z.uuid().toLowerCase();

/** The path of a route with one id. */
export const byId = z.strictObject({ id: idParameter });
