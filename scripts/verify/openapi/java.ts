import { join } from 'node:path';
import { generatedDirectory, outputOf, run } from './run.ts';
import type { Target } from './target.ts';

const version = '7.25.0';

/** The jar of openapi-generator, which Maven keeps in its local repository. */
const generatorJar = (): string => {
  const artifact = `org.openapitools:openapi-generator-cli:${version}`;
  run('mvn', ['--quiet', 'dependency:get', `-Dartifact=${artifact}`, '-Dtransitive=false']);
  const repository = outputOf('mvn', [
    '--quiet',
    'help:evaluate',
    '-Dexpression=settings.localRepository',
    '-DforceStdout',
  ]).trim();
  return join(repository, 'org/openapitools/openapi-generator-cli', version, `openapi-generator-cli-${version}.jar`);
};

/** Generates the clients for Java, Python and TypeScript with openapi-generator, and compiles the one for Java. */
export const verifyJava = ({ document }: Target): void => {
  const jar = generatorJar();
  for (const [generator, ...properties] of [
    ['java', '--library', 'native'],
    ['python'],
    ['typescript-fetch'],
  ] as const) {
    const output = join(generatedDirectory, `openapi-generator-${generator}`);
    run('java', ['-jar', jar, 'generate', '-i', document, '-g', generator, '-o', output, ...properties]);
  }
  run('mvn', ['--quiet', '--batch-mode', 'compile'], join(generatedDirectory, 'openapi-generator-java'));
};
