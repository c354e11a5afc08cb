/**
 * A broker as a story uses it: a child process, or a container of docker-compose.yml.
 */
import { SegmentFile } from './segment-files';

export interface BrokerHandle {
  readonly id: number;
  /** For display: pid and port, or the container. */
  readonly where: string;
  /** The file to which the broker appends its events. */
  readonly timelineFile: string;
  readonly isRunning: boolean;
  /** Resolves when the broker accepts requests. */
  start(): Promise<void>;
  kill9(): Promise<void>;
  /** Sends SIGTERM; resolves when the broker has ended. */
  terminate(): Promise<void>;
  pause(): void;
  resume(): void;
  /** The files of a partition's directory, such as `events-0`. */
  files(partition: string): SegmentFile[];
}
