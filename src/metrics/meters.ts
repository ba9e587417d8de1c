import { EventLoopDelay } from './event-loop-delay.ts';
import { commitSizeBounds, Histogram, syncSecondsBounds } from './histogram.ts';
import { HttpTraffic } from './http-traffic.ts';
import { PeerTraffic } from './peer-traffic.ts';

/** What must be counted as it happens, because nobody remembers it. */
export class Meters {
  readonly http = new HttpTraffic();
  readonly peers = new PeerTraffic();
  readonly eventLoop = new EventLoopDelay();
  /** Versions in one commit. */
  readonly commitSizes = new Histogram(commitSizeBounds);
  /** Seconds that one sync of the log took. */
  readonly syncTimes = new Histogram(syncSecondsBounds);
}
