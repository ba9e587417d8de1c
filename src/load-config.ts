import { closeSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import type * as z from 'zod';
import {
  configFields,
  configKeys,
  configSchema,
  defaultConfigText,
  defaultOf,
  environmentName,
  isConfigKey,
  listItemsMax,
  type Config,
  type ConfigKey,
  type Field,
} from './config.ts';
import { editDistance } from './core/edit-distance.ts';
import { KvsError } from './core/errors.ts';
import { oneLine } from './core/one-line.ts';

/** A larger configuration file is refused rather than read to its end. */
const fileBytesMax = 256 * 1_024;

/** What tells commands, on the same machine, which nodes to ask. */
const clientVariables = ['KVS_URL'];

/** Pairs of keys of which the first must not exceed the second. */
const orderedKeys = [
  ['gossip_interval_min', 'gossip_interval_max'],
  ['header_timeout_ms', 'request_timeout_ms'],
] as const;

export interface ConfigSource {
  /** The file that the user named. Without it: `config.yaml` in `cwd`, which is written when it does not exist. */
  readonly path?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The default of node_id. */
  readonly hostname: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read; undefined when there is none and none could be written. */
  readonly path: string | undefined;
  /** True when the file was written just now. */
  readonly created: boolean;
  /** What the operator should know although the node can start, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads the configuration: the defaults, overridden by the file, overridden by `KVS_...` environment variables.
 *
 * @throws KvsError KVS_CONFIG, whose message is one line: `<file>:<line>: <key>: expected <what>, got <value>`
 */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const warnings: string[] = [];
  const file = source.path === undefined ? defaultFile(source, warnings) : namedFile(source.path, source.cwd);
  const given = new Map<ConfigKey, Given>([
    ...(file === undefined ? [] : readFileValues(file.name, file.text)),
    ...readEnvironment(source.env, warnings),
  ]);
  if (!given.has('node_id'))
    check('node_id', { value: source.hostname, place: () => 'node_id (the host name)' });

  const config = configSchema.parse(
    Object.fromEntries(
      configKeys.map((key) => [key, given.get(key)?.value ?? defaultOf(key, source.hostname)]),
    ),
  );
  for (const [lesser, greater] of orderedKeys) checkOrder(config, given, lesser, greater);
  if (isWildcard(config.bind_address) && config.advertise_address === '') {
    warnings.push(
      `No other node can call ${config.bind_address}: set advertise_address for a cluster of several nodes`,
    );
  }
  return {
    config: { ...config, data_dir: resolve(source.cwd, config.data_dir) },
    path: file?.path,
    created: file?.created ?? false,
    warnings,
  };
}

// --- Where values come from

/** A value that somebody wrote down, and where: `place` begins the line that refuses it, or one of its items. */
interface Given {
  readonly value: unknown;
  place(item?: number): string;
}

interface ConfigFile {
  /** As the user knows it, for messages. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly created: boolean;
}

function namedFile(name: string, cwd: string): ConfigFile {
  const path = resolve(cwd, name);
  return { name, path, text: readText(name, path), created: false };
}

function defaultFile(source: ConfigSource, warnings: string[]): ConfigFile | undefined {
  const name = 'config.yaml';
  const path = join(source.cwd, name);
  const text = defaultConfigText(source.hostname);
  try {
    writeNew(path, text);
    return { name, path, text, created: true };
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return { name, path, text: readText(name, path), created: false };
    warnings.push(`${name} could not be written (${codeOf(error)}): the node runs with defaults`);
    return undefined;
  }
}

function writeNew(path: string, text: string): void {
  const descriptor = openSync(path, 'wx');
  try {
    writeFileSync(descriptor, text);
  } catch (error) {
    // Half a file would be taken for a whole one at the next start.
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function readText(name: string, path: string): string {
  const bytes = Buffer.alloc(fileBytesMax + 1);
  let length = 0;
  try {
    const descriptor = openSync(path, 'r');
    try {
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(descriptor, bytes, length, bytes.length - length, null);
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    throw configError(`${name}: expected a file that can be read, got ${codeOf(cause)}`, cause);
  }
  if (length > fileBytesMax) throw configError(`${name}: expected at most ${fileBytesMax} bytes, got more`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
  } catch (cause) {
    throw configError(`${name}: expected UTF-8 text, got other bytes`, cause);
  }
}

/** Checks what a file says, in the order in which it says it. */
function readFileValues(name: string, text: string): Map<ConfigKey, Given> {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'error',
  });
  const at = (offset: number | undefined): string => `${name}:${lines.linePos(offset ?? 0).line}`;

  const problem = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])[0];
  if (problem !== undefined) {
    throw configError(`${at(problem.pos[0])}: expected YAML, got an error: ${problem.message}`);
  }
  const given = new Map<ConfigKey, Given>();
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return given;
  if (!isMap(root)) {
    throw configError(
      `${at(root.range?.[0])}: expected lines of "key: value", got ${describe(valueOf(root, document))}`,
    );
  }
  for (const pair of root.items) {
    const keyNode = isScalar(pair.key) ? pair.key : undefined;
    const line = at(rangeStart(pair.key));
    const key = keyNode?.value;
    if (typeof key !== 'string')
      throw configError(`${line}: expected the name of a key, got ${describe(key ?? {})}`);
    if (!isConfigKey(key)) {
      throw configError(`${line}: ${printable(key)}: expected ${knownKeyLike(key)}, got an unknown one`);
    }
    const before = given.get(key);
    if (before !== undefined)
      throw configError(`${line}: ${key}: expected once, got again after ${before.place()}`);
    const items = isSeq(pair.value) ? pair.value.items : [];
    const value: Given = {
      value: valueOf(pair.value, document),
      place: (item) =>
        item === undefined
          ? `${line}: ${key}`
          : `${at(rangeStart(items[item]) ?? rangeStart(pair.value))}: ${key}[${item}]`,
    };
    check(key, value);
    given.set(key, value);
  }
  return given;
}

