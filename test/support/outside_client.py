#!/usr/bin/env python3
"""A client of Samsa that shares nothing with it: written in Python from docs/protocol.md and docs/errors.md alone.

It needs the package `msgpack` and nothing else, so that snappy, lz4 and zstd are written here by hand, without
compressing anything, and snappy and lz4 read. scripts/compat/outside runs it against real brokers, beside
Samsa's own clients:

  outside_client.py HOST:PORT create TOPIC PARTITIONS
  outside_client.py HOST:PORT produce TOPIC CODEC FIRST LAST     values FIRST..LAST, idempotent, sent twice
  outside_client.py HOST:PORT fetch TOPIC COUNT                  prints the values of the whole topic
  outside_client.py HOST:PORT group TOPIC GROUP PARTITIONS COUNT a member, until it has been given PARTITIONS
                                                                 partitions and has read COUNT records in all
"""
import gzip
import socket
import struct
import sys
import threading
import time

import msgpack

CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH = 0, 1, 2, 3, 8, 9
FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 10, 11, 12, 13, 14
API_VERSIONS, CREATE_TOPICS, INIT_PRODUCER_ID = 18, 19, 22
ERRORS = {
    1: 'OFFSET_OUT_OF_RANGE', 3: 'UNKNOWN_TOPIC_OR_PARTITION', 5: 'LEADER_NOT_AVAILABLE',
    6: 'NOT_LEADER_OR_FOLLOWER', 14: 'COORDINATOR_LOAD_IN_PROGRESS', 15: 'COORDINATOR_NOT_AVAILABLE',
    16: 'NOT_COORDINATOR', 22: 'ILLEGAL_GENERATION', 25: 'UNKNOWN_MEMBER_ID', 27: 'REBALANCE_IN_PROGRESS',
    56: 'KAFKA_STORAGE_ERROR', 74: 'FENCED_LEADER_EPOCH', 75: 'UNKNOWN_LEADER_EPOCH', 79: 'MEMBER_ID_REQUIRED',
}
ASK_METADATA = {3, 5, 6, 56, 74, 75}
WAIT_S = 120


class ServerError(Exception):
    def __init__(self, code, where):
        super().__init__(f'{ERRORS.get(code, code)} from {where}')
        self.code = code


def check(code, where):
    if code != 0:
        raise ServerError(code, where)


