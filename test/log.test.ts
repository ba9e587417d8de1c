import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvsError } from '../src/core/errors.ts';
import type { LogFields, Logger } from '../src/core/ports.ts';
import { createLogger, type LogOptions, type LogStream } from '../src/log.ts';

interface Recorder extends LogStream {
  text: string;
}

function recorder(terminal: { isTTY?: boolean; colors?: boolean } = {}): Recorder {
  return {
    text: '',
    isTTY: terminal.isTTY,
    hasColors: () => terminal.colors === true,
    write(text) {
      this.text += text;
    },
  };
}

function loggerWith(options: Partial<LogOptions> = {}): {
  logger: Logger;
  stdout: Recorder;
  stderr: Recorder;
} {
  const stdout = recorder();
  const stderr = recorder();
  return {
    logger: createLogger({ level: 'info', format: 'json', stdout, stderr, ...options }),
    stdout,
    stderr,
  };
}

function jsonOf(fields: LogFields, options: Partial<LogOptions> = {}): Record<string, unknown> {
  const { logger, stdout } = loggerWith(options);
  logger.info('a message', fields);
  expect(stdout.text.split('\n')).toHaveLength(2);
  return JSON.parse(stdout.text) as Record<string, unknown>;
}

function prettyOf(fields: LogFields, level: LogOptions['level'] = 'info'): string {
  const { logger, stdout } = loggerWith({ format: 'pretty', level });
  logger.info('a message', fields);
  return stdout.text;
}

describe('A JSON entry', () => {
  it('is one line with time, level, message and the fields', () => {
    const entry = jsonOf({ key: 'a/b', count: 3, ok: true, none: null, list: [1, 'x'], gone: undefined });
    expect(new Date(entry['time'] as string).toISOString()).toBe(entry['time']);
    expect(entry).toEqual({
      time: entry['time'],
      level: 'info',
      message: 'a message',
      key: 'a/b',
      count: 3,
      ok: true,
      none: null,
      list: [1, 'x'],
    });
  });

  it('keeps fields that are named like its own, under another name', () => {
    expect(jsonOf({ message: 'x', level: 9, time: 0 })).toMatchObject({
      message: 'a message',
      level: 'info',
      field_message: 'x',
      field_level: 9,
      field_time: 0,
    });
  });

  it('shows an error by message, code and causes, with its stack at debug only', () => {
    const error = new KvsError('KVS_STORAGE_FAILED', 'no disk', {
      cause: new Error('write failed', { cause: Object.assign(new Error('io'), { code: 'EIO' }) }),
    });
    const shown = {
      message: 'no disk',
      code: 'KVS_STORAGE_FAILED',
      causes: [{ message: 'write failed' }, { message: 'io', code: 'EIO' }],
    };
    expect(jsonOf({ error })['error']).toEqual(shown);
    expect(jsonOf({ error }, { level: 'debug' })['error']).toEqual({
      ...shown,
      stack: expect.stringContaining('log.test.ts') as unknown,
    });
  });

  it('shows what JSON has no form for, and bounds what has no end', () => {
    const circular: unknown[] = [];
    circular.push(circular);
    const selfCaused = new Error('again');
    selfCaused.cause = selfCaused;
    const entry = jsonOf({
      big: 2n ** 64n,
      bytes: new Uint8Array(7),
      date: new Date(0),
      broken: new Date(NaN),
      url: new URL('http://127.0.0.1:1/'),
      infinite: Infinity,
      map: new Map([['a', 1]]),
      call: () => 1,
      circular,
      selfCaused,
      long: 'x'.repeat(10_000),
      many: Array.from({ length: 100 }, (_unused, i) => i),
      getter: {
        get fine() {
          return 1;
        },
        get bad(): never {
          throw new Error('no');
        },
      },
    });
    expect(entry).toMatchObject({
      big: '18446744073709551616',
      bytes: '(7 bytes)',
      date: '1970-01-01T00:00:00.000Z',
      broken: 'Invalid Date',
      url: 'http://127.0.0.1:1/',
      infinite: 'Infinity',
      map: [['a', 1]],
      call: '(function)',
      circular: [[[['…']]]],
      getter: { fine: 1, bad: '(unreadable)' },
    });
    expect((entry['selfCaused'] as { causes: unknown[] }).causes).toHaveLength(8);
    expect(entry['long']).toHaveLength(8_193);
    expect(entry['many']).toHaveLength(65);
  });
});

