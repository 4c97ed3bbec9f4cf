import { createAdaptiveAmerican } from '#src/pricing/engines/american/adaptive-american.ts';
import { errorBounds, precisions } from '#src/pricing/engines/american/precision.ts';
import { randomAmericans } from '#testkit/american/random-americans.ts';
import { referenceAmerican } from '#testkit/american/reference-american.ts';

/** Number of random options, and the seed of their inputs. An option takes about a second, for its reference. */
const count = Number(process.env['DOMAIN_OPTIONS'] ?? 40);
const seed = Number(process.env['DOMAIN_SEED'] ?? 1);
/**
 * A reference whose two discretisations differ by a larger share of the bound cannot judge it. The share is small because
 * the difference understates the error where the volatility is tiny and the path of the spot nearly known.
 */
const MAX_SHARE = 0.02;
/** Rounding error of the larger of spot and price, beside the bound in units of the strike. */
const ROUNDING = 1e-13;

/**
 * Prints the error of andersen_lake over a random set of the whole accepted domain, against a second method, with the
 * bound beside it.
 * @returns false if an option breaks its bound
 */
export const benchDomain = (): boolean => {
  const options = randomAmericans(seed, count).map((inputs) => ({ inputs, reference: referenceAmerican(...inputs) }));
  console.log(`\n${count} random American options over the whole domain, seed ${seed}, errors in units of the strike`);
  console.log('| precision | bound | median | max | refused | not judged | broken |');
  console.log('|---|---:|---:|---:|---:|---:|---:|');
  let kept = true;
  for (const precision of precisions) {
    const bound = errorBounds[precision];
    const kernel = createAdaptiveAmerican(precision);
    const errors: number[] = [];
    let refused = 0;
    let unjudged = 0;
    let broken = 0;
    for (const { inputs, reference } of options) {
      const [spot, strike] = inputs;
      const allowed = bound + (ROUNDING * Math.max(spot, reference.price)) / strike;
      const value = kernel(...inputs);
      const error = Math.abs(value - reference.price) / strike;
      if (Number.isNaN(value)) refused++;
      else if (!(reference.error / strike <= MAX_SHARE * allowed) && !(error <= allowed)) unjudged++;
      else {
        errors.push(error);
        if (error <= allowed) continue;
        broken++;
        console.log(`BROKEN ${precision} ${error.toExponential(1)} ${JSON.stringify(inputs)}`);
      }
    }
    errors.sort((a, b) => a - b);
    const text = (value: number | undefined): string => (value ?? Number.NaN).toExponential(1);
    console.log(
      `| ${precision} | ${text(bound)} | ${text(errors[errors.length >> 1])} | ${text(errors.at(-1))} | ${refused} | ` +
        `${unjudged} | ${broken} |`,
    );
    if (broken > 0) kept = false;
  }
  return kept;
};
