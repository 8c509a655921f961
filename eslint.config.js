import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

const environment = {
  object: 'process',
  property: 'env',
  message: 'Only main.ts reads the environment: parse it there with zod and pass values on.',
};

export default tseslint.config(
  { ignores: ['node_modules/', '.local/', 'coverage/', 'schemas/generated/', '**/*.cjs', '**/*.mjs', '**/public/**', '*.config.js'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-properties': ['error', environment],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['../../*'], message: 'Reach other folders by #shared/, #schemas/ or #deploy/ (package.json "imports").' }] },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', prefer: 'type-imports' }],
      // An index that was just bounded is read with `!`; anything else fails noUncheckedIndexedAccess.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // A function of one line may be written for its effect: `() => void work()` is not needed then.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      // Express and Kafka take handlers that return promises where they say void.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false, properties: false } }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Functions of a contract are async although one implementation answers at once.
      '@typescript-eslint/require-await': 'off',
      // A condition may be unnecessary by its type and needed at an edge (JSON, a library's own types), so only literals count.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'always' }],
    },
  },
  {
    files: [
      'services/*/main.ts',
      'services/cli/**/*.ts',
      'bench/**/*.ts',
      'tests/**/*.ts',
      'deploy/**/*.ts',
      'schemas/generate.ts',
      'shared/*/run-*.ts',
    ],
    rules: { 'no-restricted-properties': 'off', 'no-console': 'off' },
  },
  {
    files: ['**/*.test.ts', 'tests/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name=/^(test|it|describe)$/][property.name='only']",
          message: 'A test left alone hides the others.',
        },
      ],
    },
  },
  prettier,
);
