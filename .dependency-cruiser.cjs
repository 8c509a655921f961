/** Who may import whom. The house stands in ARCHITECTURE: services import shared, shared imports schemas, the core imports nothing that does I/O. */
const own = '^(services|shared|schemas|deploy|bench|tests)/';
const tests = '[.]test[.]ts$';

/** Only files under `allowed` load the package at run time; its types are free. */
const onlyFrom = (name, packages, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: own, pathNot: [...allowed, tests, '^tests/', '^bench/'] },
  to: { path: packages.map((p) => `node_modules/${p}/`), dependencyTypesNot: ['type-only'] },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Two files that need each other are one file, or miss a third.',
      from: {},
      to: { circular: true },
    },
    { name: 'resolvable', severity: 'error', comment: 'An import that cannot be resolved.', from: {}, to: { couldNotResolve: true } },
    {
      name: 'services-stand-alone',
      severity: 'error',
      comment:
        'A service imports no other service: what two need is a capability under shared/, what they tell each other travels on the line.',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/([^/]+)/', pathNot: '^services/$1/' },
    },
    {
      name: 'shared-knows-no-service',
      severity: 'error',
      from: { path: '^(shared|schemas)/', pathNot: tests },
      to: { path: '^(services|deploy|bench|tests)/' },
    },
    {
      name: 'services-are-processes',
      severity: 'error',
      comment: 'What runs a service starts it; only the simulation takes one apart, to put its parts under virtual time.',
      from: { path: '^(deploy|tests)/', pathNot: ['^tests/simulation/'] },
      to: { path: '^services/' },
    },
    { name: 'schemas-stand-alone', severity: 'error', from: { path: '^schemas/', pathNot: tests }, to: { path: '^shared/' } },
    {
      name: 'core-is-pure',
      severity: 'error',
      comment: 'decide and evolve are synchronous and have no I/O, clock or randomness: only contracts, ids, assertions and each other.',
      from: { path: '^shared/sale/', pathNot: [tests, '^shared/sale/testing/'] },
      to: { pathNot: ['^schemas/', '^shared/(sale|faults|ids)/'] },
    },
    {
      name: 'proof-is-pure',
      severity: 'error',
      comment: 'Verification runs offline on bytes: hashes, contracts and the core, nothing that reads a file or a socket.',
      from: { path: '^shared/proof/', pathNot: [tests, '^shared/proof/testing/'] },
      to: { pathNot: ['^schemas/', '^shared/(proof|sale|faults|ids)/', '^(node:)?crypto$', 'node_modules/(canonicalize|zod)/'] },
    },
    {
      name: 'fairness-is-pure',
      severity: 'error',
      comment: 'Figures are a function of the events: nothing that reads a file, a socket or a clock.',
      from: { path: '^shared/fairness/', pathNot: tests },
      to: { pathNot: ['^schemas/', '^shared/(fairness|sale|faults)/'] },
    },
    onlyFrom(
      'kafka-behind-line',
      ['kafkajs'],
      ['^shared/line/', '^deploy/local/'],
      'kafkajs has no active maintainer: it stays behind one folder, so that it can be replaced.',
    ),
    onlyFrom(
      'postgres-behind-ledger',
      ['pg', 'node-pg-migrate', 'pg-pool'],
      ['^shared/(ledger|payments)/', '^deploy/local/'],
      'SQL stands in the ledger.',
    ),
    onlyFrom(
      'redis-behind-capability',
      ['ioredis'],
      ['^shared/[^/]+/', '^services/[^/]+/main[.]ts$', '^deploy/local/'],
      'A service gets functions, not a Redis client.',
    ),
    onlyFrom(
      's3-behind-archive',
      ['@aws-sdk/client-s3'],
      ['^shared/archive/'],
      'What keeps files for years is reached through one interface.',
    ),
    { name: 'tests-not-imported', severity: 'error', from: { path: own, pathNot: tests }, to: { path: tests } },
    {
      name: 'dev-dependencies-stay-home',
      severity: 'error',
      from: { path: '^(services|shared|schemas)/', pathNot: [tests, '/testing/'] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/generated/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
