import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvsError, type KvsErrorCode } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { Member, MemberRecord } from '../../src/core/membership.ts';
import type { MembershipNews } from '../../src/core/peer-calls.ts';
import type { MembershipChange } from '../../src/core/ports.ts';
import { MemberTable, shownAfterGoneMs, type MemberTableOptions } from '../../src/peers/member-table.ts';
import { ManualTimers } from '../manual-timers.ts';
import { FixedClock, hourMs, RecordingLogger } from '../store/harness.ts';

class TableUnderTest {
  readonly clock = new FixedClock();
  readonly logger = new RecordingLogger();
  readonly changes: string[] = [];
  readonly timers = new ManualTimers();
  readonly saves: Uint8Array[] = [];
  readonly table: MemberTable;

  constructor(overrides: Partial<MemberTableOptions> = {}) {
    this.table = new MemberTable({
      self: { id: 'self', address: 'self:1', storeId: 'store-self', joinedTimestamp: 1 },
      clock: this.clock,
      timers: this.timers,
      logger: this.logger,
      saved: undefined,
      forgetAfterMs: 0,
      save: async (bytes) => void this.saves.push(bytes),
      ...overrides,
    });
    this.table.onChange(({ change, member }: MembershipChange) =>
      this.changes.push(`${member.id} ${change}`),
    );
  }

  hear(...records: MemberRecord[]): void {
    this.table.merge({ records, forgotten: [] });
  }

  /** What a table that starts from what this one saved last knows. */
  async restarted(overrides: Partial<MemberTableOptions> = {}): Promise<TableUnderTest> {
    await this.table.saved();
    return new TableUnderTest({ saved: this.saves.at(-1), ...overrides });
  }
}

const record = (id: string, change: Partial<MemberRecord> = {}): MemberRecord => ({
  id,
  address: `${id}:1`,
  storeId: `store-${id}`,
  joinedTimestamp: 1,
  incarnation: 0,
  state: 'alive',
  ...change,
});

const member = (id: string, change: Partial<Member> = {}): Member => ({
  ...record(id),
  lastSeen: 0,
  ...change,
});

function codeOf(call: () => unknown): KvsErrorCode | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof KvsError) return error.code;
    throw error;
  }
}

const rejectionOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: KvsError) => error.code,
  );

const recordsOf = (table: MemberTable) => table.news().records.toSorted((a, b) => (a.id < b.id ? -1 : 1));

/** Tells each of two tables what the other one knows until neither learns anything; fails when that never ends. */
function tellEachOther(a: MemberTable, b: MemberTable): void {
  for (let round = 0; round < 5; round++) {
    if (a.digest() === b.digest()) return;
    a.merge(b.news());
    b.merge(a.news());
  }
  throw new Error('two tables never agree');
}

