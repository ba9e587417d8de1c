import type { Commands } from './command.ts';
import { completionCommand } from './commands/completion.ts';
import { debugCommand } from './commands/debug.ts';
import { deleteCommand } from './commands/delete.ts';
import { exportCommand } from './commands/export.ts';
import { forgetCommand } from './commands/forget.ts';
import { getCommand } from './commands/get.ts';
import { healthCommand } from './commands/health.ts';
import { importCommand } from './commands/import.ts';
import { listCommand } from './commands/list.ts';
import { membersCommand } from './commands/members.ts';
import { putCommand } from './commands/put.ts';
import { restoreCommand } from './commands/restore.ts';
import { revisionsCommand } from './commands/revisions.ts';
import { startCommand } from './commands/start.ts';
import { watchCommand } from './commands/watch.ts';

export const commands: Commands = {
  start: startCommand,
  get: getCommand,
  put: putCommand,
  delete: deleteCommand,
  list: listCommand,
  watch: watchCommand,
  import: importCommand,
  export: exportCommand,
  revisions: revisionsCommand,
  restore: restoreCommand,
  members: membersCommand,
  forget: forgetCommand,
  health: healthCommand,
  debug: debugCommand,
  completion: completionCommand,
};
