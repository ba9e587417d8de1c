import { describe, expect, it } from 'vitest';
import { SeedResolver } from '../src/seed-resolver.ts';

const never = () => new Promise<never>(() => undefined);

describe('the addresses of a seed', () => {
  it('are all that its name stands for, with its port', async () => {
    const lookup = async () => [{ address: '10.0.0.1' }, { address: 'fd00::1' }];
    const seeds = new SeedResolver({ lookup });
    expect(await seeds.resolve('shop.example:8080')).toEqual(['10.0.0.1:8080', '[fd00::1]:8080']);
    expect(await seeds.resolve('no port')).toEqual([]);
  });

  it('of an address are itself', async () => {
    const seeds = new SeedResolver();
    expect(await seeds.resolve('127.0.0.1:1')).toEqual(['127.0.0.1:1']);
    expect(await seeds.resolve('[::1]:1')).toEqual(['[::1]:1']);
  });

  it('are unknown when no name server tells them in time', async () => {
    const seeds = new SeedResolver({ lookup: never, deadlineMs: 1 });
    await expect(seeds.resolve('shop.example:1')).rejects.toThrow('shop.example was not found within 1 ms');
  });

  it('are looked up once at a time, however often they are asked for, and anew after that', async () => {
    const settle: (() => void)[] = [];
    const lookup = () =>
      new Promise<{ address: string }[]>((resolve) => settle.push(() => resolve([{ address: '10.0.0.1' }])));
    const seeds = new SeedResolver({ lookup, deadlineMs: 1 });
    for (let i = 0; i < 3; i++) await expect(seeds.resolve('shop.example:1')).rejects.toThrow('not found');
    expect(settle).toHaveLength(1);
    const patient = new SeedResolver({ lookup });
    const both = [patient.resolve('shop.example:1'), patient.resolve('shop.example:2')];
    expect(settle).toHaveLength(2);
    settle[1]?.();
    expect(await Promise.all(both)).toEqual([['10.0.0.1:1'], ['10.0.0.1:2']]);
    void patient.resolve('shop.example:1').catch(() => undefined);
    expect(settle).toHaveLength(3);
    settle[2]?.();
  });

  it('are looked up anew after a name was unknown', async () => {
    let isKnown = false;
    const lookup = async () => {
      if (!isKnown) throw new Error('ENOTFOUND');
      return [{ address: '10.0.0.1' }];
    };
    const seeds = new SeedResolver({ lookup });
    await expect(seeds.resolve('shop.example:1')).rejects.toThrow('ENOTFOUND');
    isKnown = true;
    expect(await seeds.resolve('shop.example:1')).toEqual(['10.0.0.1:1']);
  });
});
