import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvsError, type KvsErrorCode } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { Member } from '../../src/core/membership.ts';
import {
  peerProtocol,
  type PeerCallName,
  type PeerReply,
  type PeerRequest,
} from '../../src/core/peer-calls.ts';
import {
  checkRecord,
  decodePosition,
  decodeReply,
  decodeRequest,
  decodeTable,
  encodePosition,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  encodeTable,
  type Envelope,
} from '../../src/peers/wire.ts';
import { foreign, path } from '../store/harness.ts';
import { callNames, calls, memberRecords, timeEntries } from './arbitraries.ts';

const envelope: Envelope = { cluster: 'kvs', from: { id: 'node1', storeId: 's1' }, to: 'node2' };

/** What a call throws; fails when it throws anything but a KvsError. */
function codeOf(call: () => unknown): KvsErrorCode | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof KvsError) return error.code;
    throw error;
  }
}

const request = (body: unknown, name = 'push', change: Record<number, unknown> = {}) => {
  const message: unknown[] = [peerProtocol, 'kvs', 'node1', 's1', 'node2', name, body];
  for (const [index, value] of Object.entries(change)) message[Number(index)] = value;
  return encode(message);
};

describe.each(callNames)('the call %s', (name: PeerCallName) => {
  it('arrives as it was sent, whatever the request', () => {
    fc.assert(
      fc.property(calls[name].request as fc.Arbitrary<PeerRequest<PeerCallName>>, (request) => {
        const decoded = decodeRequest(encodeRequest(envelope, name, request));
        expect(decoded).toEqual({ ...envelope, name, request });
      }),
      { numRuns: 50 },
    );
  });

  it('is answered as the answer was given, whatever the reply', () => {
    fc.assert(
      fc.property(calls[name].reply as fc.Arbitrary<PeerReply<PeerCallName>>, (reply) => {
        expect(decodeReply(name, encodeReply(reply))).toEqual(reply);
      }),
      { numRuns: 50 },
    );
  });

  it('fails with a KvsError, and nothing else, on anything in the place of its reply', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: false, maxDepth: 3 }), (junk) => {
        const code = codeOf(() => decodeReply(name, encodeAnything([0, junk])));
        expect([undefined, 'KVS_PEER_FAILED']).toContain(code);
      }),
      { numRuns: 50 },
    );
  });
});

/** What MessagePack can't encode becomes null. */
function encodeAnything(value: unknown): Uint8Array {
  try {
    return encode(value);
  } catch {
    return encode(null);
  }
}

describe('a message', () => {
  it('of any bytes at all is read or refused with a KvsError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        codeOf(() => decodeRequest(bytes));
        codeOf(() => decodeTable(bytes));
        codeOf(() => decodePosition(bytes));
        for (const name of callNames) codeOf(() => decodeReply(name, bytes));
      }),
    );
  });

  it('with one byte changed, or cut short, is read or refused with a KvsError', () => {
    const whole = encodeRequest(envelope, 'push', {
      versions: [{ path: path('a/b'), version: foreign() }],
      isRumour: false,
    });
    for (let at = 0; at < whole.length; at++) {
      expect(codeOf(() => decodeRequest(whole.slice(0, at)))).toBe('KVS_BAD_REQUEST');
      for (const value of [0, 0x7f, 0x80, 0xc1, 0xc7, 0xd9, 0xff]) {
        const changed = Uint8Array.from(whole);
        changed[at] = value;
        codeOf(() => decodeRequest(changed));
      }
    }
  });

  it.each([
    ['nothing', new Uint8Array()],
    [
      'a map that names a prototype',
      encode([peerProtocol, 'kvs', 'node1', 's1', null, 'leave', JSON.parse('{"__proto__":1}')]),
    ],
    ['more after its end', Buffer.concat([request(null, 'branches'), Buffer.from([0])])],
    ['an unknown call', request(null, 'toString')],
    ['no call', request(null, '')],
    ['no sender', request(null, 'branches', { 2: '' })],
    ['a sender that is too long', request(null, 'branches', { 2: 'ü'.repeat(128) })],
    ['a cluster that is no text', request(null, 'branches', { 1: 7 })],
    ['an empty receiver', request(null, 'branches', { 4: '' })],
  ])('with %s is refused', (_, message) => {
    expect(codeOf(() => decodeRequest(message))).toBe('KVS_BAD_REQUEST');
  });

  it('of another version of the protocol is refused as such, whatever follows', () => {
    for (const message of [[1], [0, 'kvs'], [99, {}, 'x', 1, 2, 3, 4, 5, 6]]) {
      expect(codeOf(() => decodeRequest(encode(message)))).toBe('KVS_OTHER_PROTOCOL');
    }
  });

  it('may be for whoever has the address', () => {
    expect(decodeRequest(encodeRequest({ ...envelope, to: null }, 'branches', null)).to).toBeNull();
  });

  it('larger than any node takes is not made', () => {
    const version = foreign({ data: new Uint8Array(limits.valueBytesCeiling) });
    const one = [{ path: path('a'), version }];
    expect(encodeReply<'push'>({ newer: one, hasConflict: false }).length).toBeLessThan(
      limits.messageBytesMax,
    );
    const more = { path: path('b'), version: foreign({ data: new Uint8Array(3 * 1_024 * 1_024) }) };
    expect(codeOf(() => encodeReply<'push'>({ newer: [...one, more], hasConflict: false }))).toBe(
      'KVS_VALUE_TOO_LARGE',
    );
  });
});

