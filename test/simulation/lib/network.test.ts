import { beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint } from './endpoint.ts';
import { healthyLink, type LinkFaults } from './link-faults.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { World } from './world.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** One way always takes exactly 10 ms. */
const even: LinkFaults = { ...healthyLink, delay: { minMs: 10, meanMs: 10, maxMs: 10 } };

let world: World;
/** The endpoints of the nodes a, b and c, which answer each request with its echo. */
let ends: Record<string, Endpoint>;
/** What the nodes were asked, in order. */
let asked: string[];

beforeEach(async () => {
  world = new World({ seed: 1, callsMax: 50_000, inFlightMax: 50_000 });
  world.network.setFaults(even);
  ends = {};
  asked = [];
  for (const name of ['a', 'b', 'c']) {
    world
      .addNode(name, ({ endpoint }) => {
        ends[name] = endpoint;
        endpoint.serve(async (message, from) => {
          const text = decoder.decode(message);
          asked.push(`${from}>${name} ${text}`);
          if (text === 'fail') throw new Error('the echo is broken');
          return encoder.encode(`echo ${text}`);
        });
      })
      .start();
  }
  await world.run({ untilMs: 0 });
});

/** Settles with the reply, or the code of the error, and when it came. */
function call(
  from: string,
  to: string,
  text: string,
  deadlineMs = 1_000,
): Promise<readonly [string, number]> {
  const beganMs = world.clock.elapsedMs;
  const options = { kind: 'echo', deadlineMs };
  const tookMs = () => world.clock.elapsedMs - beganMs;
  return (ends[from] as Endpoint).call(to, encoder.encode(text), options).then(
    (reply) => [decoder.decode(reply), tookMs()] as const,
    (error: { code: string }) => [error.code, tookMs()] as const,
  );
}

async function outcome<T>(promise: Promise<T>): Promise<T> {
  await world.run({});
  return promise;
}

describe('a call', () => {
  it('brings the reply after the way there and the way back', async () => {
    expect(await outcome(call('a', 'b', 'hello'))).toEqual(['echo hello', 20]);
    expect(asked).toEqual(['a>b hello']);
    // Nothing is left of it, its deadline included.
    expect([world.clock.waiting, world.clock.elapsedMs]).toEqual([0, 20]);
  });

  it('carries copies: neither side sees what the other does to its bytes later', async () => {
    const kept = new Uint8Array([9, 9]);
    const got: number[][] = [];
    (ends['b'] as Endpoint).serve(async (message) => {
      got.push([...message]);
      message.fill(7);
      return kept;
    });
    const sent = new Uint8Array([1, 2, 3]);
    const reply = (ends['a'] as Endpoint).call('b', sent, { kind: 'echo', deadlineMs: 100 });
    sent.fill(0);
    const bytes = await outcome(reply);
    bytes.fill(0);
    expect(got).toEqual([[1, 2, 3]]);
    expect([...sent, ...kept]).toEqual([0, 0, 0, 9, 9]);
  });

  it('takes nothing but bytes', async () => {
    const options = { kind: 'echo', deadlineMs: 100 };
    const text = 'text' as unknown as Uint8Array;
    await expect((ends['a'] as Endpoint).call('b', text, options)).rejects.toThrow('bytes');
    (ends['b'] as Endpoint).serve(async () => text);
    expect(await outcome(call('a', 'b', 'x'))).toEqual(['failed', 20]);
  });

  it('ends at its deadline when nobody has the address, and when the process there is down', async () => {
    expect(await outcome(call('a', 'nobody', 'x', 300))).toEqual(['timeout', 300]);
    world.node('b').crash();
    expect(await outcome(call('a', 'b', 'x', 300))).toEqual(['timeout', 300]);
    expect(asked).toEqual([]);
  });

  it('says so when the handler fails', async () => {
    expect(await outcome(call('a', 'b', 'fail'))).toEqual(['failed', 20]);
    const options = { kind: 'echo', deadlineMs: 100 };
    const reply = (ends['a'] as Endpoint).call('b', encoder.encode('fail'), options);
    const failure = reply.catch((error: Error) => error.message);
    expect(await outcome(failure)).toContain('the echo is broken');
  });

  it('measures its deadline by the clock of the caller', async () => {
    world.node('a').clock.setDrift(1_000_000);
    expect(await outcome(call('a', 'nobody', 'x', 300))).toEqual(['timeout', 150]);
  });

  it('is refused when too many are under way, and when the process of the caller is gone', async () => {
    const small = new World({ seed: 1, callsMax: 2 });
    let end: Endpoint | undefined;
    small.addNode('a', ({ endpoint }) => void (end = endpoint)).start();
    await small.run({});
    const options = { kind: 'echo', deadlineMs: 100 };
    const calls = [1, 2, 3].map(async () => end?.call('b', new Uint8Array(1), options));
    const codes = Promise.all(calls.map((each) => each.catch((error: { code: string }) => error.code)));
    await small.run({});
    expect(await codes).toEqual(['timeout', 'timeout', 'overloaded']);

    world.node('a').crash();
    expect(await outcome(call('a', 'b', 'x'))).toEqual(['closed', 0]);
  });
});

