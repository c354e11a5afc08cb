import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Random places of a topic's first partition, with Kafka's consumer: see random-reads.ts. */
public class RandomReads {
  static final int WARM_UP = 200;
  static KafkaConsumer<byte[], byte[]> consumer;
  static TopicPartition tp;

  static long readAt(long offset) {
    consumer.seek(tp, offset);
    while (true) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(10))) {
        if (record.offset() != offset) throw new IllegalStateException("asked for " + offset + ", got " + record.offset());
        return record.timestamp();
      }
    }
  }

  static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }

  public static void main(String[] args) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", args[0]);
    settings.put("max.poll.records", "1");
    settings.put("max.partition.fetch.bytes", "1024");
    settings.put("fetch.max.bytes", "1024");
    settings.put("enable.auto.commit", "false");
    consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    tp = new TopicPartition(args[1], 0);
    consumer.assign(List.of(tp));
    int count = Integer.parseInt(args[2]);
    long end = consumer.endOffsets(List.of(tp)).get(tp);
    long first = readAt(0), last = readAt(end - 1);
    Random random = new Random(1);
    double[] byTimestamp = new double[count], byOffset = new double[count];
    for (int i = 0; i < count + WARM_UP; i++) {
      long timestamp = first + (long) (random.nextDouble() * (last - first)), offset = (long) (random.nextDouble() * end);
      long a = System.nanoTime();
      consumer.offsetsForTimes(Map.of(tp, timestamp));
      long b = System.nanoTime();
      readAt(offset);
      long c = System.nanoTime();
      if (i < WARM_UP) continue;
      byTimestamp[i - WARM_UP] = (b - a) / 1e6;
      byOffset[i - WARM_UP] = (c - b) / 1e6;
    }
    consumer.close();
    System.out.println("{\"byTimestampMs\":" + median(byTimestamp) + ",\"byOffsetMs\":" + median(byOffset) + "}");
  }
}
