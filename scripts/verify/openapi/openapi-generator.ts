import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requirePython } from '../../support/python.ts';
import { emptyOutput, generatedDirectory, run, toolsDirectory } from './run.ts';
import type { Target } from './target.ts';

const version = '7.25.0';

/** The jar of openapi-generator. Maven copies it, because its own output may hold codes of colours around a path. */
const generatorJar = (): string => {
  const artifact = `org.openapitools:openapi-generator-cli:${version}`;
  const directory = join(generatedDirectory, 'openapi-generator-jar');
  const copy = [`-Dartifact=${artifact}`, `-DoutputDirectory=${directory}`];
  run('mvn', ['--quiet', '--batch-mode', 'dependency:copy', ...copy]);
  return join(directory, `openapi-generator-cli-${version}.jar`);
};

/**
 * No tests and pages. Without `skipFormModel=false` the generator leaves out the model of a form (the upload of a file), and
 * the clients import it nevertheless.
 */
const parts =
  'models,apis,supportingFiles,modelTests=false,apiTests=false,modelDocs=false,apiDocs=false,skipFormModel=false';

const outputDirectory = (generator: string): string => join(generatedDirectory, `openapi-generator-${generator}`);

const compileAndCallJava = (credentials: readonly string[]): void => {
  const directory = outputDirectory('java');
  copyFileSync(join(toolsDirectory, 'calls/JavaClient.java'), join(directory, 'src/main/java/JavaClient.java'));
  const list = join(directory, 'classpath.txt');
  const classpath = ['dependency:build-classpath', `-Dmdep.outputFile=${list}`];
  run('mvn', ['--quiet', '--batch-mode', 'compile', ...classpath], directory);
  const path = ['target/classes', readFileSync(list, 'utf8').trim()].join(':');
  run('java', ['-cp', path, 'JavaClient', ...credentials], directory);
};

const installAndCallPython = (credentials: readonly string[]): void => {
  const environment = join(generatedDirectory, 'openapi-generator-python-environment');
  const python = join(environment, 'bin/python');
  run(requirePython(), ['-m', 'venv', environment]);
  run(python, ['-m', 'pip', 'install', '--quiet', outputDirectory('python')]);
  run(python, ['-m', 'compileall', '-q', outputDirectory('python')]);
  run(python, ['calls/openapi_generator.py', ...credentials]);
};

/** Generates clients for Java, Python and TypeScript with openapi-generator, compiles them, and calls with each. */
export const verifyOpenapiGenerator = ({ document, arguments: credentials }: Target): void => {
  const jar = generatorJar();
  for (const generator of ['java', 'python', 'typescript-axios']) {
    const directory = emptyOutput(`openapi-generator-${generator}`);
    const output = ['-g', generator, '-o', directory, '--global-property', parts];
    run('java', ['-jar', jar, 'generate', '-i', document, ...output]);
  }
  compileAndCallJava(credentials);
  installAndCallPython(credentials);
  run(join(toolsDirectory, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.openapi-generator.json']);
  // The generated classes have parameter properties, which Node must transform.
  const transform = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];
  run('node', [...transform, '--import', './calls/resolve.mjs', 'calls/openapi-generator.ts', ...credentials]);
};