describe('a lossy network', () => {
  it('loses and doubles messages at the rates it was given', async () => {
    world.network.setFaults({ ...even, lossRate: 0.2, duplicationRate: 0.1 });
    const calls = Promise.all(Array.from({ length: 10_000 }, (_, at) => call('a', 'b', String(at))));
    const outcomes = await outcome(calls);
    const { messages, lost, duplicated } = world.network.counters.of('echo');
    expect(messages).toBe(10_000);
    // Standard deviations: 40 lost, 27 doubled of those that were not.
    expect(Math.abs(lost - 2_000)).toBeLessThan(160);
    expect(Math.abs(duplicated - 800)).toBeLessThan(110);
    expect(asked.length).toBe(messages - lost + duplicated);
    // Of the calls, 0.8 arrive, and come back unless every copy's reply is lost.
    const answered = outcomes.filter(([reply]) => reply.startsWith('echo')).length;
    expect(Math.abs(answered / 10_000 - 0.8 * (0.9 * 0.8 + 0.1 * (1 - 0.2 ** 2)))).toBeLessThan(0.03);
    expect(outcomes.filter(([reply]) => reply === 'timeout').length).toBe(10_000 - answered);
  });

  it('lets messages overtake each other when their delays differ', async () => {
    world.network.setFaults({ ...even, delay: { minMs: 1, meanMs: 50, maxMs: 400 } });
    await outcome(Promise.all(Array.from({ length: 100 }, (_, at) => call('a', 'b', String(at)))));
    const order = asked.map((line) => Number(line.split(' ')[1]));
    expect(order).not.toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(order).size).toBe(100);
  });

  it('draws delays within their bounds and at their mean', async () => {
    world.network.setFaults({ ...even, delay: { minMs: 5, meanMs: 15, maxMs: 200 } });
    const outcomes = await outcome(Promise.all(Array.from({ length: 2_000 }, () => call('a', 'b', 'x'))));
    const tookMs = outcomes.map(([, ms]) => ms);
    expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(10);
    // Both ways; the standard deviation of the mean is 0.3.
    const meanMs = tookMs.reduce((sum, ms) => sum + ms) / 2_000;
    expect(Math.abs(meanMs - 30)).toBeLessThan(1.5);
  });

  it('carries no more than its bytes in a second on a slow link, one after the other', async () => {
    world.network.setLinkFaults('a', 'b', { ...even, bytesPerSecond: 1_000 });
    const kilobyte = 'x'.repeat(1_000);
    const calls = [call('a', 'b', kilobyte, 5_000), call('a', 'b', kilobyte, 5_000), call('a', 'c', 'x')];
    const outcomes = await outcome(Promise.all(calls));
    expect(outcomes.map(([, ms]) => ms)).toEqual([1_020, 2_020, 20]);
    world.network.setLinkFaults('a', 'b', undefined);
    expect(await outcome(call('a', 'b', kilobyte))).toEqual([`echo ${kilobyte}`, 20]);
  });

  it('drops what goes beyond the messages that may be under way', async () => {
    const small = new World({ seed: 1, inFlightMax: 3 });
    let end: Endpoint | undefined;
    small.addNode('a', ({ endpoint }) => void (end = endpoint)).start();
    await small.run({});
    for (let sent = 0; sent < 5; sent++) {
      void end?.call('b', new Uint8Array(1), { kind: 'x', deadlineMs: 10 }).catch(() => undefined);
    }
    expect(small.network.inFlight('b')).toBe(3);
    await small.run({});
    expect(small.network.inFlight('b')).toBe(0);
    expect(small.network.counters.of('x')).toMatchObject({ messages: 5, overflowed: 2, lost: 3 });
  });

  it.each([
    { lossRate: 1.1 },
    { duplicationRate: -1 },
    { bytesPerSecond: 0 },
    { delay: { minMs: 5, meanMs: 1, maxMs: 9 } },
  ])('refuses faults that make no sense: %o', (wrong) => {
    expect(() => world.network.setFaults({ ...even, ...wrong })).toThrow('Broken invariant');
  });
});

