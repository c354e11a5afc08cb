/**
 * What the program's own code (listeners, assignors) throws while the consumer has several things to do that
 * belong together: they are all done, and the first error is thrown then.
 *
 * [p] Kafka: clients/consumer/internals/ConsumerCoordinator.java#onJoinComplete, its firstException@2.8.2
 */
export class ProgramErrors {
  private readonly thrown: unknown[] = [];

  async keep(run: () => void | Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.thrown.push(error);
    }
  }

  /** Throws the first error, if there was one. */
  throwFirst(): void {
    if (this.thrown.length > 0) throw this.thrown[0];
  }
}
