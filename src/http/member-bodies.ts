import * as z from 'zod';
import { limits } from '../core/limits.ts';

const id = z.string().min(1).max(limits.nodeIdBytesMax).meta({ 'x-limit': 'nodeIdBytesMax' });
const incarnation = z.int().min(0).max(limits.incarnationMax).meta({ 'x-limit': 'incarnationMax' });

/** A node introduces itself. */
export const joinBody = z.object({
  id,
  address: z.string().regex(/^[^\s/]+:\d{1,5}$/, 'expected host:port'),
  store_id: z.string().min(1).max(limits.storeIdLengthMax).meta({ 'x-limit': 'storeIdLengthMax' }),
  joined_timestamp: z.int().min(0).max(limits.timestampMsMax).meta({ 'x-limit': 'timestampMsMax' }),
  incarnation,
});

/** A node says goodbye. */
export const leaveBody = z.object({ id, incarnation });

/** An operator names a member that is gone for good. */
export const forgetBody = z.object({ id });