class Connection:
    """One request at a time; usable from several threads."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), 30)
        self.socket.settimeout(WAIT_S)
        self.correlation = 0
        self.lock = threading.Lock()
        error, apis, self.broker_id, self.cluster_id = self.ask(API_VERSIONS, ['outside', '1'])
        check(error, 'ApiVersions')
        self.apis = {key for key, _, _ in apis}

    def send(self, api, body):
        self.correlation += 1
        payload = msgpack.packb([api, 0, self.correlation, 'outside', body], use_bin_type=True)
        self.socket.sendall(struct.pack('>I', len(payload)) + payload)
        return self.correlation

    def receive(self, correlation):
        (length,) = struct.unpack('>I', self.read(4))
        got, body = msgpack.unpackb(self.read(length), raw=False, max_bin_len=2 ** 31 - 1)
        assert got == correlation, f'answer {got} instead of {correlation}'
        return body

    def ask(self, api, body):
        with self.lock:
            return self.receive(self.send(api, body))

    def read(self, count):
        data = bytearray()
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError('the broker closed the connection')
            data += more
        return bytes(data)


# ---- numbers and checksums

def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


CRC_TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(n):
    z = (n << 1) ^ (n >> 63)
    out = bytearray()
    while z > 0x7F:
        out.append(z & 0x7F | 0x80)
        z >>= 7
    return bytes(out) + bytes([z])


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data), 'the bytes end early'
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack('>' + form, self.take(struct.calcsize('>' + form)))[0]

    def unsigned_varint(self):
        shift = value = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varint(self):
        z = self.unsigned_varint()
        return (z >> 1) ^ -(z & 1)

    def varbytes(self):
        length = self.varint()
        return None if length < 0 else self.take(length)

    def string(self):
        return self.take(self.number('h')).decode()

    def array(self, element):
        return [element() for _ in range(self.number('i'))]

    def nbytes(self):
        length = self.number('i')
        return None if length < 0 else self.take(length)


# ---- codecs, by hand

XERIAL = bytes([0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0])


def unsigned_varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def snappy_block(data):
    """Literals alone: tag 61 << 2, and a length of 2 bytes."""
    out = bytearray(unsigned_varint(len(data)))
    for at in range(0, len(data), 65536):
        piece = data[at:at + 65536]
        out += bytes([61 << 2]) + struct.pack('<H', len(piece) - 1) + piece
    return bytes(out)


def snappy_compress(data):
    out = XERIAL + struct.pack('>ii', 1, 1)
    for at in range(0, len(data), 32768):
        block = snappy_block(data[at:at + 32768])
        out += struct.pack('>i', len(block)) + block
    return out


def copy_back(out, offset, length):
    for _ in range(length):
        out.append(out[-offset])


def snappy_block_read(data):
    reader, out = Reader(data), bytearray()
    expected = reader.unsigned_varint()
    while reader.at < len(data):
        tag = reader.take(1)[0]
        kind = tag & 3
        if kind == 0:
            length = tag >> 2
            if length >= 60:
                length = int.from_bytes(reader.take(length - 59), 'little')
            out += reader.take(length + 1)
        elif kind == 1:
            offset = (tag >> 5) << 8 | reader.take(1)[0]
            copy_back(out, offset, (tag >> 2 & 7) + 4)
        else:
            offset = int.from_bytes(reader.take(2 if kind == 2 else 4), 'little')
            copy_back(out, offset, (tag >> 2) + 1)
    assert len(out) == expected
    return bytes(out)


def snappy_decompress(data):
    if not data.startswith(XERIAL):
        return snappy_block_read(data)
    reader, out = Reader(data), b''
    reader.take(16)
    while reader.at < len(data):
        out += snappy_block_read(reader.take(reader.number('i')))
    return out


def xxh32_short(data):
    """xxHash-32 with seed 0 of fewer than 16 bytes: enough for the header of an LZ4 frame."""
    mask = 0xFFFFFFFF
    hash_ = (0x165667B1 + len(data)) & mask
    for byte in data:
        hash_ = (hash_ + byte * 0x165667B1) & mask
        hash_ = ((hash_ << 11 | hash_ >> 21) & mask) * 0x9E3779B1 & mask
    hash_ = (hash_ ^ hash_ >> 15) * 0x85EBCA77 & mask
    hash_ = (hash_ ^ hash_ >> 13) * 0xC2B2AE3D & mask
    return hash_ ^ hash_ >> 16


def lz4_compress(data):
    """Independent blocks of 64 KB, stored as they are."""
    descriptor = bytes([0x60, 0x40])
    out = b'\x04\x22\x4d\x18' + descriptor + bytes([xxh32_short(descriptor) >> 8 & 0xFF])
    for at in range(0, len(data), 65536):
        block = data[at:at + 65536]
        out += struct.pack('<I', len(block) | 0x80000000) + block
    return out + bytes(4)


def lz4_length(reader, length):
    if length == 15:
        while True:
            more = reader.take(1)[0]
            length += more
            if more < 255:
                break
    return length


def lz4_block_read(block, out):
    reader = Reader(block)
    while True:
        token = reader.take(1)[0]
        out += reader.take(lz4_length(reader, token >> 4))
        if reader.at == len(block):
            return
        offset = int.from_bytes(reader.take(2), 'little')
        copy_back(out, offset, lz4_length(reader, token & 15) + 4)


def lz4_decompress(data):
    reader, out = Reader(data), bytearray()
    assert reader.take(4) == b'\x04\x22\x4d\x18'
    flags = reader.take(2)[0]
    reader.take((8 if flags & 8 else 0) + (4 if flags & 1 else 0) + 1)
    while True:
        size = int.from_bytes(reader.take(4), 'little')
        if size == 0:
            return bytes(out)
        block = reader.take(size & 0x7FFFFFFF)
        if size & 0x80000000:
            out += block
        else:
            lz4_block_read(block, out)
        if flags & 16:
            reader.take(4)


def zstd_compress(data):
    """A frame with one segment and raw blocks."""
    out = struct.pack('<I', 0xFD2FB528) + bytes([0xA0]) + struct.pack('<I', len(data))
    pieces = [data[at:at + 65536] for at in range(0, len(data), 65536)]
    for i, piece in enumerate(pieces):
        is_last = i == len(pieces) - 1
        out += (len(piece) << 3 | is_last).to_bytes(3, 'little') + piece
    return out


COMPRESS = [lambda data: data, gzip.compress, snappy_compress, lz4_compress, zstd_compress]
DECOMPRESS = [lambda data: data, gzip.decompress, snappy_decompress, lz4_decompress]


# ---- record batches

def encode_record(i, value):
    body = b'\0' + varint(0) + varint(i) + varint(-1) + varint(len(value)) + value
    body += varint(1) + varint(4) + b'from' + varint(7) + b'outside'
    return varint(len(body)) + body


def encode_batch(values, codec, producer=(-1, -1, -1)):
    now = int(time.time() * 1000)
    records = COMPRESS[codec](b''.join(encode_record(i, value) for i, value in enumerate(values)))
    producer_id, producer_epoch, base_sequence = producer
    tail = struct.pack(
        '>hiqqqhii', codec, len(values) - 1, now, now, producer_id, producer_epoch, base_sequence, len(values),
    ) + records
    return struct.pack('>qiibI', 0, len(tail) + 9, -1, 2, crc32c(tail)) + tail


def decode_batches(data, position):
    """The values from `position` on, and the next position."""
    reader, values = Reader(data), []
    while reader.at < len(data):
        base_offset, length = reader.number('q'), reader.number('i')
        batch = Reader(reader.take(length))
        _, magic, crc = batch.number('i'), batch.number('b'), batch.number('I')
        assert magic == 2 and crc == crc32c(batch.data[batch.at:]), 'the batch is damaged'
        attributes, last_delta, *_ = struct.unpack('>hiqqqhi', batch.take(36))
        count = batch.number('i')
        records = Reader(DECOMPRESS[attributes & 7](batch.data[batch.at:]))
        for _ in range(count):
            record = Reader(records.take(records.varint()))
            record.take(1)
            record.varint()
            offset = base_offset + record.varint()
            record.varbytes()
            value = record.varbytes()
            for _ in range(record.varint()):
                record.varbytes(), record.varbytes()
            assert record.at == len(record.data)
            if offset >= position and not attributes & 32:
                values.append(value.decode())
        position = max(position, base_offset + last_delta + 1)
    return values, position


# ---- the client

class Client:
    def __init__(self, bootstrap):
        host, port = bootstrap.split(':')
        self.any = Connection(host, int(port))
        self.connections = {}
        self.leaders = {}

    def connection(self, address):
        if address not in self.connections:
            self.connections[address] = Connection(*address)
        return self.connections[address]

    def refresh(self, topic):
        """Asks for Metadata until each partition has a leader."""
        deadline = time.monotonic() + WAIT_S
        while True:
            brokers, _, _, topics = self.any.ask(METADATA, [[topic], False, False])
            addresses = {node: (host, port) for node, host, port, _ in brokers}
            error, _, _, partitions = topics[0]
            if error == 0 and partitions and all(row[0] == 0 for row in partitions):
                self.leaders = {row[1]: addresses[row[2]] for row in partitions}
                return
            if error not in ASK_METADATA and error != 0:
                raise ServerError(error, 'Metadata')
            assert time.monotonic() < deadline, f'{topic} has no leaders'
            time.sleep(0.1)

    def with_leader(self, topic, partition, ask):
        """Asks the leader, and the next one when it has moved."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                return ask(self.connection(self.leaders[partition]))
            except ServerError as error:
                if error.code not in ASK_METADATA or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)
            self.refresh(topic)

    def create(self, topic, partitions, replication_factor):
        body = [[[topic, partitions, replication_factor, [], []]], 30000, False]
        for name, error, message in self.any.ask(CREATE_TOPICS, body)[0]:
            check(error, f'CreateTopics of {name}: {message}')

    def produce(self, topic, codec, values):
        """Sends everything twice, as after a lost answer; returns the base offsets of both."""
        self.refresh(topic)
        error, producer_id, epoch = self.any.ask(INIT_PRODUCER_ID, [None, 0, -1, -1])
        check(error, 'InitProducerId')
        offsets = []
        for partition in self.leaders:
            mine = values[partition::len(self.leaders)]
            batch = encode_batch([value.encode() for value in mine], codec, (producer_id, epoch, 0))
            for _ in range(2):
                offsets.append(self.with_leader(topic, partition, lambda one: self.send(one, topic, partition, batch)))
        return offsets

    @staticmethod
    def send(connection, topic, partition, batch):
        [[[_, [[_, error, base_offset, _, _, message]]]]] = connection.ask(
            PRODUCE, [-1, 30000, [[topic, [[partition, batch]]]]],
        )
        check(error, f'Produce: {message}')
        return base_offset

    @staticmethod
    def list_offset(connection, topic, partition, timestamp):
        [[[_, [[_, error, _, offset, _]]]]] = connection.ask(
            LIST_OFFSETS, [-1, 0, [[topic, [[partition, -1, timestamp]]]]],
        )
        check(error, 'ListOffsets')
        return offset

    @staticmethod
    def read(connection, topic, partition, position):
        rows = [[topic, [[partition, -1, position, -1, 1048576]]]]
        error, responses = connection.ask(FETCH, [-1, -1, 200, 1, 10485760, 0, rows])
        check(error, 'Fetch')
        [[_, [[_, error, _, _, _, records]]]] = responses
        check(error, 'Fetch')
        return decode_batches(records, position)

    def fetch_all(self, topic, count):
        self.refresh(topic)
        earliest = lambda partition: lambda one: self.list_offset(one, topic, partition, -2)
        positions = {partition: self.with_leader(topic, partition, earliest(partition)) for partition in self.leaders}
        values, deadline = [], time.monotonic() + WAIT_S
        while len(values) < count and time.monotonic() < deadline:
            for partition, position in positions.items():
                read = lambda one: self.read(one, topic, partition, position)
                more, positions[partition] = self.with_leader(topic, partition, read)
                values += more
        return values


