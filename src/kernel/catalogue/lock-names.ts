/** Names of what transactions lock first (`alone` of the unit of work). Those that lock the same thing must use the same name. */
export const lockNames = {
  account: (id: string): string => `account ${id}`,
  address: (email: string): string => `address ${email}`,
  pricingJob: (id: string): string => `pricing job ${id}`,
  refreshFamily: (id: string): string => `refresh family ${id}`,
};
