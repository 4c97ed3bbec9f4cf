import { z } from 'zod';
import { errorCategorySchema, errorCodeSchema } from '#src/kernel/catalogue/error-schemas.ts';
import { maxShownErrors, oauthErrors } from '#src/kernel/catalogue/errors.ts';

/** A problem document (RFC 9457) with the additional members of this service. */
export const problemSchema = z
  .object({
    type: z.string().describe('Path of the page that explains this code'),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    instance: z.string(),
    code: errorCodeSchema,
    category: errorCategorySchema,
    request_id: z.string(),
    trace_id: z.string(),
    errors: z
      .array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() }).meta({ id: 'FieldError' }))
      .max(maxShownErrors)
      .optional()
      .describe(
        `The first ${maxShownErrors} invalid members. \`pointer\` is a JSON Pointer into the body, or query.NAME, path.NAME, header.NAME`,
      ),
    errors_total: z.int().optional(),
    stack: z.string().optional().describe('Stack of a fault of the service (status 500). Never in production'),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457). Programs should use `code`, people read `detail`' });

/** An OAuth error (RFC 6749, section 5.2) with the members of a problem document. */
export const oauthErrorSchema = problemSchema
  .extend({ error: z.enum(oauthErrors), error_description: z.string() })
  .meta({ id: 'OAuthProblem' });