class Member:
    """A member of a group, by the rules of the section Groups; assigns with `range` if it leads."""

    def __init__(self, client, topic, group):
        self.client, self.topic, self.group = client, topic, group
        self.member_id, self.generation = '', -1
        self.partitions, self.positions = [], {}
        self.coordinator = None
        self.led = False

    def find(self):
        deadline = time.monotonic() + WAIT_S
        while self.coordinator is None:
            error, message, _, host, port = self.client.any.ask(FIND_COORDINATOR, [self.group, 0])
            if error == 0:
                self.coordinator = Connection(host, port)
                return
            if error not in (14, 15, 16) or time.monotonic() > deadline:
                raise ServerError(error, f'FindCoordinator: {message}')
            time.sleep(0.1)

    def ask(self, api, body):
        self.find()
        return self.coordinator.ask(api, body)

    def failed(self, error, where):
        """What to do about an error of the coordinator; raises what it cannot handle."""
        if error in (15, 16):
            self.coordinator = None
        elif error == 25:
            self.member_id, self.generation = '', -1
        elif error not in (14, 22, 27):
            raise ServerError(error, where)
        time.sleep(0.1)

    def subscription(self):
        topic = self.topic.encode()
        return struct.pack('>hih', 1, 1, len(topic)) + topic + struct.pack('>ii', -1, 0)

    def assignment(self, partitions):
        topic = self.topic.encode()
        rows = b''
        if partitions:
            rows = struct.pack('>h', len(topic)) + topic
            rows += struct.pack(f'>i{len(partitions)}i', len(partitions), *partitions)
        return struct.pack('>hi', 1, 1 if partitions else 0) + rows + struct.pack('>i', -1)

    def assigned(self, data):
        if not data:
            return []
        reader = Reader(data)
        reader.number('h')
        rows = reader.array(lambda: (reader.string(), reader.array(lambda: reader.number('i'))))
        return [partition for topic, partitions in rows for partition in partitions if topic == self.topic]

    def assign_all(self, members):
        ids = sorted(member_id for member_id, _, _ in members)
        each, extra = divmod(len(self.client.leaders), len(ids))
        rows, start = [], 0
        for i, member_id in enumerate(ids):
            count = each + (1 if i < extra else 0)
            rows.append([member_id, self.assignment(list(range(start, start + count)))])
            start += count
        return rows

    def join(self):
        while True:
            protocols = [['range', self.subscription()]]
            error, generation, _, name, leader, member_id, members = self.ask(
                JOIN_GROUP, [self.group, 30000, 60000, self.member_id, None, 'consumer', protocols],
            )
            if error == 79:
                self.member_id = member_id
                continue
            if error != 0:
                self.failed(error, 'JoinGroup')
                continue
            self.member_id, self.generation = member_id, generation
            is_leader = leader == member_id
            self.led = self.led or is_leader
            rows = self.assign_all(members) if is_leader else []
            error, _, _, assignment = self.ask(
                SYNC_GROUP, [self.group, generation, member_id, None, 'consumer', name, rows],
            )
            if error != 0:
                self.failed(error, 'SyncGroup')
                continue
            self.partitions = self.assigned(assignment)
            self.positions = self.committed()
            print(f'generation {generation}: {self.partitions}{" as the leader" if is_leader else ""}', file=sys.stderr)
            return

    def committed(self):
        deadline = time.monotonic() + WAIT_S
        while self.partitions:
            rows = [[self.topic, self.partitions]]
            error, topics = self.ask(OFFSET_FETCH, [self.group, False, rows, False])
            if error == 0:
                found = {row[0]: row[1] for _, partitions in topics for row in partitions if row[4] == 0}
                return {one: max(0, found[one]) for one in self.partitions}
            assert time.monotonic() < deadline
            self.failed(error, 'OffsetFetch')
        return {}

    def heartbeat(self):
        """False if the member has to join again."""
        (error,) = self.ask(HEARTBEAT, [self.group, self.generation, self.member_id, None])
        if error != 0:
            self.failed(error, 'Heartbeat')
        return error == 0

    def commit(self):
        rows = [[partition, position, -1, None] for partition, position in self.positions.items()]
        if not rows:
            return
        body = [self.group, self.generation, self.member_id, None, -1, '', [[self.topic, rows]]]
        for _, partitions in self.ask(OFFSET_COMMIT, body)[0]:
            for partition, error in partitions:
                if error != 0:
                    self.failed(error, 'OffsetCommit')

    def poll(self):
        values = []
        for partition in self.partitions:
            read = lambda one: self.client.read(one, self.topic, partition, self.positions[partition])
            more, self.positions[partition] = self.client.with_leader(self.topic, partition, read)
            values += more
        return values

    def leave(self):
        error, _ = self.ask(LEAVE_GROUP, [self.group, [[self.member_id, None]]])
        check(error, 'LeaveGroup')


