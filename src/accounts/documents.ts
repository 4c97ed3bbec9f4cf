import type { z } from 'zod';
import type { DocumentShape, Documents } from './document.ts';
import { createDocumentChanges, type DocumentChangesDeps } from './document-changes.ts';
import { createDocumentReads, type DocumentReadsDeps } from './document-reads.ts';

export type DocumentsDeps<Shape extends DocumentShape> = DocumentReadsDeps<Shape> &
  Omit<DocumentChangesDeps<Shape>, 'toDocument'>;

/** Documents of users: one versioned entity for each user. */
export const createDocuments = <Shape extends DocumentShape>(
  deps: DocumentsDeps<Shape>,
): Documents<z.output<z.ZodObject<Shape>>> => {
  const { read, toDocument } = createDocumentReads(deps);
  return { read, ...createDocumentChanges({ ...deps, toDocument }) };
};
