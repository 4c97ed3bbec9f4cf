/** What two fits are compared by. */
type ComparedFit = { readonly sumOfSquares: number; readonly converged: boolean };

/** A fit that has not converged must be better by more than this share of the squares than one that has. */
const CLEARLY_BETTER = 1e-3;

/** Whether `found` replaces `best`. Which of two fits is answered does not depend on which was found first. */
export const isBetterFit = (found: ComparedFit, best: ComparedFit): boolean => {
  if (found.converged === best.converged) return found.sumOfSquares < best.sumOfSquares;
  const share = 1 - CLEARLY_BETTER;
  if (best.converged) return found.sumOfSquares < share * best.sumOfSquares;
  return share * found.sumOfSquares <= best.sumOfSquares;
};