describe('a cut network', () => {
  it('loses one direction only when one is cut, until it is mended', async () => {
    world.network.cut('a', 'b');
    expect(await outcome(call('a', 'b', 'x'))).toEqual(['timeout', 1_000]);
    expect(asked).toEqual([]);
    // The request arrives; the reply goes from a to b.
    expect(await outcome(call('b', 'a', 'y'))).toEqual(['timeout', 1_000]);
    expect(asked).toEqual(['b>a y']);
    world.network.mend('a', 'b');
    expect(await outcome(call('a', 'b', 'z'))).toEqual(['echo z', 20]);
  });

  it('lets groups speak among themselves only, and all again when it is healed', async () => {
    world.network.partition([['a', 'b']]);
    expect(await outcome(call('a', 'b', 'x'))).toEqual(['echo x', 20]);
    expect(await outcome(call('a', 'c', 'x'))).toEqual(['timeout', 1_000]);
    expect(await outcome(call('c', 'b', 'x'))).toEqual(['timeout', 1_000]);
    world.network.heal();
    expect(await outcome(call('c', 'b', 'x'))).toEqual(['echo x', 20]);
  });

  it('loses what was sent while it was cut, even when it is whole by the time of arrival', async () => {
    world.network.cut('a', 'b');
    const reply = call('a', 'b', 'x');
    await world.run({ untilMs: 5 });
    world.network.heal();
    expect(await outcome(reply)).toEqual(['timeout', 1_000]);
  });

  it('loses what was under way when it was cut', async () => {
    const reply = call('a', 'b', 'x');
    await world.run({ untilMs: 5 });
    world.network.cut('a', 'b');
    expect(await outcome(reply)).toEqual(['timeout', 1_000]);
  });
});

describe('a node that goes away', () => {
  let b: SimulatedNode;
  beforeEach(() => {
    b = world.node('b');
  });

  it('answers late when it was paused', async () => {
    b.pause();
    const replies = Promise.all([call('a', 'b', 'x', 1_000), call('a', 'b', 'y', 100)]);
    world.after(500, () => b.resume());
    expect(await outcome(replies)).toEqual([
      ['echo x', 510],
      ['timeout', 100],
    ]);
    expect(asked).toEqual(['a>b x', 'a>b y']);
  });

  it('never hears replies to what it asked before it crashed', async () => {
    let settled = false;
    void call('b', 'a', 'x').then(() => (settled = true));
    await world.run({ untilMs: 15 });
    b.crash();
    b.start();
    await world.run({});
    expect(asked).toEqual(['b>a x']);
    expect(settled).toBe(false);
    expect(world.network.counters.of('echo reply').lost).toBe(1);
  });
});

describe('the counters', () => {
  it('count messages and bytes by kind, over both ways', async () => {
    await outcome(Promise.all([call('a', 'b', 'x'), call('a', 'b', 'yy')]));
    const { counters } = world.network;
    expect(counters.kinds()).toEqual(['echo', 'echo reply']);
    expect(counters.of('echo')).toMatchObject({ messages: 2, bytes: 3, lost: 0 });
    // Each reply begins with a byte that says whether it is one.
    expect(counters.of('echo reply')).toMatchObject({ messages: 2, bytes: 6 + 7 + 2 });
    expect(counters.total).toMatchObject({ messages: 4, bytes: 18 });
  });
});
