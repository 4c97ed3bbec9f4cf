export { compose, type Service } from './compose.ts';