/** Scalars and lists of scalars as they are; anything deeper, which no key allows, as an empty object. */
function valueOf(node: unknown, document: Document.Parsed): unknown {
  const target = isAlias(node) ? node.resolve(document) : node;
  if (isSeq(target)) return target.items.slice(0, listItemsMax + 1).map((item) => scalarOf(item, document));
  return scalarOf(target, document);
}

function scalarOf(node: unknown, document: Document.Parsed): unknown {
  const target = isAlias(node) ? node.resolve(document) : node;
  if (isScalar(target)) return target.value;
  return target === null || target === undefined ? null : {};
}

function rangeStart(node: unknown): number | undefined {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0];
}

function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): Map<ConfigKey, Given> {
  const given = new Map<ConfigKey, Given>();
  for (const key of configKeys) {
    const name = environmentName(key);
    const text = env[name];
    if (text === undefined) continue;
    const place = (item?: number): string => (item === undefined ? name : `${name}[${item}]`);
    const value: Given = { value: configFields[key].fromText(text), place };
    check(key, value);
    given.set(key, value);
  }
  const known = new Set([...configKeys.map(environmentName), ...clientVariables]);
  for (const name of Object.keys(env)) {
    if (name.startsWith('KVS_') && !known.has(name)) {
      warnings.push(`The environment variable ${printable(name)} means nothing to this node`);
    }
  }
  return given;
}

// --- Checks

function check(key: ConfigKey, given: Given): void {
  const field: Field<z.ZodType> = configFields[key];
  const issue = field.schema.safeParse(given.value).error?.issues[0];
  if (issue === undefined) return;
  const item = issue.path[0];
  if (typeof item === 'number' && Array.isArray(given.value) && field.expectedItem !== undefined) {
    const got = describe(given.value[item]);
    throw configError(`${given.place(item)}: expected ${field.expectedItem}, got ${got}`);
  }
  throw configError(`${given.place()}: expected ${field.expected}, got ${describe(given.value)}`);
}

function checkOrder(
  config: Config,
  given: ReadonlyMap<ConfigKey, Given>,
  lesser: (typeof orderedKeys)[number][0],
  greater: (typeof orderedKeys)[number][1],
): void {
  if (config[lesser] <= config[greater]) return;
  const upper = given.get(greater);
  throw configError(
    upper === undefined
      ? `${given.get(lesser)?.place()}: expected at most ${greater} (${config[greater]}), got ${config[lesser]}`
      : `${upper.place()}: expected at least ${lesser} (${config[lesser]}), got ${config[greater]}`,
  );
}

function knownKeyLike(unknownKey: string): string {
  // The distance takes time in proportion to the length, and no key that long is a slip of the pen.
  const key = unknownKey.slice(0, 64).toLowerCase();
  const [nearest] = configKeys
    .map((known) => ({ known, distance: editDistance(key, known) }))
    .toSorted((a, b) => a.distance - b.distance);
  if (nearest === undefined || nearest.distance > Math.max(2, nearest.known.length / 3)) return 'a known key';
  return `a known key (${nearest.known}?)`;
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

// --- Messages

function configError(message: string, cause?: unknown): KvsError {
  return new KvsError('KVS_CONFIG', printable(message), { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'an unknown error';
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length > listItemsMax ? 'a longer list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return `${value as number | boolean | bigint}`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
}

/** The text on one line of bounded length. */
function printable(text: string): string {
  const line = oneLine(text);
  return line.length > 1_000 ? `${line.slice(0, 1_000)}...` : line;
}
