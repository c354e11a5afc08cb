/**
 * A lock in the form of a file that names its holder: process id, start time of the process, boot id of the
 * machine. Node has no fcntl locks, which the operating system releases when a process ends.
 *
 * If the holder in the file is dead, several processes may find that at once, and each would write its own
 * name. So a process first claims the succession of that holder: it creates a symbolic link whose name
 * contains the holder and whose target is the claimant. Creating a link is atomic and succeeds for one
 * process only. If that claimant is dead too, its succession is claimed in the same way. The last claim of
 * such a chain is valid if, after it was made, the file still names that holder and the links of all dead
 * claimants still exist. The process with the valid claim writes its name into the file and removes the
 * links.
 *
 * Invariant: at most one live process is named by the file or has a valid claim.
 *
 * Kafka: utils/FileLock.scala@2.8.2, which has fcntl. Not detected: a holder in another container or on
 * another machine.
 */
export interface LockFiles {
  /** The content of the file; '' if it does not exist or is empty. */
  read(file: string): string;
  /** Creates a link with the target `text`; returns false if a link of that name exists. */
  claim(link: string, text: string): boolean;
  /** The target of a link; undefined if it does not exist. */
  claimant(link: string): string | undefined;
  replace(file: string, text: string): void;
  remove(link: string): void;
}

export interface LockRequest {
  readonly files: LockFiles;
  readonly file: string;
  /** Identifies this process, and no other one before or after it. */
  readonly mine: string;
  readonly isAlive: (holder: string) => boolean;
}

/**
 * More steps than there can be dead claimants in a chain, or other processes that take the lock and release
 * it.
 */
const MOST_TURNS = 1000;

function claimOf(file: string, holder: string): string {
  return `${file}.after-${holder === '' ? 'nobody' : holder.replace(/[^0-9A-Za-z]+/g, '-')}`;
}

interface Claim {
  readonly link: string;
  /** The dead process that made this claim; undefined for our own claim. */
  readonly claimant: string | undefined;
}

/**
 * Claims the succession of `held` and of every dead claimant after it. Returns the claims, our own last, or
 * the identity of a live claimant that was faster.
 */
function* claimPlace(
  { files, file, mine, isAlive }: LockRequest,
  held: string,
): Generator<void, string | Claim[]> {
  const claims: Claim[] = [];
  for (let last = held; claims.length < MOST_TURNS;) {
    const link = claimOf(file, last);
    yield;
    if (files.claim(link, mine)) return [...claims, { link, claimant: undefined }];
    yield;
    const claimant = files.claimant(link);
    if (claimant === undefined) continue;
    if (isAlive(claimant)) return claimant;
    claims.push({ link, claimant });
    last = claimant;
  }
  throw new Error(`Too many links ${file}.after-*: remove them while no broker is running there`);
}

/**
 * Takes the lock and returns undefined, or returns the identity of the live process that has it. Yields
 * before each step before which another process may run, so that tests can interleave processes.
 */
export function* lockSteps(request: LockRequest): Generator<void, string | undefined> {
  const { files, file, mine, isAlive } = request;
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    yield;
    const held = files.read(file);
    if (held !== '' && isAlive(held)) return held;
    const claims = yield* claimPlace(request, held);
    if (typeof claims === 'string') return claims;
    let counts = true;
    for (const { link, claimant } of claims.slice(0, -1)) {
      yield;
      counts &&= files.claimant(link) === claimant;
    }
    yield;
    counts &&= files.read(file) === held;
    yield;
    if (counts) files.replace(file, mine);
    for (const { link } of counts ? claims : claims.slice(-1)) {
      yield;
      files.remove(link);
    }
    if (counts) return undefined;
  }
  throw new Error(`${file} changes hands all the time`);
}

/** As `lockSteps`, without interruptions. */
export function takeLock(request: LockRequest): string | undefined {
  const steps = lockSteps(request);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}
