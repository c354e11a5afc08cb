// Jest runs the compiled files, so tests and child brokers share one build. Two projects: what needs nothing but this
// process, and what needs a real ZooKeeper or real processes (in band).
const common = { testEnvironment: 'node',  modulePathIgnorePatterns: ['<rootDir>/.samsa'] };
module.exports = {
  testTimeout: 180000,
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/dist/test/**/*.test.js'], testPathIgnorePatterns: ['/dist/test/real/'] },
    { ...common, displayName: 'real', testMatch: ['<rootDir>/dist/test/real/**/*.test.js'], globalSetup: '<rootDir>/dist/test/support/start-zookeeper.js', globalTeardown: '<rootDir>/dist/test/support/stop-zookeeper.js' },
  ],
};
