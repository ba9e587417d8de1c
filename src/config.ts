import { isIP, isIPv6 } from 'node:net';
import * as z from 'zod';
import { limits } from './core/limits.ts';

/** Elements that a list may have. */
export const listItemsMax = 256;
/** What a timer of Node.js can wait for: 2^31 - 1 ms, in ms and in whole seconds. */
const timerMsMax = 2_147_483_647;
const timerSecondsMax = 2_147_483;
/** A hundred years. */
const hoursMax = 876_000;

/** How the values of a key are checked, told in words, and read from an environment variable. */
export interface Kind<Schema extends z.ZodType> {
  readonly schema: Schema;
  /** Completes "expected ...". */
  readonly expected: string;
  /** The same for one element of a list. */
  readonly expectedItem?: string;
  /** The value that a text stands for; the text itself when it stands for none. */
  fromText(text: string): unknown;
}

/** One configuration key. */
export interface Field<Schema extends z.ZodType> extends Kind<Schema> {
  readonly default: z.output<Schema> | ((hostName: string) => z.output<Schema>);
  /** What the key does, in full sentences. */
  readonly meaning: string;
  /** What a greater value, or the other one, costs. */
  readonly cost: string;
}

/** Every configuration key: the one place from which the checks, the default file and the reference are made. */
export const configFields = {
  node_id: {
    ...identifier(),
    default: (hostName: string) => hostName,
    meaning: 'Name of this node. No two nodes of a cluster may have the same one.',
    cost: 'Every stored version carries the name of its node: a long one takes disk.',
  },
  cluster_name: {
    ...identifier(),
    default: 'kvs',
    meaning: 'Name of the cluster. Nodes whose cluster names differ do not speak to each other.',
    cost: 'Nothing, but all nodes of a cluster must change it together.',
  },
  bind_address: {
    ...text(
      (value) => isIP(value) > 0 || isHostName(value),
      'an IP address or a host name, without a port, such as 127.0.0.1',
    ),
    default: '127.0.0.1',
    meaning: 'Address that the node listens on. 0.0.0.0 or :: listens on all of them.',
    cost: 'Whoever reaches the address can read and write: there is no authentication.',
  },
  port: {
    ...integer(0, 65_535),
    default: 8080,
    meaning: 'TCP port of the HTTP interface, for clients and for other nodes. 0 takes any free port.',
    cost: 'Nothing.',
  },
  advertise_address: {
    ...text(
      (value) => value === '' || isAddress(value) || isIP(value) > 0 || isHostName(value),
      'a host, host:port such as 192.168.1.10:8080, or an empty text',
    ),
    default: '',
    meaning: 'Host, or host:port, under which other nodes reach this one. Empty: bind_address and port.',
    cost: 'Nothing.',
  },
  data_dir: {
    ...text((value) => value.trim() !== '' && !value.includes('\0'), 'the path of a folder'),
    default: './data',
    meaning:
      'Folder of the data; made when it does not exist. A relative path starts at the working directory. One node only may use it: a copy of it is not served while the node that it is of can be asked.',
    cost: 'Nothing. With another folder the node is another, empty one.',
  },
  seed_nodes: {
    ...addressList(),
    default: [],
    meaning:
      'host:port of nodes that are asked to let this one into their cluster. Empty: the node stands alone until another one joins it.',
    cost: 'One more request at the start for each.',
  },
  read_only: {
    ...flag(),
    default: false,
    meaning: 'true refuses the writes of clients. What other nodes replicate is still taken.',
    cost: 'Clients must write elsewhere.',
  },
  durability: {
    ...choice('sync', 'os'),
    default: 'sync',
    meaning:
      'sync: a write is answered when it is on the disk, and survives a power cut. os: it is answered when the operating system has it, and survives a crash of the node only.',
    cost: 'os is faster by the time of a disk flush, and loses the last seconds at a power cut.',
  },
  max_value_bytes: {
    ...integer(1, limits.valueBytesCeiling, 'bytes'),
    default: 1_048_576,
    meaning: 'Largest value that a client may store. A larger one is answered with 413.',
    cost: 'Memory: each request in flight may hold this much, and so may each value that is replicated.',
  },
  compress_min_bytes: {
    ...integer(0, limits.valueBytesCeiling, 'bytes'),
    default: 4_096,
    meaning:
      'Shortest value that is compressed (gzip) where a client writes it, and so on every disk and on the way to other nodes. Only where that saves an eighth, and never for types that are compressed by themselves, such as pictures. 0: never.',
    cost: 'A smaller one costs time: 20 us for each value of 4 KiB that is written, 10 us for each that is read by a client that does not take gzip. A greater one costs disk, memory and network: typical JSON shrinks to a fifth.',
  },
  revisions_kept: {
    ...integer(1, limits.revisionsKeptMax),
    default: 3,
    meaning:
      'Versions of each key that this node keeps: the present one, and the newest of those that it replaced, deletions included. 1: only the present one. When it is lowered, each key gives up the others with its next write.',
    cost: 'Disk: a key that is written again and again takes this many times its size. A write of a key that has a value writes the value that it replaces as well, at any number above 1.',
  },
  cache_bytes: {
    ...integer(0, 2 ** 40, 'bytes'),
    default: 67_108_864,
    meaning: 'Memory for the values that were read or written last. 0 keeps none.',
    cost: 'Memory. Too little of it makes reads wait for the disk.',
  },
  max_clock_drift_ms: {
    ...integer(1, limits.timestampMsMax, 'milliseconds'),
    default: 60_000,
    meaning:
      'How far ahead of this clock the timestamp of another node may stand and still move this clock on. A version from farther ahead is stored, but the clock does not follow it. A minute is well above what machines with time synchronization, and most without, differ by; clocks farther apart are wrong rather than late.',
    cost: 'One clock that runs ahead takes the timestamps of the whole cluster up to this far with it.',
  },
  gossip_interval_min: {
    ...number(0.01, timerSecondsMax, 'seconds'),
    default: 60,
    meaning: 'Shortest pause between two exchanges of the member list; each pause is drawn at random.',
    cost: 'News about members spreads more slowly.',
  },
  gossip_interval_max: {
    ...number(0.01, timerSecondsMax, 'seconds'),
    default: 120,
    meaning: 'Longest pause between two exchanges of the member list. Not below gossip_interval_min.',
    cost: 'News about members spreads more slowly.',
  },
  sync_interval: {
    ...number(0.01, timerSecondsMax, 'seconds'),
    default: 300,
    meaning: 'Pause between two comparisons of all data with a random member.',
    cost: 'What replication missed is found later.',
  },
  catchup_interval: {
    ...number(0.01, timerSecondsMax, 'seconds'),
    default: 120,
    meaning: 'Pause between two attempts to catch up with members that this node has fallen behind.',
    cost: 'A node that was away is up to date later.',
  },
  throttle_delay_ms: {
    ...integer(0, timerMsMax, 'milliseconds'),
    default: 100,
    meaning: 'Pause between two synchronization requests to other nodes.',
    cost: 'Synchronization takes longer, and disturbs the other nodes less.',
  },
  fetch_delay_ms: {
    ...integer(0, timerMsMax, 'milliseconds'),
    default: 50,
    meaning: 'Pause between two fetches of data from another node.',
    cost: 'Synchronization takes longer, and disturbs the other nodes less.',
  },
  bootstrap_max_age_hours: {
    ...number(0, hoursMax, 'hours'),
    default: 720,
    meaning:
      'Age of the oldest data that a new node fetches before it takes writes. Older data follows in the background.',
    cost: 'A new node takes writes later.',
  },
  tombstone_retention_hours: {
    ...number(0.0001, hoursMax, 'hours'),
    default: 720,
    meaning:
      'How long the mark of a deleted or expired key is kept at least, so that no member brings the key back. It is kept longer while a member may not have seen it.',
    cost: 'Disk and memory for each deleted key, for longer.',
  },
  forget_member_hours: {
    ...number(0, hoursMax, 'hours'),
    default: 0,
    meaning:
      'How long after its last sign of life a dead member is forgotten. A forgotten member must join anew, with an empty folder. 0: never, except by POST /members/forget.',
    cost: 'Deleted keys are kept until every member that is not forgotten has seen the deletion.',
  },
  request_timeout_ms: {
    ...integer(1, timerMsMax, 'milliseconds'),
    default: 30_000,
    meaning: 'Time that a client has to send a whole request, its body included.',
    cost: 'Slow clients hold their connections, and memory, for longer.',
  },
  header_timeout_ms: {
    ...integer(1, timerMsMax, 'milliseconds'),
    default: 10_000,
    meaning: 'Time that a client has to send the header of a request. Not above request_timeout_ms.',
    cost: 'Slow clients hold their connections for longer.',
  },
  keep_alive_timeout_ms: {
    ...integer(1, timerMsMax, 'milliseconds'),
    default: 65_000,
    meaning:
      'Time that an idle connection stays open. Above the 60 seconds after which common load balancers close theirs, so that none sends a request into a closing connection.',
    cost: 'Idle connections are counted against connections_max for longer.',
  },
  connections_max: {
    ...integer(1, 1_000_000),
    default: 10_000,
    meaning: 'Connections at one time. Further ones are closed at once.',
    cost: 'Memory and file descriptors; the limit of the operating system must allow them.',
  },
  shutdown_timeout_ms: {
    ...integer(1, timerMsMax, 'milliseconds'),
    default: 10_000,
    meaning: 'Time that the node has to end its requests and close its data when it is told to stop.',
    cost: 'A stop that hangs is given up later. Keep it below what the service manager waits.',
  },
  log_level: {
    ...choice('debug', 'info', 'warn', 'error'),
    default: 'info',
    meaning: 'Least important log lines that are written.',
    cost: 'debug writes many lines, and the stack of each error.',
  },
  log_format: {
    ...choice('auto', 'pretty', 'json'),
    default: 'auto',
    meaning: 'pretty: lines for people. json: one JSON object a line. auto: pretty on a terminal, else json.',
    cost: 'Nothing.',
  },
  debug: {
    ...choice('local', 'on', 'off'),
    default: 'local',
    meaning: 'Who may read /debug: clients on this machine (local), all (on), or nobody (off).',
    cost: 'on shows the names of nodes and keys to whoever reaches the port.',
  },
  metrics: {
    ...choice('on', 'off'),
    default: 'on',
    meaning:
      'on: /metrics answers everybody, for Prometheus. It names nodes and routes, and never a key or a value.',
    cost: 'on counts every request, commit and call to a peer: less than a microsecond each.',
  },
} satisfies Record<string, Field<z.ZodType>>;

