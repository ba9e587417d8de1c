import { KvsError } from './core/errors.ts';
import { limits } from './core/limits.ts';
import type { Member } from './core/membership.ts';
import type { Clock, Members } from './core/ports.ts';

/** The members that a node knows: itself, and whoever introduced itself. */
export class MemberTable implements Members {
  #self: Member;
  readonly #clock: Clock;
  readonly #others = new Map<string, Member>();

  constructor(self: Member, clock: Clock) {
    this.#self = self;
    this.#clock = clock;
  }

  /** The address is known for certain only once the port is open. */
  setAddress(address: string): void {
    this.#self = { ...this.#self, address };
  }

  list(): readonly Member[] {
    return [{ ...this.#self, lastSeen: this.#clock.now() }, ...this.#others.values()];
  }

  async join(member: Member): Promise<readonly Member[]> {
    if (member.id === this.#self.id)
      throw new KvsError('KVS_BAD_REQUEST', `id: ${member.id} is the id of this node`);
    if (!this.#others.has(member.id) && this.#others.size >= limits.membersMax - 1) {
      throw new KvsError('KVS_OVERLOADED', `This node knows ${limits.membersMax} members already`);
    }
    this.#others.set(member.id, member);
    return this.list();
  }

  async leave(id: string, incarnation: number): Promise<void> {
    const member = this.#others.get(id);
    if (member === undefined) throw new KvsError('KVS_MEMBER_NOT_FOUND', `There is no member ${id}`);
    if (incarnation >= member.incarnation) this.#others.set(id, { ...member, incarnation, state: 'left' });
  }

  async forget(id: string): Promise<void> {
    if (id === this.#self.id) throw new KvsError('KVS_MEMBER_ALIVE', 'A node does not forget itself');
    const member = this.#others.get(id);
    if (member === undefined) throw new KvsError('KVS_MEMBER_NOT_FOUND', `There is no member ${id}`);
    if (member.state === 'alive' || member.state === 'suspect') {
      throw new KvsError(
        'KVS_MEMBER_ALIVE',
        `${id} is ${member.state}; only a member that is gone can be forgotten`,
      );
    }
    this.#others.delete(id);
  }
}
