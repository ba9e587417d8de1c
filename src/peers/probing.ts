import { limits } from '../core/limits.ts';
import type { Member } from '../core/membership.ts';
import type { PeerTransport } from '../core/peer-calls.ts';
import type { Membership, Probing, ProbeResult, Random } from '../core/ports.ts';
import { withRecord } from './news.ts';
import { shuffled } from '../core/shuffled.ts';

/** Members that are asked to ask a silent one (SWIM's k). */
const helpersMax = 3;
/** For a call on the dead, ms. */
const revisitDeadlineMs = 1_000;

export interface ProbingPorts {
  readonly members: Membership;
  readonly transport: PeerTransport;
  readonly random: Random;
}

/** Asks members whether they are there, and passes the latest news on with each question. */
export class PeerProbing implements Probing {
  readonly #ports: ProbingPorts;

  constructor(ports: ProbingPorts) {
    this.#ports = ports;
  }

  async probe({
    id,
    directMs,
    indirectMs,
  }: {
    readonly id: string;
    readonly directMs: number;
    readonly indirectMs: number;
  }): Promise<ProbeResult> {
    if (await this.#ask(id, directMs)) return 'alive';
    const { members, transport, random } = this.#ports;
    const others = members.present().filter((member) => member.id !== id && member.state === 'alive');
    const helpers = shuffled(others, () => random.next(), helpersMax);
    if (helpers.length === 0) return 'silent';
    const request = { id, deadlineMs: indirectMs / 2 };
    const answers = await Promise.allSettled(
      helpers.map((helper) => transport.call(helper, 'probe', request, { deadlineMs: indirectMs })),
    );
    const heard = answers.filter((answer) => answer.status === 'fulfilled');
    if (heard.some(({ value }) => value.isAlive)) return 'alive';
    return heard.length === 0 ? 'unheard' : 'silent';
  }

  async revisit(): Promise<boolean> {
    const { members, random } = this.#ports;
    const dead = members.absent().filter(({ state }) => state === 'dead');
    const [member] = shuffled(dead, () => random.next(), 1);
    if (member === undefined) return false;
    await this.#ask(member.id, revisitDeadlineMs);
    return members.get(member.id)?.state === 'alive';
  }

  async #ask(id: string, deadlineMs: number): Promise<boolean> {
    const { members } = this.#ports;
    const member = members.get(id);
    if (member === undefined) return false;
    try {
      await this.#ping(member, deadlineMs);
      return true;
    } catch {
      return false;
    }
  }

  async #ping(member: Member, deadlineMs: number): Promise<void> {
    const { members, transport } = this.#ports;
    const news = members.takeRumours(limits.rumourRecordsMax, 1);
    // Whoever is not held for alive hears so itself, and at once: it is the only one that can refute.
    const request = member.state === 'alive' ? news : withRecord(news, member);
    members.merge(await transport.call(member, 'ping', request, { deadlineMs }));
  }
}
