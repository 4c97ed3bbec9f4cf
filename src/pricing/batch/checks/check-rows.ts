import type { EngineFactory } from '../../models/engine-factory.ts';
import type { ExerciseStyle } from '../../models/engine.ts';
import type { Model } from '../../models/models.ts';
import type { OutputName } from '../../models/outputs.ts';
import { invalidRequest } from '../../request/failures.ts';
import { lacksOutputText, memberError, styleText } from '../../request/messages.ts';
import { modelOfRow } from '../../request/conventions/model-of-row.ts';
import { isRow } from '../../request/rows.ts';

/**
 * The first output that none of the models has. Such an output is a mistake of the request. An output that some of the
 * models have makes only the rows of the others fail.
 */
export const outputOfNoModel = (
  outputs: readonly OutputName[],
  models: ReadonlySet<Model>,
): { readonly output: OutputName; readonly model: Model } | undefined => {
  const [model] = models;
  if (model === undefined) return undefined;
  const output = outputs.find((name) => [...models].every((known) => !known.outputs.includes(name)));
  return output === undefined ? undefined : { output, model };
};

/**
 * Refuses a batch of objects if all rows have the same mistake of model and exercise style, or of model and outputs.
 * @throws AppError `validation_failed`
 */
export const checkRowsAlike = (
  rows: readonly unknown[],
  outputs: readonly OutputName[],
  engines: Pick<EngineFactory, 'known'>,
): void => {
  const models = new Set<Model>();
  let isStylePriced = false;
  for (const row of rows) {
    const model = isRow(row) ? engines.known(modelOfRow(row)) : undefined;
    if (model === undefined || !isRow(row)) {
      isStylePriced = true;
      continue;
    }
    models.add(model);
    isStylePriced ||= model.exerciseStyles.includes((row['exercise_style'] ?? 'european') as ExerciseStyle);
  }
  const [only, ...others] = models;
  if (!isStylePriced && only !== undefined && others.length === 0) {
    const given = (rows[0] as Readonly<Record<string, unknown>>)['exercise_style'] ?? undefined;
    const style = given ?? 'european';
    const alike = rows.every((row) => isRow(row) && (row['exercise_style'] ?? 'european') === style);
    if (alike && (style === 'european' || style === 'american')) {
      throw invalidRequest([memberError('/options/0', 'exercise_style', 'unsupported', styleText(only, given))]);
    }
  }
  const lacking = outputOfNoModel(outputs, models);
  if (lacking === undefined) return;
  throw invalidRequest([
    { pointer: '/outputs', code: 'unsupported', detail: lacksOutputText(lacking.model, lacking.output) },
  ]);
};