export type ConfigKey = keyof typeof configFields;
type Shape = { [Key in ConfigKey]: (typeof configFields)[Key]['schema'] };

export const configKeys = Object.keys(configFields) as ConfigKey[];
/** All keys together. */
export const configSchema = z
  .strictObject(Object.fromEntries(configKeys.map((key) => [key, configFields[key].schema])) as Shape)
  .readonly();

/** What a node runs with: each key of the file under its own name, `data_dir` as an absolute path. */
export type Config = z.output<typeof configSchema>;

/** The text of a configuration file that holds every key with its default, commented. */
export function defaultConfigText(hostName: string): string {
  const parts = configKeys.map((key) => {
    const field: Field<z.ZodType> = configFields[key];
    const comment = wrap(`${field.meaning} Expected: ${field.expected}.`, 98)
      .map((line) => `# ${line}\n`)
      .join('');
    return `${comment}${key}: ${JSON.stringify(defaultOf(key, hostName))}\n`;
  });
  return [
    '# Configuration of a KVS node: every key with its default. A key that is left out has its default.\n' +
      '# Environment variables override the keys: KVS_PORT stands for port, KVS_SEED_NODES (separated by\n' +
      '# commas) for seed_nodes, and so on.\n',
    ...parts,
  ].join('\n');
}

