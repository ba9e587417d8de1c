import { BenchClient } from './client.ts';
import { firstMatch, runScript, serverOf, type Server } from './processes.ts';

/** The reference that replication lag is compared with: one of `bare-replica.ts`. */
export interface BareReplica {
  readonly server: Server;
  readonly client: BenchClient;
}

/** Starts one replica for each file; each speaks to all the others. */
export async function startBareReplicas(files: readonly string[]): Promise<readonly BareReplica[]> {
  const replicas: BareReplica[] = [];
  const ports: string[] = [];
  for (const file of files) {
    const child = runScript('bare-replica.ts', file, ...ports);
    const [httpPort = '', port = ''] = (await firstMatch(child, /^(\d+ \d+)/m)).split(' ');
    ports.push(port);
    replicas.push({ server: serverOf(child, httpPort), client: new BenchClient(Number(httpPort), 64) });
  }
  return replicas;
}

export async function stopBareReplicas(replicas: readonly BareReplica[]): Promise<void> {
  for (const { client, server } of replicas) {
    client.close();
    await server.stop();
  }
}
