/** Where a sign-in came from: the family of the program, and a keyed hash of account and network. */
export type SignInOrigin = { readonly agent: string | null; readonly placeHash: Buffer };
