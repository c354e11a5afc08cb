/** Want of descriptors is no fault of the disk: logs go on, and have some kept for them. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { isDiskFault } from '../../src/common/errors';
import { Disk, DiskFile } from '../../src/common/host';
import { SpareDescriptors } from '../../src/host/spare-descriptors';
import { OpenFiles } from '../../src/log/open-files';

const emfile = () => Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });

test('EMFILE, ENFILE and ENAMETOOLONG say nothing about the disk; EIO, ENOSPC and EROFS do', () => {
  const isFault = (code: string) => isDiskFault(Object.assign(new Error(code), { code }));
  expect(['EMFILE', 'ENFILE', 'ENAMETOOLONG'].map(isFault)).toEqual([false, false, false]);
  expect(['EIO', 'ENOSPC', 'EROFS'].map(isFault)).toEqual([true, true, true]);
});

test('where there is no descriptor cold files give theirs', () => {
  let left = 8;
  const disk = {
    open: (): Partial<DiskFile> => {
      if (left === 0) throw emfile();
      left--;
      return {
        close: () => {
          left++;
        },
      };
    },
  } as unknown as Disk;
  const files = new OpenFiles(disk, 100);
  for (let i = 0; i < 50; i++) files.get(`/log/${i}`);
  expect(files.size).toBeLessThanOrEqual(8);
  const hot = files.get('/log/49');
  expect(files.get('/log/49')).toBe(hot);
});

test('descriptors are kept for the disk when all others are taken, and are taken back when some are free', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'spare-'));
  let isFull = false;
  const spare = new SpareDescriptors(() => {
    if (isFull) throw emfile();
    return fs.openSync(directory, 'r');
  });
  const kept = spare.count;
  isFull = true;
  let tries = 0;
  const result = spare.during(() => {
    if (++tries < 3) throw emfile();
    return 'done';
  });
  expect([result, spare.count]).toEqual(['done', kept - 2]);
  expect(() =>
    spare.during(() => {
      throw emfile();
    }),
  ).toThrow('EMFILE');
  isFull = false;
  spare.refill();
  expect(spare.count).toBe(kept);
  while (spare.giveOne());
  fs.rmSync(directory, { recursive: true });
});
