import { z } from 'zod';
import { errorCategories, errorCodes } from './errors.ts';

export const errorCodeSchema = z
  .enum(errorCodes)
  .meta({ id: 'ErrorCode', description: 'What went wrong. The page `/problems/CODE` explains it' });
export const errorCategorySchema = z.enum(errorCategories).meta({ id: 'ErrorCategory' });
