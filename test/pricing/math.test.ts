import test from 'ava';
import { millsSlope } from '#src/pricing/math/mills.ts';
import { millsDifference } from '#src/pricing/math/normal-fast.ts';
import { millsRatio, normalCdf, normalPdf } from '#src/pricing/math/normal.ts';
import reference from './reference/normal.json' with { type: 'json' };

const relative = (actual: number, expected: number): number => Math.abs(actual - expected) / Math.abs(expected);

test('distribution and density hold 1e-15 relative into the far tail', (t) => {
  for (const [x, cdf, pdf] of reference.distribution as [number, number, number][]) {
    t.true(relative(normalCdf(x), cdf) < 1e-15, `N(${x})`);
    t.true(relative(normalPdf(x), pdf) < 1e-15, `phi(${x})`);
  }
});

test('the Mills ratio and its slope do not cancel', (t) => {
  for (const [z, ratio, slope] of reference.mills as [number, number, number][]) {
    t.true(relative(millsRatio(z), ratio) < 1e-15, `Y(${z})`);
    t.true(relative(millsSlope(z), slope) < 3e-15, `Y'(${z})`);
  }
});

test('small differences of the Mills ratio do not cancel', (t) => {
  for (const [h, half, difference] of reference.difference as [number, number, number][]) {
    t.true(relative(millsDifference(h, half), difference) < 3e-15, `h ${h}, t ${half}`);
  }
});

test('the ends of the line are exact', (t) => {
  t.is(normalCdf(Number.NEGATIVE_INFINITY), 0);
  t.is(normalCdf(Number.POSITIVE_INFINITY), 1);
  t.is(normalCdf(0), 0.5);
  t.is(normalPdf(Number.POSITIVE_INFINITY), 0);
});
