/** Labels of the instance in the tests of alerts: as a selector and as the labels of an alert. */
export const i1 = 'job="volwatch",instance="a:9464"';
/** Another instance, on which the alert must stay quiet. */
export const i2 = 'job="volwatch",instance="b:9464"';
export const one = { job: 'volwatch', instance: 'a:9464' };
