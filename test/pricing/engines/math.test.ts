import test from 'ava';
import { millsSlope } from '#src/pricing/math/mills.ts';
import { exp } from '#src/pricing/math/exp.ts';
import { logRatio } from '#src/pricing/math/log-ratio.ts';
import { cdf, density, mills, millsDifference, millsPrime, pdf } from '#src/pricing/math/normal-fast.ts';
import { normalQuantile } from '#src/pricing/math/normal-quantile.ts';
import { gaussian, millsRatio, normalCdf, normalPdf } from '#src/pricing/math/normal.ts';
import reference from '#testkit/pricing-reference/normal.json' with { type: 'json' };

const relative = (actual: number, expected: number): number => Math.abs(actual - expected) / Math.abs(expected);

test('the relative error of distribution and density is below 1e-15, also in the far tail', (t) => {
  for (const [x, cdf, pdf] of reference.distribution as [number, number, number][]) {
    t.true(relative(normalCdf(x), cdf) < 1e-15, `N(${x})`);
    t.true(relative(normalPdf(x), pdf) < 1e-15, `phi(${x})`);
  }
});

test('the Mills ratio and its slope are computed without cancellation', (t) => {
  for (const [z, ratio, slope] of reference.mills as [number, number, number][]) {
    t.true(relative(millsRatio(z), ratio) < 1e-15, `Y(${z})`);
    t.true(relative(millsSlope(z), slope) < 3e-15, `Y'(${z})`);
  }
});

test('small differences of the Mills ratio are computed without cancellation', (t) => {
  for (const [h, half, difference] of reference.difference as [number, number, number][]) {
    t.true(relative(millsDifference(h, half), difference) < 3e-15, `h ${h}, t ${half}`);
  }
});

test('the tabulated functions agree with the functions that the tables are built from', (t) => {
  for (let y = 0; y < 60; y += 0.0137) {
    t.true(relative(mills(y), millsRatio(-y)) < 2e-15, `Y(-${y})`);
    t.true(relative(millsPrime(y), millsSlope(-y)) < 3e-15, `Y'(-${y})`);
    if (y < 37) t.true(relative(density(y), gaussian(y)) < 1e-15, `exp(-${y}^2 / 2)`);
    if (y < 9) {
      for (const x of [y, -y]) {
        t.true(Math.abs(cdf(x) - normalCdf(x)) < 3e-15, `N(${x})`);
        t.true(Math.abs(pdf(x) - normalPdf(x)) < 3e-15, `phi(${x})`);
      }
    }
  }
  t.is(mills(0), millsRatio(0));
});

test('exp, logRatio and normalQuantile are accurate', (t) => {
  for (let x = -700; x < 700; x += 0.4142) t.true(relative(exp(x), Math.exp(x)) < 4e-16, `exp(${x})`);
  t.deepEqual([exp(0), exp(-800), exp(Number.NEGATIVE_INFINITY), exp(800)], [1, 0, 0, Number.POSITIVE_INFINITY]);
  t.is(exp(Number.NaN), Number.NaN);
  for (const ratio of [1e-9, 0.2, 0.51, 0.9, 1.0001, 1.3, 1.9, 3, 1e8]) {
    t.true(relative(logRatio(100 * ratio, 100), Math.log((100 * ratio) / 100)) < 3e-12, `ln ${ratio}`);
  }
  t.true(relative(logRatio(1 + 2 ** -40, 1), Math.log1p(2 ** -40)) < 3e-16);
  t.is(logRatio(7, 7), 0);
  for (let p = 1e-300; p < 1; p = p < 0.01 ? p * 7 : p + 0.0123) {
    t.true(relative(normalCdf(normalQuantile(p)), p) < 1e-12, `quantile ${p}`);
  }
});

test('distribution and density are exact at zero and at the infinities', (t) => {
  t.is(normalCdf(Number.NEGATIVE_INFINITY), 0);
  t.is(normalCdf(Number.POSITIVE_INFINITY), 1);
  t.is(normalCdf(0), 0.5);
  t.is(normalPdf(Number.POSITIVE_INFINITY), 0);
});
