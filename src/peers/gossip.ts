import { KvsError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Member } from '../core/membership.ts';
import type { PeerAddress, PeerTransport } from '../core/peer-calls.ts';
import type { Gossip, JoinResult, Logger, Membership, Random } from '../core/ports.ts';
import { shuffled } from '../core/shuffled.ts';

/** For one message of gossip, ms. */
export const gossipDeadlineMs = 5_000;
/** For one message of rumours or one goodbye, ms: they are repeated to others anyway. */
export const rumourDeadlineMs = 1_000;
/** Members in one exchange of views, at most. */
const exchangePartnersMax = 3;
/** Members that hear a rumour in one round (memberlist's GossipNodes). */
const rumourFanOut = 3;
/** Members of former days that are asked beside the seeds when this node starts. */
const formerMembersAsked = 3;
/** Addresses whose complaint is remembered; for one more the oldest is forgotten, and may be logged again. */
const complaintsMax = 256;

export interface GossipPorts {
  readonly members: Membership;
  readonly transport: PeerTransport;
  readonly random: Random;
  readonly logger: Logger;
  /** The configured seeds, `host:port`. */
  readonly seeds: readonly string[];
  /** The addresses that a seed stands for: a name may have several. */
  readonly resolve: (seed: string) => Promise<readonly string[]>;
}

type Greeting = 'joined' | 'self' | 'refused' | 'silent';

/** Refusals that no time heals: somebody has to change a configuration. */
const misconfigurations: readonly string[] = ['KVS_OTHER_CLUSTER', 'KVS_OTHER_PROTOCOL'];

/** Speaks to the cluster about the cluster. */
export class PeerGossip implements Gossip {
  readonly #ports: GossipPorts;
  /** By address: the last complaint about it. Each is logged once, however often the address is asked. */
  readonly #complaints = new Map<string, string>();
  /** Until somebody was there in this life: later the failure of each member is told. */
  #mayTellOfSilence = true;

  constructor(ports: GossipPorts) {
    this.#ports = ports;
  }

  get knowsSomebody(): boolean {
    return this.#ports.seeds.length > 0 || this.#knownOthers().length > 0;
  }

  async join(): Promise<JoinResult> {
    const { members, random } = this.#ports;
    const seeds = await this.#seedAddresses();
    const unasked = this.#knownOthers().filter(({ address }) => !seeds.includes(address));
    const chance = (): number => random.next();
    const former = shuffled(unasked, chance, formerMembersAsked);
    const others = shuffled(
      seeds.filter((address) => address !== members.self.address),
      chance,
      limits.seedAddressesMax,
    );
    const asked: PeerAddress[] = [...others.map((address) => ({ address })), ...former];
    if (asked.length === 0) return 'empty';
    const greetings = await Promise.all(asked.map((address) => this.#greet(address)));
    if (greetings.includes('joined')) {
      this.#mayTellOfSilence = false;
      return 'joined';
    }
    if (greetings.every((greeting) => greeting === 'self')) return 'empty';
    if (!greetings.includes('refused')) this.#tellOfSilence(asked);
    return 'nobody';
  }

  async exchange(): Promise<void> {
    const { members, random } = this.#ports;
    this.#mayTellOfSilence = false;
    const count = 1 + Math.floor(random.next() * exchangePartnersMax);
    const partners = shuffled(members.present(), () => random.next(), count);
    await Promise.all([...partners.map((member) => this.#compareViews(member)), this.#greetUnknownSeed()]);
  }

  async spread(): Promise<void> {
    const { members, random, transport } = this.#ports;
    const heard = shuffled(members.present(), () => random.next(), rumourFanOut);
    if (heard.length === 0) return;
    const news = members.takeRumours(limits.rumourRecordsMax, heard.length);
    await Promise.all(
      heard.map(async (member) => {
        try {
          members.merge(await transport.call(member, 'ping', news, { deadlineMs: rumourDeadlineMs }));
        } catch {
          // It is told to others as well, and who is silent is for the failure-detector to find out.
        }
      }),
    );
  }

  async leave(): Promise<void> {
    const { members, transport, random } = this.#ports;
    // The member does not go: another process is it.
    if (members.hasYielded) return;
    members.announceLeave();
    const { incarnation } = members.self;
    const told = shuffled(members.present(), () => random.next(), limits.pushFanOut);
    await Promise.allSettled(
      told.map((member) =>
        transport.call(member, 'leave', { incarnation }, { deadlineMs: rumourDeadlineMs }),
      ),
    );
  }

  #knownOthers(): readonly Member[] {
    const { members } = this.#ports;
    return [...members.present(), ...members.absent()];
  }

  async #seedAddresses(): Promise<readonly string[]> {
    const { seeds, resolve, logger } = this.#ports;
    const resolved = await Promise.all(
      seeds.map(async (seed) => {
        try {
          return await resolve(seed);
        } catch (error) {
          logger.warn('The name of a seed node is unknown', { seed, error });
          return [];
        }
      }),
    );
    return [...new Set(resolved.flat())];
  }

  /** A seed that is no member may belong to another half of the cluster that never heard of this one. */
  async #greetUnknownSeed(): Promise<void> {
    const { members, random } = this.#ports;
    const known = new Set([members.self.address, ...members.present().map(({ address }) => address)]);
    const unknown = (await this.#seedAddresses()).filter((address) => !known.has(address));
    for (const address of shuffled(unknown, () => random.next(), 1)) await this.#greet({ address });
  }

  async #greet(to: PeerAddress): Promise<Greeting> {
    try {
      await this.#compareViews(to);
      this.#complaints.delete(to.address);
      return 'joined';
    } catch (error) {
      if (error instanceof KvsError && error.code === 'KVS_SELF') return 'self';
      this.#ports.logger.debug('A node did not answer the greeting', { address: to.address, error });
      if (!(error instanceof KvsError) || error.code === 'KVS_PEER_UNREACHABLE') return 'silent';
      if (misconfigurations.includes(error.code)) this.#complain(to.address, error);
      return 'refused';
    }
  }

  #complain(address: string, { code, message }: KvsError): void {
    if (this.#complaints.get(address) === message) return;
    this.#complaints.set(address, message);
    // What a name stands for may change for ever.
    for (const [oldest] of this.#complaints)
      if (this.#complaints.size > complaintsMax) this.#complaints.delete(oldest);
    this.#ports.logger.error(`${address} refuses this node: ${message}`, { code, address });
  }

  #tellOfSilence(asked: readonly PeerAddress[]): void {
    if (!this.#mayTellOfSilence) return;
    this.#mayTellOfSilence = false;
    const addresses = asked.map(({ address }) => address);
    this.#ports.logger.warn('No other node answers; this one goes on asking', { addresses });
  }

  /** Both sides know the same afterwards; nothing but digests is sent where they did before. */
  async #compareViews(to: PeerAddress): Promise<void> {
    const { members, transport } = this.#ports;
    const options = { deadlineMs: gossipDeadlineMs };
    const isStranger = to.id === undefined || members.get(to.id) === undefined;
    const digest = members.digest();
    const news = isStranger ? members.news() : null;
    const theirs = await transport.call(to, 'gossip', { digest, news }, options);
    if (theirs.news !== null) members.merge(theirs.news);
    if (news !== null || theirs.digest === members.digest()) return;
    await transport.call(to, 'gossip', { digest: members.digest(), news: members.news() }, options);
  }
}
