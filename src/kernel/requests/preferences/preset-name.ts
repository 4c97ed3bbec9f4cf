import { z } from 'zod';

/** The name of a pricing preset. */
export const presetName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/);
