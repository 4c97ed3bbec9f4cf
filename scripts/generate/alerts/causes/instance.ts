/** Labels of the instance that the proofs of alerts use: in a selector, and as an alert carries them. */
export const i1 = 'job="volwatch",instance="a:9464"';
export const one = { job: 'volwatch', instance: 'a:9464' };
