/**
 * Collects what the user's code (listeners, assignors) throws while the consumer has several steps to
 * complete. All steps are completed, then the first error is thrown.
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
