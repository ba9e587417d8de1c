import { KvsError } from '../core/errors.ts';
import type { PeerAddress, PeerCallName, PeerReply, PeerRequest, PeerTransport } from '../core/peer-calls.ts';
import type { Links } from './links.ts';
import type { MemberTable } from './member-table.ts';
import { decodeReply, encodeRequest } from './wire.ts';

/**
 * Carries the bytes of one call and of its reply.
 *
 * @throws KvsError KVS_PEER_UNREACHABLE when no reply comes in time, KVS_PEER_FAILED for anything but a reply
 */
export type SendMessage = (
  address: string,
  message: Uint8Array,
  options: { readonly name: PeerCallName; readonly deadlineMs: number },
) => Promise<Uint8Array>;

/** The refusals that concern this node as a whole, whatever it asked. */
const exclusions: readonly string[] = ['KVS_FORGOTTEN', 'KVS_DUPLICATE_ID'];

/** Calls peers in the wire format, and notes what their answers say of them and of this node. */
export class WireTransport implements PeerTransport {
  readonly #cluster: string;
  readonly #members: MemberTable;
  readonly #send: SendMessage;
  readonly #links: Links;

  constructor(cluster: string, members: MemberTable, links: Links, send: SendMessage) {
    this.#cluster = cluster;
    this.#members = members;
    this.#links = links;
    this.#send = send;
  }

  async call<Name extends PeerCallName>(
    to: PeerAddress,
    name: Name,
    request: PeerRequest<Name>,
    { deadlineMs }: { readonly deadlineMs: number },
  ): Promise<PeerReply<Name>> {
    const { id, storeId } = this.#members.self;
    const envelope = { cluster: this.#cluster, from: { id, storeId }, to: to.id ?? null };
    const message = encodeRequest(envelope, name, request);
    const send = (bytes: Uint8Array) => this.#send(to.address, bytes, { name, deadlineMs });
    const bytes = await (to.id === undefined ? send(message) : this.#links.watch(to.id, message, send));
    try {
      const reply = decodeReply(name, bytes);
      if (to.id !== undefined) this.#members.noteContact(to.id);
      this.#members.noteRefusal(undefined);
      return reply;
    } catch (error) {
      if (error instanceof KvsError && exclusions.includes(error.code)) this.#members.noteRefusal(error);
      throw error;
    }
  }
}
