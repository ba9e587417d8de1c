import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { configKeys, configSchema, defaultConfigText, environmentName, type Config } from '../src/config.ts';
import { KvsError } from '../src/core/errors.ts';
import { loadConfig, type ConfigSource, type LoadedConfig } from '../src/load-config.ts';
import { configurationGuide } from './configuration-guide.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvs-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const defaults: Config = {
  node_id: 'box',
  cluster_name: 'kvs',
  bind_address: '127.0.0.1',
  port: 8080,
  advertise_address: '',
  data_dir: '/srv/kvs/data',
  seed_nodes: [],
  read_only: false,
  durability: 'sync',
  max_value_bytes: 1_048_576,
  compress_min_bytes: 4_096,
  revisions_kept: 3,
  cache_bytes: 67_108_864,
  max_clock_drift_ms: 60_000,
  gossip_interval_min: 60,
  gossip_interval_max: 120,
  sync_interval: 300,
  catchup_interval: 120,
  throttle_delay_ms: 100,
  fetch_delay_ms: 50,
  bootstrap_max_age_hours: 720,
  tombstone_retention_hours: 720,
  forget_member_hours: 0,
  request_timeout_ms: 30_000,
  header_timeout_ms: 10_000,
  keep_alive_timeout_ms: 65_000,
  connections_max: 10_000,
  shutdown_timeout_ms: 10_000,
  log_level: 'info',
  log_format: 'auto',
  debug: 'local',
  metrics: 'on',
};

function load(source: Partial<ConfigSource> = {}): LoadedConfig {
  return loadConfig({ env: {}, cwd: folder, hostname: 'box', ...source });
}

/** Loads a file `kvs.yaml` with this content. */
function loadText(content: string | Uint8Array, env: Record<string, string> = {}): Config {
  writeFileSync(join(folder, 'kvs.yaml'), content);
  return load({ path: 'kvs.yaml', env }).config;
}

/** The message of the configuration error that this ends with. */
function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof KvsError && error.code === 'KVS_CONFIG') return error.message;
    throw error;
  }
  throw new Error('No error was thrown');
}

describe('A first run without a file', () => {
  it('writes config.yaml with every key, commented, and runs with the defaults', () => {
    const loaded = load();
    expect(loaded).toEqual({
      config: { ...defaults, data_dir: join(folder, 'data') },
      path: join(folder, 'config.yaml'),
      created: true,
      warnings: [],
    });
    const written = readFileSync(join(folder, 'config.yaml'), 'utf8');
    expect(written).toBe(defaultConfigText('box'));
    for (const key of configKeys) expect(written).toMatch(new RegExp(`^# .+\n${key}: `, 'm'));
  });

  it('reads that file at the second run, and never writes it again', () => {
    load();
    writeFileSync(join(folder, 'config.yaml'), 'port: 9000\n');
    expect(load()).toMatchObject({ created: false, config: { port: 9000 } });
    expect(readFileSync(join(folder, 'config.yaml'), 'utf8')).toBe('port: 9000\n');
  });

  it('runs with defaults, and says so, where no file can be written', () => {
    const cwd = join(folder, 'gone');
    const loaded = load({ cwd });
    expect(loaded).toMatchObject({ path: undefined, created: false, config: { port: 8080, node_id: 'box' } });
    expect(loaded.warnings).toEqual([
      'config.yaml could not be written (ENOENT): the node runs with defaults',
    ]);
  });
});

