const newLine = 10;
const quote = 34;

/**
 * Finds the end of the last complete record of CSV texts that have quotes. It looks at each character once. A quote
 * character opens or closes a quoted value; an escaped one does both. In a text that RFC 4180 allows, a line end after an
 * even number of quotes therefore ends a record. The parser refuses any other text, so a wrong place does no harm.
 */
export const createRecordEnds = () => {
  let isQuoted = false;
  return {
    /** @returns the position after the last record of the next text that is complete; 0 if none ends in it */
    endIn: (text: string): number => {
      let end = 0;
      for (let index = 0; index < text.length; index += 1) {
        const character = text.charCodeAt(index);
        if (character === quote) isQuoted = !isQuoted;
        else if (character === newLine && !isQuoted) end = index + 1;
      }
      // The last line of a file may lack its line end.
      return isQuoted ? end : text.length;
    },
  };
};