describe('a field out of bounds', () => {
  const version = (change: Record<number, unknown>) => {
    const fields: unknown[] = [
      'a',
      '00000000-0000-4000-8000-000000000001',
      1,
      0,
      'node1',
      0,
      0,
      false,
      null,
      'text/plain',
      new Uint8Array(1),
      null,
    ];
    for (const [index, value] of Object.entries(change)) fields[Number(index)] = value;
    return { versions: [fields], isRumour: false };
  };

  it('the version that the others are made from is fine', () => {
    expect(codeOf(() => decodeRequest(request(version({}))))).toBeUndefined();
  });

  it.each([
    ['a path with a double slash', { 0: 'a//b' }],
    ['a path that is no text', { 0: 1 }],
    ['a uuid in capitals', { 1: '00000000-0000-4000-8000-00000000000A' }],
    ['a timestamp past its bound', { 2: limits.timestampMsMax + 1 }],
    ['a timestamp that is no integer', { 2: 1.5 }],
    ['a timestamp that is no number', { 2: Number.NaN }],
    ['a timestamp past what a number holds', { 2: 2 ** 60 }],
    ['a negative counter', { 3: -1 }],
    ['a counter past its bound', { 3: limits.counterMax + 1 }],
    ['an origin that is too long', { 4: 'ü'.repeat(128) }],
    ['votes past their bound', { 6: limits.votesMax + 1 }],
    ['a flag that is a number', { 7: 1 }],
    ['an expiry before the epoch', { 8: -1 }],
    ['a content type that no header can carry', { 9: 'a\nb' }],
    ['data as text', { 10: 'x' }],
    ['a tombstone with data', { 7: true }],
    ['an encoding that nobody knows', { 11: 'br' }],
    ['an encoding that is a number', { 11: 0 }],
    ['data that is not in the encoding that it names', { 11: 'gzip' }],
    ['a field too many', { 12: 0 }],
  ])('%s is refused', (_, change) => {
    expect(codeOf(() => decodeRequest(request(version(change))))).toBe('KVS_BAD_REQUEST');
  });

  const record = {
    id: 'a',
    address: 'h:1',
    storeId: 's',
    joinedTimestamp: 0,
    incarnation: 0,
    state: 'alive',
  };
  it.each([
    ['an empty id', { id: '' }],
    ['an address without a port', { address: 'host' }],
    ['an address with a slash', { address: 'http://host:1' }],
    ['an address that is too long', { address: `${'h'.repeat(300)}:1` }],
    ['an incarnation past its bound', { incarnation: limits.incarnationMax + 1 }],
    ['a negative incarnation', { incarnation: -1 }],
    ['an unknown state', { state: 'asleep' }],
    ['an empty store id', { storeId: '' }],
    ['a store id that is too long', { storeId: 's'.repeat(65) }],
  ])('%s is refused in a member, in news and in a handshake', (_, change) => {
    const member = { ...record, ...change };
    expect(codeOf(() => decodeRequest(request({ records: [member], forgotten: [] }, 'ping')))).toBe(
      'KVS_BAD_REQUEST',
    );
    expect(codeOf(() => checkRecord(member as Member))).toBe('KVS_BAD_REQUEST');
  });

  it.each([
    [
      'more members than there can be',
      'ping',
      { records: Array.from({ length: limits.membersMax + 1 }, () => record), forgotten: [] },
    ],
    ['a leaf past the last one', 'entries', { leaves: [65_536] }],
    ['a branch past the last one', 'leaves', { branches: [256] }],
    [
      'more branches than one request compares',
      'leaves',
      { branches: Array(limits.comparedBranchesMax + 1).fill(0) },
    ],
    [
      'more selections than a page',
      'fetch',
      {
        selections: Array.from({ length: limits.pageItemsMax + 1 }, () => ({
          leaf: 0,
          hashes: new Uint8Array(),
        })),
      },
    ],
    [
      'more hashes than a page, over several leaves',
      'fetch',
      {
        selections: [
          { leaf: 0, hashes: new Uint8Array(limits.pageItemsMax * 8) },
          { leaf: 1, hashes: new Uint8Array(8) },
        ],
      },
    ],
    [
      'more entries among the newest than a page',
      'compare',
      { sequence: 0, root: new Uint8Array(16), newest: new Uint8Array((limits.pageItemsMax + 1) * 28) },
    ],
    [
      'more forgotten stores than are remembered',
      'ping',
      { records: [], forgotten: Array(limits.forgottenMax + 1).fill('s') },
    ],
    ['half a hash', 'fetch', { selections: [{ leaf: 0, hashes: new Uint8Array(4) }] }],
    ['more paths than a page', 'vote', { paths: Array(limits.pageItemsMax + 1).fill('a') }],
    [
      'a digest of another length',
      'compare',
      { sequence: 0, root: new Uint8Array(15), newest: new Uint8Array() },
    ],
    ['half a leaf entry', 'compare', { sequence: 0, root: new Uint8Array(16), newest: new Uint8Array(27) }],
    ['a sequence past its bound', 'complete', { holds: limits.sequenceMax + 1, sequence: 0, storeId: 's' }],
    ['no deadline', 'probe', { id: 'a', deadlineMs: 0 }],
    ['a deadline past its bound', 'probe', { id: 'a', deadlineMs: 60_001 }],
  ])('%s is refused', (_, name, body) => {
    expect(codeOf(() => decodeRequest(request(body, name)))).toBe('KVS_BAD_REQUEST');
  });

  it.each([
    ['a row of digests of another length', 'branches', { digests: new Uint8Array(16) }],
    ['half a leaf entry', 'entries', { listings: [{ leaf: 0, entries: new Uint8Array(27) }] }],
    ['a version out of bounds', 'fetch', { ...version({ 2: -1 }), isComplete: true }],
  ] as const)('%s makes a failure of the peer in a reply', (_, name, body) => {
    expect(codeOf(() => decodeReply(name, encode([0, body])))).toBe('KVS_PEER_FAILED');
  });

  it.each([
    ['text', 8_192, (length: number) => 'x'.repeat(length)],
    ['list', 65_536, (length: number) => Array(length).fill(0)],
    ['map', 64, (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [i, i]))],
  ])('a %s longer than %i is refused even where nobody looks at it', (_, lengthMax, make) => {
    const codeWith = (later: unknown) =>
      codeOf(() => decodeRequest(request({ incarnation: 1, later }, 'leave')));
    expect(codeWith(make(lengthMax))).toBeUndefined();
    expect(codeWith(make(lengthMax + 1))).toBe('KVS_BAD_REQUEST');
  });

  it('an unknown field is ignored, so that a later release may add one', () => {
    const decoded = decodeRequest(request({ incarnation: 3, reason: 'tired' }, 'leave'));
    expect(decoded.request).toEqual({ incarnation: 3 });
  });
});

