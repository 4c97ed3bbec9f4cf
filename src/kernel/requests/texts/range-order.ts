/** The error of a range that ends before it begins. It follows the name of the member `from`. */
export const rangeOrderText = (input: unknown): string => {
  const { from, to } = input as { readonly from: string; readonly to: string };
  return `Must be ${to} (the value of "to") or earlier, not ${from}: swap the two values, or leave one out`;
};
