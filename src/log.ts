import { styleText } from 'node:util';
import { createConsola, LogLevels, type LogObject } from 'consola/core';
import type { LogFields, Logger } from './core/ports.ts';
import { oneLine } from './core/one-line.ts';

export type LogLevel = keyof Logger;

/** A stream that lines go to: the part of a process's standard streams that is used. */
export interface LogStream {
  write(text: string): unknown;
  /** What was written and has not left the process yet, bytes. */
  readonly writableLength?: number | undefined;
  readonly isTTY?: boolean | undefined;
  hasColors?(): boolean;
}

export interface LogOptions {
  /** The least important level that is written. At `debug`, errors carry their stacks. */
  readonly level: LogLevel;
  /** `auto`: pretty where the stream is a terminal, JSON lines where it is not, each stream by itself. */
  readonly format: 'auto' | 'pretty' | 'json';
  /** Takes debug and info: the ordinary course of things. */
  readonly stdout: LogStream;
  /** Takes warn and error, so that they stay visible when the ordinary output is sent elsewhere. */
  readonly stderr: LogStream;
}

/** What is left out of an entry beyond these bounds is marked by an ellipsis. */
const textLengthMax = 8_192;
const itemsMax = 64;
const depthMax = 5;
const causesMax = 8;
/** What may wait for a slow reader of one stream, bytes. Further entries are dropped, and counted in the next one. */
const waitingBytesMax = 1_048_576;

/**
 * A logger over a consola instance of its own; nothing global is touched. A JSON entry is one line
 * `{"time", "level", "message", ...fields}`; a pretty one too, but for stacks, which follow it indented. Whatever the
 * fields hold, logging never throws, and neither does a stream that is gone.
 */
