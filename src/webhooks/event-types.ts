/** The event that an owner sends to check a webhook. It has one attempt and does not count as a failed delivery. */
export const testEventType = 'webhook.test';

export const isTest = (type: string): boolean => type === testEventType;
