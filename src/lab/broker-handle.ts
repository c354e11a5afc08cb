/**
 * One broker as a story sees it, whatever runs it: a child process, or a container of docker-compose.yml.
 */
import { SegmentFile } from './segment-files';

export interface BrokerHandle {
  readonly id: number;
  /** Where it runs, for people: pid and port, or the container. */
  readonly where: string;
  /** Where its events are appended. */
  readonly timelineFile: string;
  readonly isRunning: boolean;
  /** Resolves when the broker serves. */
  start(): Promise<void>;
  kill9(): Promise<void>;
  /** SIGTERM; resolves when it has ended. */
  terminate(): Promise<void>;
  pause(): void;
  resume(): void;
  /** The files of a partition's directory, e.g. of `events-0`. */
  files(partition: string): SegmentFile[];
}
