/**
 * The logger of the node host: winston, on standard error, because standard output is for records and for the
 * line that reports a broker as ready.
 *
 * winston is slow even if a level is disabled, because every message goes through a stream. Hence the cached
 * `debugOn`; and nothing is logged per record or per request.
 */
import * as winston from 'winston';
import { Log, LogLevel } from '../common/host';
import { logLine } from '../common/log-line';

const line = winston.format.printf(({ level, message, timestamp }) => {
  return `[${String(timestamp)}] ${level.toUpperCase()} ${logLine(String(message))}`;
});

class WinstonLog implements Log {
  constructor(
    private readonly logger: winston.Logger,
    private readonly prefix: string,
    readonly debugOn: boolean,
  ) {}

  error(message: string): void {
    this.logger.error(this.prefix + message);
  }

  warn(message: string): void {
    this.logger.warn(this.prefix + message);
  }

  info(message: string): void {
    this.logger.info(this.prefix + message);
  }

  debug(message: string): void {
    if (this.debugOn) this.logger.debug(this.prefix + message);
  }

  child(prefix: string): Log {
    return new WinstonLog(this.logger, `[${prefix}] `, this.debugOn);
  }
}

export function nodeLog(level: LogLevel): Log {
  const logger = winston.createLogger({
    level,
    format: winston.format.combine(winston.format.timestamp({ format: 'YYYY-MM-DD HH:mm:ss,SSS' }), line),
    transports: [new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })],
  });
  return new WinstonLog(logger, '', level === 'debug');
}
