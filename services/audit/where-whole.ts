import { TerminalFault } from '#shared/faults/faults.ts';

/** What is made of a tree's tiles; null where one of them is missing: the tree is being made anew, or it is not whole. */
export function whereWhole<Made>(make: () => Made): Made | null {
  try {
    return make();
  } catch (error) {
    if (error instanceof TerminalFault) return null;
    throw error;
  }
}
