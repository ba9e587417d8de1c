/**
 * Who hears what. The node passes on each fact of the left side to the actors on the right; an actor knows the others
 * by their events only.
 */
export const routing: Readonly<Record<string, readonly string[]>> = {
  'versions.accepted': ['replicator'],
  'member.joined': ['syncer', 'bootstrapper'],
  'member.suspected': ['failure-detector'],
  'member.refuted': ['failure-detector'],
  'member.failed': ['failure-detector', 'replicator', 'syncer'],
  'member.recovered': ['failure-detector', 'syncer', 'bootstrapper'],
  'member.left': ['failure-detector', 'replicator', 'syncer'],
  'member.forgotten': ['failure-detector', 'replicator', 'syncer'],
  'member.fellBehind': ['syncer'],
  'rumour.heard': ['gossiper'],
  'conflict.detected': ['conflict-resolver'],
  'cluster.foundEmpty': ['bootstrapper'],
  'bootstrap.started': ['mode-controller'],
  'bootstrap.progressed': ['mode-controller'],
  'bootstrap.finished': ['mode-controller', 'syncer'],
  'bootstrap.stalled': ['mode-controller'],
};
