/**
 * Writes the reference pages from the tables in the source: protocol, settings, errors, znodes. `npm run
 * docs` runs it. A test compares the pages with those in docs/, so they are always up to date.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { brokerConfigTable } from '../broker/broker-config';
import { SettingsTable, showDefault } from '../common/config-def';
import { errorTable } from '../common/errors';
import { consumerConfigTable } from '../consumer/consumer-config';
import { logConfigTable } from '../log/log-config';
import { producerConfigTable } from '../producer/producer-config';
import { protocolPage } from './protocol-page';
import { recordJourney } from './record-journey';
import { zookeeperConsumerConfigTable } from '../consumer/zookeeper-consumer-config';
import { consumerZnodeDocs } from '../zk/consumer-znodes';
import { znodeDocs } from '../zk/znodes';

const NOTE = '<!-- Written by `npm run docs` from the tables in src; changes here are overwritten. -->\n';

function settingRows(table: SettingsTable): string[] {
  const rows = Object.entries(table)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, row]) => {
      const bounds = [
        row.oneOf && `one of ${row.oneOf.join(', ')}`,
        row.min !== undefined && `≥ ${row.min}`,
        row.max !== undefined && `≤ ${row.max}`,
      ]
        .filter(Boolean)
        .join('; ');
      return (
        `| \`${name}\` | ${row.type} | ${showDefault(row)} | ${bounds} | ` +
        `${row.internal ? '(internal) ' : ''}${row.doc} |`
      );
    });
  return ['| Setting | Type | Default | Bounds | |', '|---|---|---|---|---|', ...rows, ''];
}

function config(): string {
  return [
    NOTE,
    '# Settings',
    '',
    "Names and defaults are Kafka 2.8's, with two exceptions: listeners are on 127.0.0.1, and the log dir " +
      'is our own.',
    'An unknown name is a warning; a bad value ends the start with name, value and reason. Internal ' +
      'settings are delays that Kafka hard-wires, and the teaching switches (`lab.*`).',
    '',
    '## Broker',
    '',
    ...settingRows(brokerConfigTable),
    '## Topic',
    '',
    ...settingRows(logConfigTable),
    '## Producer',
    '',
    ...settingRows(producerConfigTable),
    '## Consumer',
    '',
    ...settingRows(consumerConfigTable),
    '## Old consumer (0.8)',
    '',
    ...settingRows(zookeeperConsumerConfigTable),
  ].join('\n');
}

function errors(): string {
  const rows = Object.entries(errorTable).map(
    ([name, [code, retriable, message]]) =>
      `| ${name} | ${code ?? 'client only'} | ${retriable ? 'yes' : 'no'} | ${message} |`,
  );
  return [
    NOTE,
    '# Errors',
    '',
    "Names and numbers are Kafka's.",
    '',
    '| Name | Code | Retriable | |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function znodes(): string {
  const rows = [...znodeDocs, ...consumerZnodeDocs].map(
    ({ path: znode, mode, written, watched, example }) =>
      `| \`${znode}\` | ${mode} | ${written} | ${watched} | ${example === '' ? '' : `\`${example}\``} |`,
  );
  return [
    NOTE,
    '# Znodes',
    '',
    'Byte for byte what Kafka 2.8 writes at `inter.broker.protocol.version=2.6`.',
    '',
    '| Path | Mode | Written by | Watched by | Example |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** The generated pages, by file name. */
export const generatedPages: Readonly<Record<string, () => string>> = {
  'protocol.md': () => protocolPage(NOTE),
  'config.md': config,
  'errors.md': errors,
  'znodes.md': znodes,
  'from-socket-to-disk.md': () => recordJourney(NOTE),
};

if (require.main === module) {
  for (const [name, page] of Object.entries(generatedPages))
    fs.writeFileSync(path.join(__dirname, '../../../docs', name), page());
}
