import anyTest, { type TestFn } from 'ava';
import { createScope } from '#testkit/scope.ts';
import { startStage, type Stage } from './support.ts';

/** Tests that run one after the other on one stage, which starts before the first and ends after the last. */
export const stageTest = (environment: Readonly<Record<string, string>> = {}, services = 1): TestFn<Stage> => {
  const test = anyTest.serial as TestFn<Stage>;
  const scope = createScope();
  test.after.always(scope.close);
  test.before(async (t) => {
    t.context = await startStage(scope, { BREAKER_FAILURES: '1000', ...environment }, services);
  });
  return test;
};
