import { z } from 'zod';

/** A symbol or an index code. Other texts are refused before a database query. */
export const nameParameter = z.string().regex(/^[A-Za-z0-9^.:_-]{1,32}$/);