describe('a refusal', () => {
  it.each([
    'KVS_OTHER_CLUSTER',
    'KVS_OTHER_PROTOCOL',
    'KVS_OTHER_MEMBER',
    'KVS_DUPLICATE_ID',
    'KVS_FORGOTTEN',
    'KVS_OVERLOADED',
    'KVS_NOT_READY',
  ] as const)('keeps its code %s and its reason', (code) => {
    const refuse = () => decodeReply('branches', encodeRefusal(new KvsError(code, 'because')));
    expect(codeOf(refuse)).toBe(code);
    expect(refuse).toThrow('because');
  });

  it('with a code that concerns the peer alone is a failure of the peer', () => {
    for (const code of ['KVS_BAD_REQUEST', 'KVS_STORAGE_FULL', 'KVS_CONFIG'] as const) {
      expect(codeOf(() => decodeReply('branches', encodeRefusal(new KvsError(code, ''))))).toBe(
        'KVS_PEER_FAILED',
      );
    }
  });

  it('fits into a message however long its reason is', () => {
    const refusal = encodeRefusal(new KvsError('KVS_FORGOTTEN', '🧦'.repeat(100_000)));
    expect(refusal.length).toBeLessThan(8_192);
    expect(codeOf(() => decodeReply('branches', refusal))).toBe('KVS_FORGOTTEN');
  });
});

describe('what is kept on disk', () => {
  const members = fc
    .tuple(memberRecords, fc.nat())
    .map(([record, lastSeen]): Member => ({ ...record, lastSeen }));

  it('the member table comes back as it was saved', () => {
    const tables = fc.record({
      storeId: fc.constantFrom('s1', 's2'),
      incarnation: fc.nat(),
      members: fc.array(members, { maxLength: 4 }),
      forgotten: fc.array(fc.uuid(), { maxLength: 4 }),
      claims: fc.array(fc.tuple(fc.uuid(), fc.nat()), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(tables, (table) => {
        expect(decodeTable(encodeTable(table))).toEqual(table);
      }),
    );
  });

  it('a position comes back as it was saved, the end too', () => {
    fc.assert(
      fc.property(fc.option(timeEntries, { nil: null }), (position) => {
        expect(decodePosition(encodePosition(position))).toEqual(position);
      }),
    );
  });

  it('a version of the message owns its bytes: it does not keep the message in memory', () => {
    const message = encodeRequest(envelope, 'push', {
      versions: [{ path: path('a'), version: foreign() }],
      isRumour: true,
    });
    const decoded = decodeRequest(message);
    if (decoded.name !== 'push') throw new Error('another call');
    const [first] = decoded.request.versions;
    expect(first?.version.data.buffer.byteLength).toBe(foreign().data.length);
    expect(decode(message)).toBeDefined();
  });
});
