// One question only: is every promise looked at? An unhandled rejection ends a broker, so a floating promise is a
// request that can stop it. Formatting and the rest are the compiler's and test/tidy.test.ts's affair.
const { parser, plugin } = require('typescript-eslint');

module.exports = [
  { ignores: ['dist/**', 'node_modules/**'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    languageOptions: { parser, parserOptions: { project: './tsconfig.json', tsconfigRootDir: __dirname } },
    plugins: { '@typescript-eslint': plugin },
    rules: {
      // `void promise` is as floating as before.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/no-misused-promises': 'error',
    },
  },
];
