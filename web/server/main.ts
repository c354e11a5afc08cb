/**
 * `scripts/lab [--port N]`: serves the page that was built into the folder named first, until it is told to
 * end.
 */
import { messageOf } from '../../src/common/errors';
import { startLabServer } from './lab-server';
import { LabServer } from './static-server';

/** The page keeps its link when the lab is started again. */
const DEFAULT_PORT = 8650;

function portOf(args: readonly string[]): number | undefined {
  const at = args.indexOf('--port');
  if (at < 0) return undefined;
  const port = Number(args[at + 1]);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new Error('--port wants a number from 0 to 65535');
}

/** Without --port any port will do. */
async function serve(directory: string, port: number | undefined): Promise<LabServer> {
  if (port !== undefined) return startLabServer({ directory, port });
  try {
    return await startLabServer({ directory, port: DEFAULT_PORT });
  } catch {
    return startLabServer({ directory, port: 0 });
  }
}

async function main([directory, ...args]: readonly string[]): Promise<void> {
  if (directory === undefined) throw new Error('which folder?');
  const server = await serve(directory, portOf(args));
  console.log(`The lab is at ${server.url}`);
  console.log('Ctrl-C ends it.');
  const end = () => {
    server.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`lab: ${messageOf(error)}`);
  process.exitCode = 1;
});
