import { describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { Version } from '../../src/core/version.ts';
import { Links } from '../../src/peers/links.ts';

const nothingWaits = { size: () => 0, oldest: () => undefined };
const message = new Uint8Array(300);
const refuse = () => Promise.reject(new Error('nobody there'));
const answer = async () => new Uint8Array(20);

describe('The links to the members', () => {
  it('fail from the first call that gets no answer until one gets one', async () => {
    const clock = { ms: 1_000, now: () => clock.ms };
    const links = new Links(clock);
    expect(links.view('a', nothingWaits)).toMatchObject({ failures: 0, failingSince: undefined });
    await expect(links.watch('a', message, refuse)).rejects.toThrow('nobody there');
    clock.ms = 2_000;
    await expect(links.watch('a', message, refuse)).rejects.toThrow('nobody there');
    expect(links.view('a', nothingWaits)).toMatchObject({
      failures: 2,
      failingSince: 1_000,
      error: 'nobody there',
    });
    expect(await links.watch('a', message, answer)).toHaveLength(20);
    expect(links.view('a', nothingWaits)).toMatchObject({
      failures: 0,
      failingSince: undefined,
      error: undefined,
    });
  });

  it('tell how long answers take, smoothed, whatever the wall clock does', async () => {
    const clock = { ms: 1_000, now: () => clock.ms };
    const links = new Links(clock);
    const take = (ms: number) =>
      links.watch('a', message, async () => {
        clock.ms += ms;
        return answer();
      });
    await take(80);
    expect(links.view('a', nothingWaits).roundTripMs).toBe(80);
    await take(0);
    expect(links.view('a', nothingWaits).roundTripMs).toBe(70);
    await take(-5_000);
    expect(links.view('a', nothingWaits).roundTripMs).toBe(61.25);
  });

  it('tell how much waits for a member, and for how long', () => {
    const links = new Links({ now: () => 5_000 });
    const waiting = { size: () => 3, oldest: () => ({ timestamp: 4_200 }) as Version };
    expect(links.view('a', waiting)).toMatchObject({ waiting: 3, lagMs: 800 });
    expect(links.view('a', nothingWaits)).toMatchObject({ waiting: 0, lagMs: 0 });
  });

  it('tell how many bytes went to a member and came from it, in whatever direction was asked', async () => {
    const links = new Links({ now: () => 1 });
    await links.watch('a', message, answer);
    await expect(links.watch('a', message, refuse)).rejects.toThrow('nobody there');
    links.noteBytes('a', { sent: 1, received: 2 });
    expect(links.view('a', nothingWaits)).toMatchObject({ sentBytes: 601, receivedBytes: 22 });
    expect(links.view('b', nothingWaits)).toMatchObject({ sentBytes: 0, receivedBytes: 0 });
  });

  it('are forgotten, the first one first, when there are too many', async () => {
    const links = new Links({ now: () => 1 });
    for (let i = 0; i <= limits.membersMax; i++) await links.watch(`m${i}`, message, answer);
    expect(links.view('m0', nothingWaits).roundTripMs).toBeUndefined();
    expect(links.view('m1', nothingWaits).roundTripMs).toBe(0);
  });
});