/** The environment variable that overrides a key. */
export function environmentName(key: string): string {
  return `KVS_${key.toUpperCase()}`;
}

/** True for the name of a key. */
export function isConfigKey(key: string): key is ConfigKey {
  return Object.hasOwn(configFields, key);
}

/** What a key has when nobody sets it. */
export function defaultOf(key: ConfigKey, hostName: string): unknown {
  const value: unknown = configFields[key].default;
  return typeof value === 'function' ? hostName : value;
}

function wrap(sentence: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of sentence.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
// --- Kinds of values

function integer(min: number, max: number, unit = ''): Kind<z.ZodInt> {
  return {
    schema: z.int().min(min).max(max),
    expected: `a whole number${unit === '' ? '' : ` of ${unit}`} from ${min} to ${max}`,
    fromText: numberFrom,
  };
}

function number(min: number, max: number, unit: string): Kind<z.ZodNumber> {
  return {
    schema: z.number().min(min).max(max),
    expected: `a number of ${unit} from ${min} to ${max}`,
    fromText: numberFrom,
  };
}

function numberFrom(value: string): unknown {
  const parsed = value.trim() === '' ? NaN : Number(value);
  return Number.isNaN(parsed) ? value : parsed;
}

function flag(): Kind<z.ZodBoolean> {
  return {
    schema: z.boolean(),
    expected: 'true or false',
    fromText: (value) => (value === 'true' ? true : value === 'false' ? false : value),
  };
}

function choice<const Value extends string>(
  ...values: readonly Value[]
): Kind<z.ZodEnum<{ [Key in Value]: Key }>> {
  return { schema: z.enum(values), expected: `one of ${values.join(', ')}`, fromText: (value) => value };
}

function text(isValid: (value: string) => boolean, expected: string): Kind<z.ZodString> {
  return { schema: z.string().refine(isValid), expected, fromText: (value) => value };
}

function identifier(): Kind<z.ZodString> {
  const bytesMax = limits.nodeIdBytesMax;
  return text(
    (value) =>
      value.trim() !== '' && !/\p{Cc}|\p{Surrogate}/u.test(value) && Buffer.byteLength(value) <= bytesMax,
    `a text of 1 to ${bytesMax} bytes, not blank and without control characters`,
  );
}

function addressList(): Kind<z.ZodReadonly<z.ZodArray<z.ZodString>>> {
  return {
    schema: z.array(z.string().refine(isAddress)).max(listItemsMax).readonly(),
    expected: `a list of at most ${listItemsMax} times host:port`,
    expectedItem: 'host:port such as 127.0.0.1:8081',
    fromText: (value) => (value.trim() === '' ? [] : value.split(',').map((item) => item.trim())),
  };
}

function isAddress(value: string): boolean {
  const [, bracketed, host, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) ?? [];
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) return false;
  return bracketed === undefined ? isHostName(host ?? '') : isIPv6(bracketed);
}

/** RFC 1123, section 2.1, with the underscore that container networks use; dotted IPv4 addresses are such names. */
function isHostName(value: string): boolean {
  return value.length <= 253 && /^(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(value);
}
