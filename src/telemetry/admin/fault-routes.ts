import { validationFailed } from '#src/kernel/requests/validation-failed.ts';
import { z } from 'zod';
import { jsonPointer } from '../../kernel/json-pointer.ts';
import { AppError, errorCodes, type FieldError } from '../../kernel/catalogue/errors.ts';
import { faultModes, faultPoints, type FaultPoint } from '../../kernel/catalogue/faults.ts';
import type { AdminRoute } from './admin-router.ts';
import type { Fault, FaultControl } from '../faults.ts';

const maxDelayMs = 600_000;

const faultSchema = z
  .strictObject({
    mode: z.enum(faultModes),
    probability: z.number().min(0).max(1).default(1),
    delay_ms: z.int().min(0).max(maxDelayMs).default(0),
    count: z.int().min(1).max(1_000_000_000).optional(),
    error_code: z.enum(errorCodes).optional(),
  })
  .refine(({ mode, error_code }) => error_code === undefined || mode === 'error', {
    path: ['error_code'],
    message: 'goes with mode error only',
  });

const isFaultPoint = (value: string | undefined): value is FaultPoint => faultPoints.some((point) => point === value);

const pointOf = (value: string | undefined): FaultPoint => {
  if (isFaultPoint(value)) return value;
  throw new AppError('resource_not_found', `No such fault point; there are ${faultPoints.join(', ')}`);
};

const fieldErrors = (error: z.ZodError): FieldError[] =>
  error.issues.slice(0, 20).flatMap((issue) => {
    const names = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    return names.map((path) => ({
      pointer: jsonPointer(path),
      code: issue.code,
      detail: issue.message,
    }));
  });

const parseFault = (body: unknown): Fault => {
  const parsed = faultSchema.safeParse(body);
  if (!parsed.success) throw validationFailed(fieldErrors(parsed.error));
  const { count, error_code, ...rest } = parsed.data;
  return { ...rest, ...(count !== undefined && { count }), ...(error_code !== undefined && { error_code }) };
};

/**
 * Is called for each change by an operator: with the fault before it takes effect, with null after the fault was
 * cleared.
 */
export type FaultChangeListener = (point: FaultPoint, fault: Fault | null) => Promise<void>;

/** `GET/DELETE /faults`, `GET/PUT/DELETE /faults/{point}`. No authentication, because the admin port is not public. */
export const faultRoutes = (faults: FaultControl, onChange: FaultChangeListener): readonly AdminRoute[] => [
  {
    method: 'GET',
    path: '/faults',
    handle: () => ({ status: 200, body: { data: faults.list(), points: faultPoints } }),
  },
  {
    method: 'DELETE',
    path: '/faults',
    handle: async () => {
      const set = faults.list();
      // A fault whose count is used up is not listed, but a caller may still wait in it.
      for (const point of faultPoints) faults.clear(point);
      for (const { point } of set) await onChange(point, null);
      return { status: 204, body: null };
    },
  },
  {
    method: 'GET',
    path: '/faults/{point}',
    handle: ({ parameters }) => {
      const point = pointOf(parameters.point);
      const fault = faults.get(point);
      if (fault === undefined) throw new AppError('resource_not_found', `No fault is set at ${point}`);
      return { status: 200, body: { point, ...fault } };
    },
  },
  {
    method: 'PUT',
    path: '/faults/{point}',
    handle: async ({ parameters, body }) => {
      const point = pointOf(parameters.point);
      const fault = parseFault(await body());
      await onChange(point, fault);
      faults.set(point, fault);
      return { status: 200, body: { point, ...fault } };
    },
  },
  {
    method: 'DELETE',
    path: '/faults/{point}',
    handle: async ({ parameters }) => {
      const point = pointOf(parameters.point);
      const set = faults.get(point) !== undefined;
      faults.clear(point);
      if (set) await onChange(point, null);
      return { status: 204, body: null };
    },
  },
];