describe('what a table hears', () => {
  it('makes members known, and tells the actors of each change once', () => {
    const { table, changes } = new TableUnderTest();
    table.merge({ records: [record('b')], forgotten: [] });
    table.merge({ records: [record('b')], forgotten: [] });
    table.suspect('b');
    table.suspect('b');
    table.bury('b');
    table.bury('b');
    expect(changes).toEqual(['b joined', 'b suspected', 'b failed']);
    expect(table.present()).toEqual([]);
    expect(table.absent().map(({ id, state }) => [id, state])).toEqual([['b', 'dead']]);
  });

  it('gives nobody up who was not suspected before', () => {
    const { table } = new TableUnderTest();
    table.merge({ records: [record('b')], forgotten: [] });
    table.bury('b');
    expect(table.get('b')?.state).toBe('alive');
  });

  it('a suspected member refutes it with a later incarnation, and with nothing else', () => {
    const t = new TableUnderTest();
    t.hear(record('b', { incarnation: 4 }));
    t.table.suspect('b');
    t.hear(record('b', { incarnation: 4 }), record('b', { incarnation: 3 }));
    expect(t.table.get('b')?.state).toBe('suspect');
    t.hear(record('b', { incarnation: 5 }));
    expect(t.table.get('b')?.state).toBe('alive');
    expect(t.changes).toEqual(['b joined', 'b suspected', 'b refuted']);
  });

  it('a stale word of life never revives a dead member, nor one that has left', () => {
    for (const state of ['dead', 'left'] as const) {
      const t = new TableUnderTest();
      t.hear(
        record('b', { incarnation: 4, state }),
        record('b', { incarnation: 4 }),
        record('b', { incarnation: 1 }),
      );
      expect(t.table.get('b')?.state).toBe(state);
    }
  });

  it('a member that leaves has left, and did not fail; a later start brings it back', async () => {
    const t = new TableUnderTest();
    t.hear(record('b'));
    await t.table.leave('b', 0);
    t.table.suspect('b');
    t.table.bury('b');
    expect(t.table.get('b')?.state).toBe('left');
    t.hear(record('b', { incarnation: 1 }));
    expect(t.changes).toEqual(['b joined', 'b left', 'b recovered']);
    expect(await rejectionOf(t.table.leave('nobody', 0))).toBe('KVS_MEMBER_NOT_FOUND');
  });

  it('a late goodbye of an earlier life changes nothing', async () => {
    const t = new TableUnderTest();
    t.hear(record('b', { incarnation: 7 }));
    await t.table.leave('b', 6);
    expect(t.table.get('b')?.state).toBe('alive');
  });

  it('the same id at a new address, with a later incarnation, is the same member, and is looked at again', () => {
    const t = new TableUnderTest();
    t.hear(record('b'), record('b', { incarnation: 1, address: 'elsewhere:9' }));
    expect(t.table.get('b')?.address).toBe('elsewhere:9');
    expect(t.changes).toEqual(['b joined', 'b recovered']);
    t.hear(record('b', { incarnation: 0, address: 'zzz:1' }));
    expect(t.table.get('b')?.address).toBe('elsewhere:9');
  });

  it('a quick restart of a member, noticed by nobody, is no change', () => {
    const t = new TableUnderTest();
    t.hear(record('b'), record('b', { incarnation: 1 }));
    expect(t.table.get('b')?.incarnation).toBe(1);
    expect(t.changes).toEqual(['b joined']);
  });

  it('is the same at two nodes, whatever they heard in whatever order, once they told each other', () => {
    const records = fc.record({
      id: fc.constantFrom('b', 'c'),
      address: fc.constantFrom('h:1', 'h:2'),
      storeId: fc.constantFrom('s1', 's2', 's3'),
      joinedTimestamp: fc.constant(0),
      incarnation: fc.integer({ min: 0, max: 3 }),
      state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
    });
    const news = fc.oneof(
      { weight: 5, arbitrary: records.map((one): MembershipNews => ({ records: [one], forgotten: [] })) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom('s1', 's2', 's3')
          .map((storeId): MembershipNews => ({ records: [], forgotten: [storeId] })),
      },
    );
    const heard = fc
      .array(news, { maxLength: 12 })
      .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    fc.assert(
      fc.property(heard, ([list, shuffled]) => {
        const [a, b] = [new TableUnderTest().table, new TableUnderTest().table];
        // Of one node, so that only what they heard can differ.
        for (const one of list) a.merge(one);
        for (const one of shuffled) b.merge(one);
        tellEachOther(a, b);
        expect(recordsOf(a)).toEqual(recordsOf(b));
        const stores = recordsOf(a).map(({ storeId }) => storeId);
        expect(new Set(stores).size).toBe(stores.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('without new stores and without forgetting is the same at once, in any order, any number of times', () => {
    const records = fc.record({
      id: fc.constantFrom('b', 'c', 'd'),
      address: fc.constantFrom('h:1', 'h:2'),
      incarnation: fc.integer({ min: 0, max: 3 }),
      state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
    });
    const heard = fc
      .array(
        records.map((one): MemberRecord => ({ ...one, storeId: `s-${one.id}`, joinedTimestamp: 0 })),
        { maxLength: 12 },
      )
      .chain((list) =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
      );
    fc.assert(
      fc.property(heard, ([list, shuffled]) => {
        const [a, b] = [new TableUnderTest(), new TableUnderTest()];
        a.hear(...list);
        b.hear(...shuffled);
        expect(a.table.digest()).toBe(b.table.digest());
        expect(recordsOf(a.table)).toEqual(recordsOf(b.table));
      }),
    );
  });

  it('has a digest that changes with every part of it', () => {
    const t = new TableUnderTest();
    const digests = new Set([t.table.digest()]);
    const changes = [
      () => t.hear(record('b')),
      () => t.hear(record('b', { incarnation: 1 })),
      () => t.table.suspect('b'),
      () => t.table.bury('b'),
      () => t.table.merge({ records: [], forgotten: ['store-x'] }),
      () => t.table.setAddress('self:2'),
    ];
    for (const change of changes) {
      change();
      digests.add(t.table.digest());
    }
    expect(digests.size).toBe(changes.length + 1);
    t.table.noteContact('b');
    expect(digests.has(t.table.digest())).toBe(true);
  });
});

describe('what is said of the node itself', () => {
  it.each(['suspect', 'dead', 'left'] as const)(
    'that it is %s it refutes, with an incarnation above',
    (state) => {
      const t = new TableUnderTest();
      t.hear({ ...record('self', { incarnation: 6, state }), storeId: 'store-self', address: 'self:1' });
      expect(t.table.self).toMatchObject({ incarnation: 7, state: 'alive' });
      expect(t.table.takeRumours(10, 1).records).toMatchObject([{ id: 'self', incarnation: 7 }]);
    },
  );

  it('in a later life of its own, which it has no memory of, it lives through that one too', () => {
    const t = new TableUnderTest();
    t.hear(record('self', { incarnation: 9, address: 'old:1' }));
    expect(t.table.self).toMatchObject({ incarnation: 10, address: 'self:1' });
  });

  it('in an earlier life it ignores', () => {
    const t = new TableUnderTest();
    t.table.setAddress('self:2');
    const { incarnation } = t.table.self;
    t.hear(record('self', { incarnation: incarnation - 1, state: 'dead' }));
    expect(t.table.self.incarnation).toBe(incarnation);
  });

  it('that another living node has its id makes a refusal, and no war of incarnations', () => {
    const t = new TableUnderTest();
    t.hear(record('self', { incarnation: 3, storeId: 'another' }));
    expect(t.table.self.incarnation).toBe(0);
    expect(t.table.refusal?.code).toBe('KVS_DUPLICATE_ID');
    t.table.noteRefusal(undefined);
    expect(t.table.refusal).toBeUndefined();
  });

  it('by the record of its own lost disk, which is dead, is outlived', () => {
    const t = new TableUnderTest();
    t.hear(record('self', { incarnation: 3, storeId: 'old-disk', state: 'dead' }));
    expect(t.table.self).toMatchObject({ incarnation: 4, storeId: 'store-self' });
  });

  it('after its goodbye it does not take back', () => {
    const t = new TableUnderTest();
    t.table.announceLeave();
    t.hear(record('self', { incarnation: 5, state: 'dead' }));
    expect(t.table.self).toMatchObject({ incarnation: 0, state: 'left' });
    expect(t.table.takeRumours(1, 1).records).toMatchObject([{ state: 'left' }]);
  });

  it('never drives its incarnation past what a record can carry', () => {
    const t = new TableUnderTest();
    t.hear(record('self', { incarnation: limits.incarnationMax, state: 'dead' }));
    expect(t.table.self.incarnation).toBe(limits.incarnationMax);
  });

  it('a new address reaches those who know the old one, whichever sorts first', () => {
    for (const address of ['a:1', 'z:1']) {
      const [t, other] = [new TableUnderTest(), new TableUnderTest({ self: member('other') })];
      other.table.merge(t.table.news());
      t.table.setAddress(address);
      other.table.merge(t.table.news());
      expect(other.table.get('self')?.address).toBe(address);
    }
  });
});

describe('a restart', () => {
  it('keeps members, forgotten stores and claims, and begins a new life', async () => {
    const t = new TableUnderTest();
    t.hear(record('b'), record('c', { state: 'dead' }));
    t.table.merge({ records: [], forgotten: ['store-x'] });
    t.table.noteClaim('store-b', 12);
    t.table.noteClaim('store-c', 5);
    const again = await t.restarted();
    expect(again.table.self.incarnation).toBe(1);
    expect(again.table.get('b')).toMatchObject(record('b'));
    expect(again.table.absent().map(({ id }) => id)).toEqual(['c']);
    expect(codeOf(() => again.table.admit({ id: 'x', storeId: 'store-x' }))).toBe('KVS_FORGOTTEN');
    expect(again.table.leastClaim(100)).toEqual({ sequence: 5, member: 'c' });
  });

  it('raises the incarnation each time, although nothing else ever changed', async () => {
    let t = new TableUnderTest();
    for (let incarnation = 1; incarnation < 4; incarnation++) {
      t = await t.restarted();
      expect(t.table.self.incarnation).toBe(incarnation);
    }
  });

  it('gets past a funeral that was held meanwhile', async () => {
    const t = new TableUnderTest();
    const other = new TableUnderTest({ self: member('other') });
    other.table.merge(t.table.news());
    other.table.suspect('self');
    other.table.bury('self');
    const again = await t.restarted();
    tellEachOther(again.table, other.table);
    expect(other.table.get('self')).toMatchObject({
      state: 'alive',
      incarnation: again.table.self.incarnation,
    });
  });

  it('as another store forgets what others claimed to hold of the one before', async () => {
    const t = new TableUnderTest();
    t.hear(record('b'));
    t.table.noteClaim('store-b', 12);
    const again = await t.restarted({ self: { ...record('self'), storeId: 'store-anew' } });
    expect(again.table.leastClaim(100)).toEqual({ sequence: 0, member: 'b' });
  });

  it('under a new name does not find itself among the others, and its old name goes everywhere', async () => {
    const t = new TableUnderTest();
    const other = new TableUnderTest({ self: member('other') });
    tellEachOther(t.table, other.table);
    other.table.noteClaim('store-self', 7);
    const again = await t.restarted({ self: { ...record('renamed'), storeId: 'store-self' } });
    tellEachOther(again.table, other.table);
    expect(recordsOf(again.table).map(({ id }) => id)).toEqual(['other', 'renamed']);
    expect(other.table.leastClaim(100)).toEqual({ sequence: 7, member: 'renamed' });
    expect(codeOf(() => other.table.admit({ id: 'renamed', storeId: 'store-self' }))).toBeUndefined();
    other.table.merge(t.table.news());
    expect(other.table.get('self')).toBeUndefined();
  });
});

describe('a store that takes the place of another one', () => {
  it('of a dead member with its id is admitted, takes its place everywhere, and the old store is forgotten', async () => {
    const t = new TableUnderTest();
    t.hear(record('b', { incarnation: 4, state: 'dead' }));
    t.table.noteClaim('store-b', 9);
    const fresh = new TableUnderTest({ self: { ...record('b'), storeId: 'new-disk' } });
    expect(codeOf(() => t.table.admit({ id: 'b', storeId: 'new-disk' }))).toBeUndefined();
    tellEachOther(fresh.table, t.table);
    expect(t.table.get('b')).toMatchObject({ storeId: 'new-disk', state: 'alive', incarnation: 5 });
    expect(codeOf(() => t.table.admit({ id: 'b', storeId: 'store-b' }))).toBe('KVS_FORGOTTEN');
    expect(codeOf(() => fresh.table.admit({ id: 'b', storeId: 'store-b' }))).toBe('KVS_FORGOTTEN');
    expect(t.table.leastClaim(100)).toEqual({ sequence: 0, member: 'b' });
    expect(t.changes).toEqual(['b forgotten', 'b joined']);
  });

  it('of a living member with its id is refused', async () => {
    const t = new TableUnderTest();
    t.hear(record('b'));
    t.table.suspect('b');
    for (const call of [
      () => t.table.admit({ id: 'b', storeId: 'another' }),
      () => t.table.admit({ id: 'self', storeId: 'another' }),
    ]) {
      expect(codeOf(call)).toBe('KVS_DUPLICATE_ID');
    }
    expect(await rejectionOf(t.table.join(member('b', { storeId: 'another' })))).toBe('KVS_DUPLICATE_ID');
    expect(t.table.get('b')?.storeId).toBe('store-b');
  });

  it('of a living member, heard of by gossip, forgets nobody: the loser may be given another name', () => {
    const t = new TableUnderTest();
    t.hear(record('b'), record('b', { storeId: 'store-z', incarnation: 1 }));
    expect(t.table.get('b')?.storeId).toBe('store-z');
    expect(codeOf(() => t.table.admit({ id: 'c', storeId: 'store-b' }))).toBeUndefined();
  });
});

describe('forgetting', () => {
  it('refuses a node whose member is unknown, alive, suspected or itself', async () => {
    const t = new TableUnderTest();
    t.hear(record('b'));
    expect(await rejectionOf(t.table.forget('nobody'))).toBe('KVS_MEMBER_NOT_FOUND');
    expect(await rejectionOf(t.table.forget('b'))).toBe('KVS_MEMBER_ALIVE');
    t.table.suspect('b');
    expect(await rejectionOf(t.table.forget('b'))).toBe('KVS_MEMBER_ALIVE');
    expect(await rejectionOf(t.table.forget('self'))).toBe('KVS_MEMBER_ALIVE');
  });

  it('drops a dead member for good: no gossip revives it, its store is refused, its claim counts no more', async () => {
    const t = new TableUnderTest();
    t.hear(record('b', { state: 'dead' }));
    await t.table.forget('b');
    t.hear(record('b', { incarnation: 9 }));
    expect(t.table.get('b')).toBeUndefined();
    expect(codeOf(() => t.table.admit({ id: 'b', storeId: 'store-b' }))).toBe('KVS_FORGOTTEN');
    expect(codeOf(() => t.table.admit({ id: 'new name', storeId: 'store-b' }))).toBe('KVS_FORGOTTEN');
    expect(t.table.leastClaim(10)).toEqual({ sequence: 10, member: undefined });
    expect(t.changes).toEqual(['b forgotten']);
    const again = await t.restarted();
    again.hear(record('b', { incarnation: 9 }));
    expect(again.table.get('b')).toBeUndefined();
  });

  it('travels to the others, as a rumour and with everything that is known', async () => {
    const t = new TableUnderTest();
    t.hear(record('b', { state: 'dead' }));
    await t.table.forget('b');
    expect(t.table.takeRumours(10, 1).forgotten).toEqual(['store-b']);
    const other = new TableUnderTest({ self: member('other') });
    other.hear(record('b'));
    other.table.merge(t.table.news());
    expect(other.table.get('b')).toBeUndefined();
    expect(other.changes).toContain('b forgotten');
  });

  it('never concerns the store of the node itself', () => {
    const t = new TableUnderTest();
    t.table.merge({ records: [], forgotten: ['store-self'] });
    expect(t.table.news().forgotten).toEqual([]);
  });

  it('lets a node of the same id join anew with another store', async () => {
    const t = new TableUnderTest();
    t.hear(record('b', { incarnation: 8, state: 'dead' }));
    await t.table.forget('b');
    t.hear(record('b', { storeId: 'new-disk' }));
    expect(t.table.get('b')).toMatchObject({ storeId: 'new-disk', state: 'alive' });
  });

  it('that cannot be made durable fails', async () => {
    const t = new TableUnderTest({ save: () => Promise.reject(new Error('no disk')) });
    t.hear(record('b', { state: 'dead' }));
    await expect(t.table.forget('b')).rejects.toThrow('no disk');
  });

  it('of those gone for long happens by itself, when so configured, and never otherwise', () => {
    for (const [forgetAfterMs, left] of [
      [48 * hourMs, 0],
      [0, 1],
    ] as const) {
      const t = new TableUnderTest({ forgetAfterMs });
      t.hear(record('b', { state: 'dead' }));
      for (let hour = 0; hour <= 48; hour++) {
        expect(t.table.absent()).toHaveLength(1);
        t.clock.ms += hourMs;
        t.table.forgetLongGone();
      }
      expect(t.table.absent()).toHaveLength(left);
    }
  });

  it('of those gone for long counts from the last sign of life', () => {
    const t = new TableUnderTest({ forgetAfterMs: 2 * hourMs });
    t.hear(record('b', { state: 'dead' }));
    for (let hour = 0; hour < 10; hour++) {
      t.clock.ms += hourMs;
      t.table.noteContact('b');
      t.table.forgetLongGone();
    }
    expect(t.table.absent()).toHaveLength(1);
  });

  it('of those gone for long counts no time before a start', async () => {
    const t = new TableUnderTest();
    t.hear(record('b', { state: 'dead' }));
    t.clock.ms += 9e11;
    const late = await t.restarted({ forgetAfterMs: hourMs / 2, clock: t.clock });
    late.table.forgetLongGone();
    expect(late.table.absent()).toHaveLength(1);
  });

  it('is refused when no more stores can be remembered', async () => {
    const t = new TableUnderTest();
    t.table.merge({
      records: [],
      forgotten: Array.from({ length: limits.forgottenMax }, (_, i) => `gone-${i}`),
    });
    t.hear(record('b', { state: 'dead' }));
    expect(await rejectionOf(t.table.forget('b'))).toBe('KVS_OVERLOADED');
    expect(t.table.get('b')).toBeDefined();
  });

  it('beyond that is ignored in news, and left undone for those gone for long, with one warning', () => {
    const t = new TableUnderTest({ forgetAfterMs: hourMs / 2 });
    t.hear(record('b', { state: 'dead' }));
    const forgotten = Array.from({ length: limits.forgottenMax + 2 }, (_, i) => `gone-${i}`);
    t.table.merge({ records: [], forgotten });
    t.clock.ms += hourMs;
    t.table.forgetLongGone();
    expect(t.table.news().forgotten).toEqual(forgotten.slice(0, limits.forgottenMax));
    expect(t.table.get('b')).toBeDefined();
    expect(t.logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});

describe('rumours', () => {
  it('are told more often in a larger cluster', () => {
    for (const [others, told] of [
      [8, 6],
      [9, 12],
    ] as const) {
      const t = new TableUnderTest();
      for (let i = 0; i < others; i++) t.hear(record(`m${i}`));
      let times = 0;
      for (; t.table.hasRumours; times++) {
        expect(t.table.takeRumours(1_000, 1).records).toHaveLength(others + 1);
      }
      expect(times).toBe(told);
    }
  });

  it('bring what is known now, and begin anew when it changes', () => {
    const t = new TableUnderTest();
    t.hear(record('b'));
    while (t.table.hasRumours) t.table.takeRumours(10, 1);
    let heard = 0;
    t.table.onRumour(() => heard++);
    t.table.suspect('b');
    expect(heard).toBe(1);
    expect(t.table.takeRumours(10, 1).records).toMatchObject([{ id: 'b', state: 'suspect' }]);
  });

  it('about a member tell nothing of when this node saw it', () => {
    const t = new TableUnderTest();
    t.hear(record('b'));
    for (const told of [t.table.takeRumours(10, 1).records, t.table.news().records]) {
      for (const one of told) expect(Object.keys(one)).not.toContain('lastSeen');
    }
  });
});

describe('claims', () => {
  it('the least counts, of the dead and of those that left too; who claims nothing holds everything back', () => {
    const t = new TableUnderTest();
    expect(t.table.leastClaim(50)).toEqual({ sequence: 50, member: undefined });
    t.hear(record('b'), record('c', { state: 'dead' }), record('d', { state: 'left' }));
    t.table.noteClaim('store-b', 40);
    t.table.noteClaim('store-c', 20);
    expect(t.table.leastClaim(50)).toEqual({ sequence: 0, member: 'd' });
    t.table.noteClaim('store-d', 30);
    expect(t.table.leastClaim(50)).toEqual({ sequence: 20, member: 'c' });
    t.table.noteClaim('store-c', 90);
    t.table.noteClaim('store-d', 90);
    t.table.noteClaim('store-b', 90);
    expect(t.table.leastClaim(50)).toEqual({ sequence: 50, member: undefined });
  });

  it('of stores that no member has are not kept', async () => {
    const t = new TableUnderTest();
    for (let i = 0; i < 100; i++) t.table.noteClaim(`stranger-${i}`, 1);
    await t.table.saved();
    expect(t.saves.at(-1)?.length).toBeLessThan(200);
  });
});

describe('many members', () => {
  it('more than the bound are refused at the door and ignored in gossip, with one warning', async () => {
    const t = new TableUnderTest();
    for (let i = 1; i < limits.membersMax; i++) t.hear(record(`m${i}`));
    t.hear(record('one'), record('two'));
    expect(t.table.news().records).toHaveLength(limits.membersMax);
    expect(await rejectionOf(t.table.join(member('one')))).toBe('KVS_OVERLOADED');
    expect(t.logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    t.hear(record('m1', { incarnation: 1 }));
    expect(t.table.get('m1')?.incarnation).toBe(1);
    t.table.suspect('m2');
    t.table.bury('m2');
    await t.table.forget('m2');
    await t.table.join(member('one'));
    expect(t.table.get('one')).toBeDefined();
  });
});

describe('the public list', () => {
  it('shows the node itself and all that are present, and hides the others ten minutes after their last sign of life', () => {
    const t = new TableUnderTest();
    t.hear(record('b'), record('c'), record('d'));
    t.table.suspect('b');
    t.table.suspect('c');
    t.table.bury('c');
    t.clock.ms += shownAfterGoneMs - 1;
    expect(t.table.list().map(({ id, state }) => `${id} ${state}`)).toEqual([
      'self alive',
      'b suspect',
      'c dead',
      'd alive',
    ]);
    t.clock.ms += 1;
    expect(t.table.list().map(({ id }) => id)).toEqual(['self', 'b', 'd']);
    expect(t.table.get('c')?.state).toBe('dead');
    expect(t.table.list()[0]?.lastSeen).toBe(t.clock.ms);
  });

  it('survives a clock that goes backwards', () => {
    const t = new TableUnderTest();
    t.hear(record('b', { state: 'dead' }));
    t.clock.ms -= hourMs;
    expect(t.table.list().map(({ id }) => id)).toEqual(['self', 'b']);
  });
});

describe('a handshake', () => {
  it('takes a node in and answers with everybody', async () => {
    const t = new TableUnderTest();
    t.hear(record('b', { state: 'dead' }));
    const known = await t.table.join(member('c'));
    expect(known.map(({ id }) => id).toSorted()).toEqual(['b', 'c', 'self']);
  });

  it('refuses the id of the node itself, and what other nodes would not take in', async () => {
    const t = new TableUnderTest();
    expect(await rejectionOf(t.table.join(member('self', { storeId: 'store-self' })))).toBe(
      'KVS_BAD_REQUEST',
    );
    const address = `${'h'.repeat(400)}:1`;
    expect(await rejectionOf(t.table.join(member('c', { address })))).toBe('KVS_BAD_REQUEST');
    expect(t.table.get('c')).toBeUndefined();
  });
});
