/**
 * A lock by a file that names its holder, as Node has no fcntl lock: the process id, when it started, and since which
 * boot of the machine.
 *
 * A file that is read before it is written could be taken by two at once. So who finds that the holder is gone first
 * claims its place: with a symbolic link, which is made by one process only and says at once whose it is. A claimant
 * that died may be succeeded in the same way. The claim counts if the file still names that holder, and those who
 * claimed and died before are still there.
 *
 * Invariant: of live processes at most one is named by the file or holds a claim that counts.
 *
 * Kafka: utils/FileLock.scala@2.8.2, which has fcntl. What this cannot see: a holder in another container or on
 * another machine.
 */
export interface LockFiles {
  /** '' if there is none, or nothing in it. */
  read(file: string): string;
  /** Makes a link that says `text`, if there is none of that name. */
  claim(link: string, text: string): boolean;
  /** What a link says; undefined if there is none. */
  claimant(link: string): string | undefined;
  replace(file: string, text: string): void;
  remove(link: string): void;
}

export interface LockRequest {
  readonly files: LockFiles;
  readonly file: string;
  /** Names this process, and no other before or after it. */
  readonly mine: string;
  readonly isAlive: (holder: string) => boolean;
}

/** More claimants that died one after the other, or more who come and go, than there can be. */
const MOST_TURNS = 1000;

function claimOf(file: string, holder: string): string {
  return `${file}.after-${holder === '' ? 'nobody' : holder.replace(/[^0-9A-Za-z]+/g, '-')}`;
}

interface Claim {
  readonly link: string;
  /** A process that died; undefined for our own claim. */
  readonly claimant: string | undefined;
}

/** Claims to come after `held` and all who died trying. Returns who lives and was faster, or all claims, ours last. */
function* claimPlace({ files, file, mine, isAlive }: LockRequest, held: string): Generator<void, string | Claim[]> {
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
 * Takes the lock; returns who holds it instead, or undefined. It yields before each step that other processes may come
 * before.
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

/** As `lockSteps`, in one go. */
export function takeLock(request: LockRequest): string | undefined {
  const steps = lockSteps(request);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}