export function createLogger(options: LogOptions): Logger {
  const withStacks = options.level === 'debug';
  const outputs = {
    stdout: new Output(options.stdout, options.format),
    stderr: new Output(options.stderr, options.format),
  };
  const consola = createConsola({
    level: LogLevels[options.level],
    // consola holds repeated entries back, on a timer, unless no two are ever close enough in time.
    throttle: Number.NEGATIVE_INFINITY,
    reporters: [
      {
        log(entry) {
          const output = entry.level <= LogLevels.warn ? outputs.stderr : outputs.stdout;
          output.write(entryOf(entry, withStacks));
        },
      },
    ],
  });
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      try {
        consola[level].raw(message, fields);
      } catch {
        // There is nobody left to tell.
      }
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

interface Entry {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, Json>>;
}

/** One stream. A node must not fill its memory because nobody reads its log. */
class Output {
  readonly #stream: LogStream;
  readonly #format: (entry: Entry) => string;
  #dropped = 0;

  constructor(stream: LogStream, format: LogOptions['format']) {
    this.#stream = stream;
    this.#format = formatOf(format, stream);
  }

  write(entry: Entry): void {
    if ((this.#stream.writableLength ?? 0) > waitingBytesMax) {
      this.#dropped++;
      return;
    }
    const dropped = this.#dropped;
    this.#dropped = 0;
    const fields = dropped === 0 ? entry.fields : { ...entry.fields, dropped_before: dropped };
    this.#stream.write(`${this.#format({ ...entry, fields })}\n`);
  }
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

function entryOf(entry: LogObject, withStacks: boolean): Entry {
  const [message, fields] = entry.args as [string, LogFields];
  return {
    time: entry.date.toISOString(),
    level: entry.type,
    message: shortened(message),
    fields: plainObject(fields, withStacks, 0),
  };
}

function formatOf(format: LogOptions['format'], stream: LogStream): (entry: Entry) => string {
  if (format === 'json' || (format === 'auto' && stream.isTTY !== true)) return jsonLine;
  const isColored = stream.isTTY === true && stream.hasColors?.() === true;
  return (entry) => prettyLine(entry, isColored);
}

function jsonLine({ time, level, message, fields }: Entry): string {
  const renamed = Object.entries(fields).map(([name, value]) => [
    name === 'time' || name === 'level' || name === 'message' ? `field_${name}` : name,
    value,
  ]);
  return JSON.stringify({ time, level, message, ...Object.fromEntries(renamed) });
}

const colors = { debug: 'gray', info: 'cyan', warn: 'yellow', error: 'red' } as const;

function prettyLine({ time, level, message, fields }: Entry, isColored: boolean): string {
  const paint = (style: (typeof colors)[LogLevel], value: string): string =>
    isColored ? styleText(style, value, { validateStream: false }) : value;
  const stacks: string[] = [];
  const shown = Object.entries(fields).map(([name, value]) => {
    const { text, stack } = prettyValue(value);
    if (stack !== undefined) stacks.push(...stack.split('\n').slice(1));
    return ` ${paint('gray', `${oneLine(name)}=`)}${text}`;
  });
  const line = [
    paint('gray', time.slice(11, 23)),
    ' ',
    paint(colors[level as LogLevel], level.toUpperCase().padEnd(5)),
    ' ',
    oneLine(message),
    ...shown,
  ].join('');
  return [line, ...stacks.map((frame) => `    ${oneLine(frame.trim())}`)].join('\n');
}

function prettyValue(value: Json): { text: string; stack?: string | undefined } {
  if (typeof value === 'string')
    return { text: /^[\w.:/@-]+$/.test(value) ? value : oneLine(JSON.stringify(value)) };
  if (typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string') {
    const { stack, ...rest } = value;
    return { text: oneLine(JSON.stringify(rest)), stack };
  }
  return { text: oneLine(JSON.stringify(value)) };
}

/** What JSON and a terminal line can show of a value: bounded, without cycles, getters that throw included. */
function plain(value: unknown, withStacks: boolean, depth: number): Json {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return shortened(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return `(${typeof value})`;
  if (value instanceof Error) return plainError(value, withStacks);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof URL) return value.href;
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
  if (depth >= depthMax) return '…';
  if (value instanceof Map || value instanceof Set) return plain([...value], withStacks, depth);
  if (Array.isArray(value)) {
    const items = value.slice(0, itemsMax).map((item) => plain(item, withStacks, depth + 1));
    return value.length > itemsMax ? [...items, '…'] : items;
  }
  return plainObject(value, withStacks, depth);
}

function plainObject(value: object, withStacks: boolean, depth: number): Record<string, Json> {
  const names = Object.keys(value);
  const entries = names
    .slice(0, itemsMax)
    .filter((name) => read(value, name) !== undefined)
    .map((name): [string, Json] => [name, safely(() => plain(read(value, name), withStacks, depth + 1))]);
  if (names.length > itemsMax) entries.push(['…', names.length - itemsMax]);
  return Object.fromEntries(entries);
}

function plainError(error: Error, withStacks: boolean): Json {
  const stack = withStacks ? read(error, 'stack') : undefined;
  const causes: Json[] = [];
  let cause = read(error, 'cause');
  while (cause !== undefined && causes.length < causesMax) {
    causes.push(cause instanceof Error ? errorHead(cause) : plain(cause, withStacks, depthMax - 1));
    cause = cause instanceof Error ? read(cause, 'cause') : undefined;
  }
  return {
    ...errorHead(error),
    ...(causes.length === 0 ? {} : { causes }),
    ...(typeof stack === 'string' ? { stack: shortened(stack) } : {}),
  };
}

function errorHead(error: Error): Record<string, Json> {
  const code = read(error, 'code');
  return {
    message: safely(() => shortened(String(read(error, 'message')))),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
  };
}

const unreadable = '(unreadable)';

function read(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return unreadable;
  }
}

function safely(make: () => Json): Json {
  try {
    return make();
  } catch {
    return unreadable;
  }
}

function shortened(value: string): string {
  return value.length > textLengthMax ? `${value.slice(0, textLengthMax)}…` : value;
}
