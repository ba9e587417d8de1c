import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/cli/failure.ts';
import { operationIn } from '../../src/cli/import-line.ts';
import { startsNode } from '../../src/cli/invocation.ts';
import { secondsFrom, waitMsFrom } from '../../src/cli/seconds.ts';
import { urlsFrom } from '../../src/cli/urls.ts';

describe('What is started', () => {
  it.each([
    [[], true],
    [['node1.yaml'], true],
    [['start', 'get'], true],
    [['./get'], true],
    [['lsit'], true],
    [['get', 'a'], false],
    [['--url', 'start', 'get', 'a'], false],
    [['--json', 'health'], false],
    [['--help'], false],
    [['start', '-h'], false],
    [['node1.yaml', '--version'], false],
  ])('by %j is a node: %j', (args, isNode) => {
    expect(startsNode(args)).toBe(isNode);
  });
});

describe('A time', () => {
  it.each([
    ['30', 30],
    ['0.5', 0.5],
    ['15m', 900],
    ['12h', 43_200],
    ['7d', 604_800],
    ['1.5s', 1.5],
  ])('%s is %d seconds', (text, seconds) => {
    expect(secondsFrom('--ttl', text)).toBe(seconds);
  });

  it.each(['', '0', '-1', '1e3', '5 m', '5w', 'm', 'NaN', '12345678901'])('%j is none', (text) => {
    expect(() => secondsFrom('--ttl', text)).toThrow(UsageError);
  });

  it('to wait is one ms at least, and no longer than a timer can', () => {
    const waits = ['0.0001', '1.5', '2147483.647'].map((text) => waitMsFrom('--timeout', text));
    expect(waits).toEqual([1, 1_500, 2_147_483_647]);
    expect(() => waitMsFrom('--timeout', '2147483.648')).toThrow('--timeout is 24d at the most');
  });
});

describe('The nodes that are asked', () => {
  it('are those of the options, or of the environment, or the one on this machine', () => {
    expect(urlsFrom(['a:1', 'https://b/kvs'], 'c:1')).toEqual(['http://a:1', 'https://b/kvs']);
    expect(urlsFrom(undefined, ' a:1 ,http://[::1]:2,')).toEqual(['http://a:1', 'http://[::1]:2']);
    expect(urlsFrom(undefined, '')).toEqual(['http://127.0.0.1:8080']);
    expect(urlsFrom(undefined, undefined)).toEqual(['http://127.0.0.1:8080']);
  });

  it.each(['', 'ftp://a', 'http://', 'http://u:p@a', 'http://a/?x', 'http://a/#x', 'a:port'])(
    'are not %j',
    (url) => {
      expect(() => urlsFrom([url], undefined)).toThrow(UsageError);
    },
  );
});

describe('A line of an import', () => {
  const put = (line: string, nowMs = 0) => {
    const operation = operationIn(line, nowMs);
    return operation?.op === 'put' && 'data' in operation
      ? { ...operation, data: Buffer.from(operation.data).toString() }
      : operation;
  };

  it('keeps a value as it stands there, with its type', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const { data, contentType } = put(`{"bytes":1,"value": ${json} ,"uuid":"a","path":"p"}`) as Record<
          string,
          unknown
        >;
        expect({ data, contentType }).toEqual({ data: json.trim(), contentType: 'application/json' });
      }),
    );
    expect(put('{"path":"p","value_base64":"aGk=","content_type":"text/plain"}')).toMatchObject({
      data: 'hi',
      contentType: 'text/plain',
    });
  });

  it('has the time that is left until its value expires, or is left out', () => {
    expect(put('{"path":"p","value":1,"expires_at":2500}', 1_000)).toMatchObject({ ttlSeconds: 1.5 });
    expect(put('{"path":"p","value":1,"ttl":0.25}', 1_000)).toMatchObject({ ttlSeconds: 0.25 });
    expect(put('{"path":"p","value":1,"expires_at":1000}', 1_000)).toBeUndefined();
  });
});
