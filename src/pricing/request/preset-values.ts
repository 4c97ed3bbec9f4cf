import { z } from 'zod';
import { modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { precisions } from '../engines/american/precision.ts';
import { steps } from '../models/inputs.ts';
import { pricingModels, type Model } from '../models/models.ts';

export const hasPrecision = ({ extras }: Model): boolean => extras.includes('precision');
export const hasSteps = ({ numbers }: Model): boolean => numbers.includes(steps);

const rules = [
  { member: 'precision', isOf: hasPrecision },
  { member: 'steps', isOf: hasSteps },
] as const;

/** What a preset can hold. Without a model, its other values apply to options of the models that have them. */
export const presetValues = z
  .strictObject({
    model: z.enum(modelNames).optional().describe('Model of options that name none'),
    precision: z.enum(precisions).optional().describe('Precision of options of the models that have it'),
    steps: z
      .int()
      .min(steps.minimum)
      .max(steps.maximum)
      .optional()
      .describe('Steps of options of the models that have it'),
  })
  .superRefine((values, refusals) => {
    if (Object.values(values).every((value) => value === undefined)) {
      refusals.addIssue({ code: 'custom', message: 'Must have a model, precision or steps' });
    }
    const model = pricingModels.find(({ name }) => name === values.model);
    if (model === undefined) return;
    for (const { member, isOf } of rules) {
      if (values[member] === undefined || isOf(model)) continue;
      refusals.addIssue({ code: 'custom', path: [member], message: `The model ${model.name} has no ${member}` });
    }
  })
  .meta({ id: 'PricingPresetValues' });
