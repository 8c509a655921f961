import fc from 'fast-check';

/**
 * Before each file of tests: properties are tried less often, since it is done for each of some thousand mutants; always
 * with the same histories, so that a score can be had again; and without looking for a smaller counterexample.
 */
fc.configureGlobal({ numRuns: 20, seed: 1, endOnFailure: true });
