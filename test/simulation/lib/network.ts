import { assert } from '../../../src/core/errors.ts';
import type { VirtualClock } from './clock.ts';
import { drawDelayMs } from './delay.ts';
import { Endpoint, type Transmission } from './endpoint.ts';
import { healthyLink, type LinkFaults } from './link-faults.ts';
import type { ProcessClock } from './process-clock.ts';
import type { RandomStream, RandomStreams } from './random.ts';
import type { Trace } from './trace.ts';
import { TrafficCounters } from './traffic.ts';

export interface NetworkOptions {
  readonly clock: VirtualClock;
  readonly random: RandomStreams;
  readonly trace: Trace;
  /** Calls of one endpoint that wait for a reply at one time; default 1,024. One more is refused. */
  readonly callsMax?: number;
  /** Messages on their way to one address, or held by its paused process; default 4,096. One more is dropped. */
  readonly inFlightMax?: number;
}

/**
 * Carries bytes between addresses, and loses, doubles, delays and cuts as it is told. It is the only way from one node
 * to another, and it copies: nodes share no memory. Chance is drawn from one stream for each sender.
 */
export class Network {
  readonly counters = new TrafficCounters();
  readonly #options: NetworkOptions;
  readonly #callsMax: number;
  readonly #inFlightMax: number;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #inFlight = new Map<string, number>();
  #faults = healthyLink;
  readonly #linkFaults = new Map<string, LinkFaults>();
  /** Until when a link of limited speed is busy with what was sent before. */
  readonly #busyUntilMs = new Map<string, number>();
  readonly #cuts = new Set<string>();
  #groups: ReadonlyMap<string, number> | undefined;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#callsMax = options.callsMax ?? 1_024;
    this.#inFlightMax = options.inFlightMax ?? 4_096;
  }

  /** Gives a process an address, which no other live one may have. Messages are lost until it serves. */
  attach(address: string, process: ProcessClock): Endpoint {
    assert(!this.#endpoints.has(address), `address ${address} is free`);
    const endpoint = new Endpoint({
      address,
      process,
      callsMax: this.#callsMax,
      transmit: (transmission) => this.#transmit(transmission),
      detach: () => this.#endpoints.delete(address),
    });
    this.#endpoints.set(address, endpoint);
    return endpoint;
  }

  /** How every link behaves that has no faults of its own. */
  setFaults(faults: LinkFaults): void {
    checkFaults(faults);
    this.#faults = faults;
  }

  /** Gives one direction between two addresses faults of its own; undefined takes them away. */
  setLinkFaults(from: string, to: string, faults: LinkFaults | undefined): void {
    if (faults === undefined) {
      this.#linkFaults.delete(link(from, to));
      return;
    }
    checkFaults(faults);
    this.#linkFaults.set(link(from, to), faults);
  }

  /** Loses everything in one direction. */
  cut(from: string, to: string): void {
    this.#cuts.add(link(from, to));
  }

  mend(from: string, to: string): void {
    this.#cuts.delete(link(from, to));
  }

  /**
   * Lets addresses reach those of their own group only; those that stand in no group make up one more. Takes the
   * place of the partition before.
   */
  partition(groups: readonly (readonly string[])[]): void {
    const byAddress = new Map<string, number>();
    groups.forEach((group, index) => {
      for (const address of group) {
        assert(!byAddress.has(address), `${address} is in one group only`);
        byAddress.set(address, index);
      }
    });
    this.#groups = byAddress;
  }

  /** Ends the partition and every cut; faults of links stay. */
  heal(): void {
    this.#groups = undefined;
    this.#cuts.clear();
  }

  isCut(from: string, to: string): boolean {
    if (this.#cuts.size > 0 && this.#cuts.has(link(from, to))) return true;
    return this.#groups !== undefined && this.#groups.get(from) !== this.#groups.get(to);
  }

  /** Messages on their way to an address. */
  inFlight(to: string): number {
    return this.#inFlight.get(to) ?? 0;
  }

  #transmit(transmission: Transmission): void {
    const { from, to, kind, message } = transmission;
    const random = this.#options.random.named(`network/${from}`);
    const faults = this.#faultsOf(from, to);
    this.counters.count(kind, 'messages');
    this.counters.count(kind, 'bytes', message.length);
    if (random.chance(faults.lossRate) || this.isCut(from, to)) {
      this.#lose(transmission);
      return;
    }
    this.#sendCopy(transmission, faults, random);
    if (random.chance(faults.duplicationRate)) {
      this.counters.count(kind, 'duplicated');
      this.#sendCopy(transmission, faults, random);
    }
  }

  #sendCopy(transmission: Transmission, faults: LinkFaults, random: RandomStream): void {
    const { from, to, message } = transmission;
    const { clock } = this.#options;
    if (this.inFlight(to) >= this.#inFlightMax) {
      this.#overflow(transmission);
      return;
    }
    this.#inFlight.set(to, this.inFlight(to) + 1);
    const sentMs = this.#sentMs(from, to, message.length, faults.bytesPerSecond);
    const copy = new Uint8Array(message);
    clock.at(sentMs + drawDelayMs(faults.delay, random), () => this.#arrive(transmission, copy));
  }

  /** When the last byte has left the sender, ms. */
  #sentMs(from: string, to: string, bytes: number, bytesPerSecond: number): number {
    const nowMs = this.#options.clock.elapsedMs;
    if (bytesPerSecond === Infinity) return nowMs;
    const startMs = Math.max(nowMs, this.#busyUntilMs.get(link(from, to)) ?? 0);
    const sentMs = startMs + (bytes / bytesPerSecond) * 1_000;
    this.#busyUntilMs.set(link(from, to), sentMs);
    return sentMs;
  }

  #arrive(transmission: Transmission, copy: Uint8Array): void {
    const { from, to, kind } = transmission;
    const { trace } = this.#options;
    this.#inFlight.set(to, this.inFlight(to) - 1);
    const endpoint = this.isCut(from, to) ? undefined : this.#endpoints.get(to);
    if (endpoint === undefined || !transmission.isFor(endpoint)) {
      this.#lose(transmission);
      return;
    }
    if (endpoint.held >= this.#inFlightMax) {
      this.#overflow(transmission);
      return;
    }
    trace.record('message.delivered', from, to, kind, copy);
    endpoint.hold(() => transmission.receive(endpoint, copy));
  }

  #lose({ from, to, kind }: Transmission): void {
    this.counters.count(kind, 'lost');
    this.#options.trace.record('message.lost', from, to, kind);
  }

  #overflow({ from, to, kind }: Transmission): void {
    this.counters.count(kind, 'overflowed');
    this.#options.trace.record('message.overflowed', from, to, kind);
  }

  #faultsOf(from: string, to: string): LinkFaults {
    if (this.#linkFaults.size === 0) return this.#faults;
    return this.#linkFaults.get(link(from, to)) ?? this.#faults;
  }
}

function link(from: string, to: string): string {
  return `${from}>${to}`;
}

function checkFaults({ delay, lossRate, duplicationRate, bytesPerSecond }: LinkFaults): void {
  const { minMs, meanMs, maxMs } = delay;
  assert(minMs >= 0 && meanMs >= minMs && maxMs >= meanMs, 'a delay has 0 <= minMs <= meanMs <= maxMs');
  assert(lossRate >= 0 && lossRate <= 1, 'a loss rate is in 0..1');
  assert(duplicationRate >= 0 && duplicationRate <= 1, 'a duplication rate is in 0..1');
  assert(bytesPerSecond > 0, 'a link carries something');
}