describe('A file', () => {
  it('that is named but does not exist is an error, and is not made', () => {
    expect(errorOf(() => load({ path: 'other.yaml' }))).toBe(
      'other.yaml: expected a file that can be read, got ENOENT',
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['kvs.yaml', 'a folder', 'EISDIR'],
    ['config.yaml', 'a folder with the standard name', 'EISDIR'],
  ])('%s that is %s is an error', (name, _what, code) => {
    mkdirSync(join(folder, name));
    const source = name === 'config.yaml' ? {} : { path: name };
    expect(errorOf(() => load(source))).toBe(`${name}: expected a file that can be read, got ${code}`);
  });

  it.each([
    ['is empty', ''],
    ['holds comments only', '# nothing\n\n'],
    ['begins with a byte order mark', '\uFEFF# nothing\n'],
    ['holds an empty document', '---\n...\n'],
  ])('that %s means the defaults', (_title, content) => {
    expect(loadText(content)).toEqual({ ...defaults, data_dir: join(folder, 'data') });
  });

  it('overrides the defaults it names', () => {
    const content =
      '\uFEFFnode_id: "node1"\nport: 0\nseed_nodes: ["10.0.0.1:8080", "[::1]:81", kvs_a:1]\nsync_interval: 0.5\n';
    expect(loadText(content)).toMatchObject({
      node_id: 'node1',
      port: 0,
      seed_nodes: ['10.0.0.1:8080', '[::1]:81', 'kvs_a:1'],
      sync_interval: 0.5,
    });
  });

  it('may use aliases', () => {
    expect(loadText('sync_interval: &pause 5\ncatchup_interval: *pause\n')).toMatchObject({
      sync_interval: 5,
      catchup_interval: 5,
    });
  });

  it('finds a relative data_dir from the working directory, an absolute one where it is', () => {
    mkdirSync(join(folder, 'configs'));
    writeFileSync(join(folder, 'configs', 'a.yaml'), 'data_dir: ./here\n');
    expect(load({ path: join('configs', 'a.yaml') }).config.data_dir).toBe(join(folder, 'here'));
    expect(loadText('data_dir: /srv/kvs\n').data_dir).toBe('/srv/kvs');
  });
});

describe('An error in a file names file, line, key, expectation and value', () => {
  const a = 'kvs.yaml';
  it.each([
    // Keys
    ['# x\nprot: 1', `${a}:2: prot: expected a known key (port?), got an unknown one`],
    ['Seed_Nodes: []', `${a}:1: Seed_Nodes: expected a known key (seed_nodes?), got an unknown one`],
    ['colour: red', `${a}:1: colour: expected a known key, got an unknown one`],
    ['__proto__: {}', `${a}:1: __proto__: expected a known key, got an unknown one`],
    ['"a\\nb": 1', `${a}:1: a\\u000ab: expected a known key, got an unknown one`],
    ['<<: {port: 1}', `${a}:1: <<: expected a known key, got an unknown one`],
    ['1: 2', `${a}:1: expected the name of a key, got 1`],
    ['? [port]\n: 2', `${a}:1: expected the name of a key, got a mapping`],
    ['port: 1\n\nport: 2', `${a}:3: port: expected once, got again after ${a}:1: port`],
    // Shape
    ['just words', `${a}:1: expected lines of "key: value", got "just words"`],
    ['\n- port', `${a}:2: expected lines of "key: value", got a list`],
    ['port: 1\nnode_id: "x', /^kvs\.yaml:2: expected YAML, got an error: Missing closing "quote/],
    [
      'port: 1\n---\nport: 2',
      /^kvs\.yaml:2: expected YAML, got an error: Source contains multiple documents/,
    ],
    ['port: !number 1', `${a}:1: expected YAML, got an error: Unresolved tag: !number`],
    ['x: '.repeat(2), /^kvs\.yaml:1: expected YAML, got an error: Nested mappings/],
    // Types
    ['port:', `${a}:1: port: expected a whole number from 0 to 65535, got nothing`],
    ['port: "80"', `${a}:1: port: expected a whole number from 0 to 65535, got "80"`],
    ['port: 80.5', `${a}:1: port: expected a whole number from 0 to 65535, got 80.5`],
    ['port: [80]', `${a}:1: port: expected a whole number from 0 to 65535, got a list`],
    ['port: {a: 1}', `${a}:1: port: expected a whole number from 0 to 65535, got a mapping`],
    ['port: *other', `${a}:1: port: expected a whole number from 0 to 65535, got nothing`],
    ['read_only: yes', `${a}:1: read_only: expected true or false, got "yes"`],
    ['seed_nodes: "a:1"', `${a}:1: seed_nodes: expected a list of at most 256 times host:port, got "a:1"`],
    // Bounds
    ['port: 65536', `${a}:1: port: expected a whole number from 0 to 65535, got 65536`],
    ['port: -1', `${a}:1: port: expected a whole number from 0 to 65535, got -1`],
    [
      'max_value_bytes: 67108865',
      `${a}:1: max_value_bytes: expected a whole number of bytes from 1 to 67108864, got 67108865`,
    ],
    ['max_clock_drift_ms: 0', /got 0$/],
    ['sync_interval: 0', `${a}:1: sync_interval: expected a number of seconds from 0.01 to 2147483, got 0`],
    ['sync_interval: .inf', /got Infinity$/],
    ['sync_interval: .nan', /got NaN$/],
    ['forget_member_hours: -1', /expected a number of hours from 0 to 876000, got -1$/],
    ['tombstone_retention_hours: 0', /got 0$/],
    ['log_level: loud', `${a}:1: log_level: expected one of debug, info, warn, error, got "loud"`],
    ['node_id: " \\t"', /node_id: expected a text of 1 to 255 bytes, .+, got " \\t"$/],
    ['node_id: "a\\u0007"', /^kvs\.yaml:1: node_id: expected/],
    ['data_dir: ""', `${a}:1: data_dir: expected the path of a folder, got ""`],
    ['bind_address: "127.0.0.1:80"', /^kvs\.yaml:1: bind_address: expected an IP address or a host name/],
    ['advertise_address: "http://a:1"', /^kvs\.yaml:1: advertise_address: expected a host/],
    [
      'seed_nodes:\n  - a:1\n  - b',
      `${a}:3: seed_nodes[1]: expected host:port such as 127.0.0.1:8081, got "b"`,
    ],
    ['seed_nodes: [a:1, a:0]', `${a}:1: seed_nodes[1]: expected host:port such as 127.0.0.1:8081, got "a:0"`],
    ['seed_nodes: ["::1:80"]', /^kvs\.yaml:1: seed_nodes\[0\]: expected host:port/],
    ['seed_nodes: [1]', `${a}:1: seed_nodes[0]: expected host:port such as 127.0.0.1:8081, got 1`],
    [
      'seed_nodes: &all [*all]',
      `${a}:1: seed_nodes[0]: expected host:port such as 127.0.0.1:8081, got a mapping`,
    ],
    // Combinations
    [
      'gossip_interval_min: 121',
      `${a}:1: gossip_interval_min: expected at most gossip_interval_max (120), got 121`,
    ],
    [
      'port: 1\ngossip_interval_max: 59',
      `${a}:2: gossip_interval_max: expected at least gossip_interval_min (60), got 59`,
    ],
    [
      'header_timeout_ms: 30001',
      `${a}:1: header_timeout_ms: expected at most request_timeout_ms (30000), got 30001`,
    ],
    // Order
    ['port: a\nprot: 1\nread_only: 3', `${a}:1: port: expected a whole number from 0 to 65535, got "a"`],
    ['prot: 1\nport: a', `${a}:1: prot: expected a known key (port?), got an unknown one`],
  ] as [string, string | RegExp][])('%j', (content, expected) => {
    const message = errorOf(() => loadText(content));
    if (typeof expected === 'string') expect(message).toBe(expected);
    else expect(message).toMatch(expected);
    expect(message.split('\n')).toHaveLength(1);
  });

  it('also where values are far too long or too deep, in a line of bounded length', () => {
    expect(errorOf(() => loadText(`node_id: ${'ü'.repeat(128)}`))).toMatch(/got "ü{60}\.\.\."$/);
    expect(errorOf(() => loadText(`seed_nodes: [${'a:1,'.repeat(257)}]`))).toMatch(/got a longer list$/);
    expect(errorOf(() => loadText('['.repeat(20_000)))).toMatch(
      /^kvs\.yaml:1: expected YAML, got an error: /,
    );
    expect(errorOf(() => loadText(`${'k'.repeat(5_000)}: 1`)).length).toBeLessThan(1_100);
  });

  it.each([
    ['throttle_delay_ms', 2_147_483_647],
    ['sync_interval', 2_147_483],
    ['forget_member_hours', 876_000],
  ])('also where a time is longer than a timer can wait, or anybody: %s', (key, most) => {
    expect(errorOf(() => loadText(`${key}: ${most + 1}`))).toMatch(
      new RegExp(`to ${most}, got ${most + 1}$`),
    );
    expect(loadText(`${key}: ${most}`)).toMatchObject({ [key]: most });
  });

  it('also where the file is no UTF-8, or endless', () => {
    expect(errorOf(() => loadText(Uint8Array.of(0x70, 0xff)))).toBe(
      'kvs.yaml: expected UTF-8 text, got other bytes',
    );
    expect(errorOf(() => load({ path: '/dev/zero' }))).toBe(
      '/dev/zero: expected at most 262144 bytes, got more',
    );
  });

  it('also where the host name can be no node id', () => {
    expect(errorOf(() => load({ hostname: '', cwd: join(folder, 'gone') }))).toMatch(
      /^node_id \(the host name\): expected a text of 1 to 255 bytes/,
    );
  });
});

describe('The environment', () => {
  it('overrides the file, each type from its text', () => {
    const env = {
      KVS_PORT: '9000',
      KVS_READ_ONLY: 'true',
      KVS_SEED_NODES: 'a:1, b:2',
      KVS_SYNC_INTERVAL: '0.25',
      KVS_LOG_LEVEL: 'debug',
      KVS_NODE_ID: '7',
      HOME: '/root',
    };
    expect(loadText('port: 1\nnode_id: x\nseed_nodes: [c:3]\n', env)).toMatchObject({
      port: 9000,
      read_only: true,
      seed_nodes: ['a:1', 'b:2'],
      sync_interval: 0.25,
      log_level: 'debug',
      node_id: '7',
    });
    expect(loadText('seed_nodes: [c:3]\n', { KVS_SEED_NODES: '' }).seed_nodes).toEqual([]);
  });

  it.each([
    [
      'KVS_PORT',
      'tcp://10.0.0.1:80',
      'KVS_PORT: expected a whole number from 0 to 65535, got "tcp://10.0.0.1:80"',
    ],
    ['KVS_PORT', '', 'KVS_PORT: expected a whole number from 0 to 65535, got ""'],
    ['KVS_READ_ONLY', '1', 'KVS_READ_ONLY: expected true or false, got "1"'],
    ['KVS_SEED_NODES', 'a:1,b', 'KVS_SEED_NODES[1]: expected host:port such as 127.0.0.1:8081, got "b"'],
    [
      'KVS_GOSSIP_INTERVAL_MIN',
      '200',
      'KVS_GOSSIP_INTERVAL_MIN: expected at most gossip_interval_max (120), got 200',
    ],
  ])('%s=%s is refused by its own name', (name, value, expected) => {
    expect(errorOf(() => loadText('', { [name]: value }))).toBe(expected);
  });

  it('is searched for slips of the pen, which are reported', () => {
    expect(load({ env: { KVS_PROT: '1', PORT: '2', KVS_URL: 'http://a:1' } }).warnings).toEqual([
      'The environment variable KVS_PROT means nothing to this node',
    ]);
  });

  it('has one variable for each key', () => {
    const env = Object.fromEntries(configKeys.map((key) => [environmentName(key), 'a\u0000b']));
    for (const key of configKeys) {
      const name = environmentName(key);
      expect(errorOf(() => loadText('', { [name]: env[name] ?? '' }))).toMatch(
        new RegExp(`^${name}(\\[0\\])?: expected`),
      );
    }
  });
});

it('A wildcard address without advertise_address is reported, as no other node could call it', () => {
  const warnings = (content: string): readonly string[] => {
    writeFileSync(join(folder, 'kvs.yaml'), content);
    return load({ path: 'kvs.yaml' }).warnings;
  };
  expect(warnings('bind_address: 0.0.0.0')).toHaveLength(1);
  expect(warnings('bind_address: "::"')).toHaveLength(1);
  expect(warnings('bind_address: 0.0.0.0\nadvertise_address: "10.0.0.1:8080"')).toEqual([]);
});

describe('Whatever a file holds, it gives a valid configuration or one line that refuses it', () => {
  let path = '';
  beforeAll(() => {
    path = join(mkdtempSync(join(tmpdir(), 'kvs-config-')), 'any.yaml');
  });
  afterAll(() => rmSync(join(path, '..'), { recursive: true, force: true }));

  function isValidOrOneLine(content: string | Uint8Array): void {
    writeFileSync(path, content);
    const outcome = outcomeOf(() => load({ path }).config);
    if (outcome instanceof KvsError) {
      expect(outcome.code).toBe('KVS_CONFIG');
      expect(outcome.message).not.toMatch(/[\r\n\u2028\u2029\u0085]/);
      expect(outcome.message.length).toBeLessThan(1_100);
    } else {
      expect(configSchema.safeParse(outcome).success).toBe(true);
    }
  }

  it('for any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), isValidOrOneLine), { numRuns: 300 });
  });

  it('for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), isValidOrOneLine), { numRuns: 300 });
  });

  it('for text of the letters that mean something in YAML', () => {
    const letter = fc.constantFrom(
      ...Array.from(': -[]{}#&*!|>\'"%@`?,\n\t~ab1.'),
      'port',
      'seed_nodes',
      '\r\n',
      '<<',
      '---',
    );
    fc.assert(
      fc.property(
        fc.array(letter, { maxLength: 60 }).map((all) => all.join('')),
        isValidOrOneLine,
      ),
      {
        numRuns: 1_000,
      },
    );
  });

  it('for known keys with any values', () => {
    const entries = fc.dictionary(
      fc.constantFrom(...configKeys),
      fc.anything({ maxDepth: 2 }).filter(isYaml),
    );
    fc.assert(
      fc.property(entries, (values) => isValidOrOneLine(stringify(values))),
      { numRuns: 500 },
    );
  });
});

it('docs/configuration.md says what the table of keys says (vitest run test/config.test.ts -u writes it anew)', async () => {
  await expect(await configurationGuide()).toMatchFileSnapshot('../docs/configuration.md');
});

function outcomeOf(run: () => Config): Config | KvsError {
  try {
    return run();
  } catch (error) {
    if (error instanceof KvsError) return error;
    throw error;
  }
}

function isYaml(value: unknown): boolean {
  try {
    stringify(value);
    return true;
  } catch {
    return false;
  }
}