def run_group(client, topic, group, partitions, count):
    client.refresh(topic)
    member = Member(client, topic, group)
    member.join()
    values, deadline = [], time.monotonic() + WAIT_S
    while len(member.partitions) != partitions or len(values) < count:
        assert time.monotonic() < deadline, f'{len(values)} records, partitions {member.partitions}'
        values += member.poll()
        member.commit()
        if not member.heartbeat():
            member.join()
        time.sleep(0.05)
    member.leave()
    return values


def main(bootstrap, command, *args):
    client = Client(bootstrap)
    if command == 'create':
        client.create(args[0], int(args[1]), int(args[2]))
    elif command == 'produce':
        topic, codec, first, last = args
        values = [f'outside {codec} {i}' for i in range(int(first), int(last) + 1)]
        offsets = client.produce(topic, CODECS.index(codec), values)
        assert offsets[::2] == offsets[1::2], f'a batch was appended twice: {offsets}'
    elif command == 'fetch':
        print('\n'.join(client.fetch_all(args[0], int(args[1]))))
    elif command == 'group':
        print('\n'.join(run_group(client, args[0], args[1], int(args[2]), int(args[3]))))
    else:
        sys.exit(f'unknown command {command}')


if __name__ == '__main__':
    main(*sys.argv[1:])
