/** Requests of the unit tests; `next` and `answer` return the kind of the next question. */
export const questions = Object.freeze({ next: 100, input: 101, answer: 102 });