describe('A pretty entry', () => {
  it('has the time, the level, the message and then the fields', () => {
    expect(prettyOf({ url: 'http://127.0.0.1:80', why: 'two words', n: 1, o: { a: [1] } })).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}a message url=http:\/\/127\.0\.0\.1:80 why="two words" n=1 o=\{"a":\[1\]\}\n$/,
    );
  });

  it('is one line, and can not steer the terminal', () => {
    const { logger, stdout } = loggerWith({ format: 'pretty' });
    logger.info('a\nb\u001b[2J', { 'k\n': 'v\n\u009b', error: new Error('x\u0085y\ny') });
    expect(stdout.text.trimEnd()).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
    expect(stdout.text).toContain('a\\u000ab\\u001b[2J k\\u000a="v\\n\\u009b"');
  });

  it('shows the stack of an error below it, at debug only', () => {
    const error = new Error('no');
    expect(prettyOf({ error })).toMatch(/^.* a message error=\{"message":"no"\}\n$/);
    expect(prettyOf({ error }, 'debug')).toMatch(/^.* a message error=\{"message":"no"\}\n( {4}at .+\n)+$/);
  });

  it('has colours on a terminal that has them, and nowhere else', () => {
    const written = (colors: boolean): string => {
      const stdout = recorder({ isTTY: true, colors });
      loggerWith({ format: 'pretty', stdout }).logger.info('a message', { a: 1 });
      return stdout.text;
    };
    const coloured = written(true);
    expect(coloured).not.toBe(stripVTControlCharacters(coloured));
    const plain = written(false);
    expect(plain).toBe(stripVTControlCharacters(plain));
  });
});

describe('A logger', () => {
  it('writes debug and info to the standard output, warn and error to the standard error', () => {
    const { logger, stdout, stderr } = loggerWith({ level: 'debug' });
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level](level);
    const messages = (text: string): unknown[] =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { message: unknown }).message);
    expect(messages(stdout.text)).toEqual(['debug', 'info']);
    expect(messages(stderr.text)).toEqual(['warn', 'error']);
  });

  it.each([
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const)('at level %s writes %j', (level, expected) => {
    const output = recorder();
    const { logger } = loggerWith({ level, stdout: output, stderr: output });
    for (const each of ['debug', 'info', 'warn', 'error'] as const) logger[each](each);
    const levels = output.text.trimEnd().split('\n');
    expect(levels.map((line) => (JSON.parse(line) as { level: unknown }).level)).toEqual(expected);
  });

  it('with format auto is pretty on each stream that is a terminal', () => {
    const stdout = recorder({ isTTY: true });
    const { logger, stderr } = loggerWith({ format: 'auto', stdout });
    logger.info('a');
    logger.warn('b');
    expect(stdout.text).toMatch(/ INFO {2}a\n$/);
    expect(JSON.parse(stderr.text)).toMatchObject({ message: 'b' });
  });

  it('writes entries that repeat, each of them', () => {
    const { logger, stdout } = loggerWith();
    for (let i = 0; i < 50; i++) logger.info('again', { same: true });
    expect(stdout.text.trimEnd().split('\n')).toHaveLength(50);
  });

  it('never throws, and writes one line, whatever the fields hold', () => {
    const value = fc.oneof(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withNullPrototype: true,
        withSparseArray: true,
      }),
      fc.string().map((message) => new Error(message, { cause: message })),
      fc.constant(
        new Proxy(
          {},
          {
            ownKeys: () => {
              throw new Error('no');
            },
          },
        ),
      ),
      fc.constant(
        Object.defineProperty(new Error('x'), 'message', {
          get: () => {
            throw new Error('no');
          },
        }),
      ),
    );
    fc.assert(
      fc.property(
        fc.string(),
        fc.dictionary(fc.string(), value),
        fc.constantFrom('json', 'pretty'),
        (message, fields, format) => {
          const { logger, stdout } = loggerWith({ format });
          logger.info(message, fields);
          expect(stdout.text.split('\n')).toHaveLength(2);
          if (format === 'json') expect(JSON.parse(stdout.text)).toHaveProperty('time');
        },
      ),
      { numRuns: 300 },
    );
  });

  it('drops entries while a reader is too slow, and says how many with the next one', () => {
    const stdout = Object.assign(recorder(), { writableLength: 1_048_577 });
    const { logger, stderr } = loggerWith({ stdout });
    logger.info('unseen');
    logger.info('unseen');
    logger.warn('on another stream');
    expect(stdout.text).toBe('');
    expect(JSON.parse(stderr.text)).toMatchObject({ message: 'on another stream' });
    stdout.writableLength = 1_048_576;
    logger.info('seen', { a: 1 });
    logger.info('and again');
    const [first, second] = stdout.text.trimEnd().split('\n');
    expect(JSON.parse(first ?? '')).toMatchObject({ message: 'seen', a: 1, dropped_before: 2 });
    expect(JSON.parse(second ?? '')).not.toHaveProperty('dropped_before');
  });

  it('fills no memory when nobody reads a pipe', async () => {
    const script = `
      import { createLogger } from ${JSON.stringify(new URL('../src/log.ts', import.meta.url).href)};
      const { stdout, stderr } = process;
      const logger = createLogger({ level: 'info', format: 'json', stdout, stderr });
      for (let i = 0; i < 5_000; i++) logger.info('x'.repeat(1_000));
      stderr.write(String(stdout.writableLength), () => process.exit(0));
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let waiting = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (waiting += chunk));
    await once(child, 'exit');
    child.stdout.destroy();
    expect(Number(waiting)).toBeGreaterThan(0);
    expect(Number(waiting)).toBeLessThan(2 * 1_048_576);
  });

  it('goes on when a stream throws', () => {
    const stdout: LogStream = {
      write() {
        throw new Error('gone');
      },
    };
    const { logger } = loggerWith({ stdout });
    expect(() => logger.info('a')).not.toThrow();
  });
});
